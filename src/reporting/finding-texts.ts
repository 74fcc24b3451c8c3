import { serverPropertyEntries } from '../inputs/server-properties.ts';
import type { Finding } from '../reconcile/findings.ts';
import { type Cell, code, type Fragment } from './markdown.ts';

/** The words of the log, the summary and the issue for a finding. The outputs have the finding itself. */

const capitalize = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** A finding in one line without a full stop: `Server demo storage size: is 32 GiB, declared 64 GiB`. */
export function formatFinding(finding: Finding): string {
  const { resource, name, property, expected, actual, kind } = finding;
  const resourceText = capitalize([resource, name].filter(Boolean).join(' '));
  const subject = [resourceText, property].filter(Boolean).join(' ');
  if (kind === 'unknown')
    return property === 'state'
      ? `${resourceText} is in state ${actual}`
      : `${subject} could not be checked: ${actual}`;
  if (isAbsent(finding))
    return `${resourceText} does not exist${expected === 'present' ? '' : `, declared ${expected}`}`;
  if (kind === 'unexpected' && expected === 'absent')
    return `${resourceText} exists, but is not declared${actual === 'present' ? '' : `: ${actual}`}`;
  const values = `is ${withUnit(finding, actual)}, ${kind === 'unexpected' ? 'expected' : 'declared'} ${withUnit(finding, expected)}`;
  return `${subject}: ${values}`;
}

/** Whether the resource itself is missing, and not only an entry of a list. */
const isAbsent = ({ kind, actual }: Finding): boolean =>
  kind === 'missing' && ['absent', 'no such parameter'].includes(actual);

/** A value with the unit of its property, such as `32 GiB`. */
function withUnit({ resource, property }: Finding, value: string): string {
  const unit =
    resource === 'server'
      ? serverPropertyEntries.find(([, { name }]) => name === property)?.[1].unit
      : undefined;
  return unit !== undefined && /^\d+$/.test(value) ? `${value} ${unit}` : value;
}

/** The columns of {@link findingCells}. */
export const FINDING_COLUMNS = ['What', 'Declared', 'Is', 'What to do'] as const;

const DECLARED_WORDS = new Map([
  ['present', 'exists'],
  ['absent', 'nothing'],
]);
const ACTUAL_WORDS = new Map([
  ['present', 'exists'],
  ['absent', 'does not exist'],
]);

/** A difference as cells of a table. @param shorten limits the length of each text from outside */
export function findingCells(
  finding: Finding & { readonly remedy: string },
  shorten: (text: string) => string = (text) => text,
): readonly Cell[] {
  const { expected, actual, remedy } = finding;
  // A map, because a value can also be the name of a member of every object, such as `constructor`.
  const value = (text: string, words: ReadonlyMap<string, string>): Fragment =>
    words.get(text) ?? code(shorten(withUnit(finding, text)));
  return [
    subjectCell(finding, shorten),
    value(expected, DECLARED_WORDS),
    value(actual, ACTUAL_WORDS),
    capitalize(shorten(remedy)),
  ];
}

/** The resource and the property of a finding. */
export const subjectCell = (
  { resource, name, property }: Pick<Finding, 'resource' | 'name' | 'property'>,
  shorten: (text: string) => string = (text) => text,
): Cell => ({ lines: [[capitalize(resource), code(shorten(name)), shorten(property)]] });

/** The columns of {@link unknownCells}. */
export const UNKNOWN_COLUMNS = ['Not checked', 'Reason', 'What to do'] as const;

/** What could not be checked, as cells of a table. */
export const unknownCells = (
  finding: Finding & { readonly remedy: string },
  shorten: (text: string) => string = (text) => text,
): readonly Cell[] => [
  subjectCell(finding, shorten),
  capitalize(shorten(finding.actual)),
  capitalize(shorten(finding.remedy)),
];
