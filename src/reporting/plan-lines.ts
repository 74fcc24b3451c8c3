import { count } from '../common/count.ts';
import { type Change, type Finding, isDrift, type ResourceType } from '../reconcile/findings.ts';
import type { Plan } from '../reconcile/reconcile.ts';

/** A line of the log about a resource, in columns. */
export interface PlanLine {
  readonly sign: '+' | '~' | '-' | '=' | '>';
  /** What happens to the resource: `create`. */
  readonly verb: string;
  /** The resource: `server demo-relecloud`. */
  readonly subject: string;
  readonly details: string;
}

const VERB_WIDTH = 'would drop'.length;
/** The least width of the subjects, so that the lines of several short plans are aligned. */
const MIN_SUBJECT_WIDTH = 32;
/** The greatest width: a longer subject moves only its own details. */
const MAX_SUBJECT_WIDTH = 64;

/** The lines with aligned columns. */
export function formatPlanLines(lines: readonly PlanLine[]): readonly string[] {
  const widths = lines.map(({ subject }) => subject.length).filter((width) => width <= MAX_SUBJECT_WIDTH);
  const subjectWidth = Math.max(MIN_SUBJECT_WIDTH, ...widths);
  return lines.map(({ sign, verb, subject, details }) =>
    `${sign} ${verb.padEnd(VERB_WIDTH)}  ${subject.padEnd(subjectWidth)}  ${details}`.trimEnd(),
  );
}

const SIGNS = { create: '+', update: '~', start: '>', delete: '-' } as const;

/** A planned change. */
export const changeLine = ({ resource, name, action, details }: Change): PlanLine => ({
  sign: SIGNS[action],
  verb: action,
  subject: `${resource} ${name}`,
  details,
});

/** Identifies a resource in a log. */
export const resourceKey = ({ resource, name }: Pick<Finding, 'resource' | 'name'>): string =>
  JSON.stringify([resource, name]);

/**
 * A line for each type of resource that has resources without a difference.
 * @param desired how the resources should be: present with their declared properties, or absent
 * @param isLogged whether the log has a line about the resource already
 */
export function unchangedLines(
  { resources, plannedChanges, findings }: Plan<never>,
  desired: 'declared' | 'absent',
  isLogged: (key: string) => boolean,
): readonly PlanLine[] {
  const different = new Set([...plannedChanges.map(({ change }) => change), ...findings].map(resourceKey));
  const unchanged = resources.filter((resource) => {
    const key = resourceKey(resource);
    // The group of an existing server is never read.
    return resource.resource !== 'resource group' && !different.has(key) && !isLogged(key);
  });
  return [...Map.groupBy(unchanged, ({ resource }) => resource)].flatMap(([resource, some]) =>
    unchangedTypeLines(resource, [...new Set(some.map(({ name }) => name))], desired),
  );
}

function unchangedTypeLines(
  resource: ResourceType,
  names: readonly string[],
  desired: 'declared' | 'absent',
): readonly PlanLine[] {
  const line = { sign: '=', verb: 'unchanged' } as const;
  const named = names.filter((name) => name !== '');
  const subject = describeResources(resource, named);
  const details = desired === 'declared' ? 'as declared' : `${named.length === 1 ? 'does' : 'do'} not exist`;
  // The empty name stands for all resources that are not declared.
  const undeclared = { ...line, subject: `other ${resource}s`, details: 'none exists' };
  return [
    ...(named.length === 0 ? [] : [{ ...line, subject, details }]),
    ...(named.length === names.length ? [] : [undeclared]),
  ];
}

/** Names in a line; of more resources, it shows the number. */
const MAX_NAMES = 4;

/** `server demo`, `firewall rules office, vpn`, `12 firewall rules` */
function describeResources(resource: ResourceType, names: readonly string[]): string {
  if (names.length > MAX_NAMES) return `${names.length} ${resource}s`;
  return `${resource}${names.length === 1 ? '' : 's'} ${names.join(', ')}`;
}

/** A line for each resource with findings, which are reported elsewhere. */
export const differenceLines = (findings: readonly Finding[]): readonly PlanLine[] =>
  [...Map.groupBy(findings, resourceKey).values()].map((some) => {
    const [{ resource, name } = { resource: 'server', name: '' }] = some;
    const differences = some.filter(isDrift).length;
    return {
      sign: differences === 0 ? '=' : '~',
      verb: differences === 0 ? 'unknown' : 'differs',
      subject: `${resource} ${name}`.trim(),
      details: [
        ...(differences === 0 ? [] : [count(differences, 'difference')]),
        ...(differences === some.length ? [] : ['not checked completely']),
      ].join(', '),
    };
  });
