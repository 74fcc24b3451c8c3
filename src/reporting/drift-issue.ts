import type { IssueStep } from '../github/sync-issue.ts';
import { type Finding, isDrift, type ReportedFinding } from '../reconcile/findings.ts';
import { formatUtc } from './database-comment.ts';
import { type DriftCheckResult, resourceTypes, sortFindings } from './drift-report.ts';
import { inlineCode, renderTable } from './markdown.ts';

/** By which a finding is known again over nights. With an empty name it means some thing of that kind. */
export type FindingKey = Pick<Finding, 'resource' | 'name' | 'property'>;

/** What an open issue tells of; undefined where its record cannot be read. */
export type RecordedFindings = readonly FindingKey[] | undefined;

export type IssueAction = 'open' | 'update' | 'close' | 'leave';

/** GitHub's limits, in characters; counted here in UTF-16 units, which are never fewer. */
const MAX_BODY_LENGTH = 65_536;
const MAX_NAME_LENGTH = 63;
const MAX_CELL_LENGTH = 300;
/** How much of the body each part may take that is not the table of what drifted. */
const SECTION_LIMITS = { record: 16_000, unknown: 12_000, unverified: 6_000 };

/** By which the issue is known again, its body's first line: one for each server and database that are declared. */
export function driftMarker(server: string, database: string | undefined): string {
  const what =
    database === undefined
      ? escapeForMarker(server)
      : `${escapeForMarker(server)}/${escapeForMarker(database)}`;
  return `<!-- azure-postgresql-action: drift of ${what} -->`;
}

/** Unit by unit and of one width, so that no two names are written alike and none can end the HTML comment. */
const escapeForMarker = (name: string): string =>
  name.replaceAll(/[^\w.-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * What to do about the issue, by what an earlier check wrote into it and this one found.
 * @param existingBody body of the issue that is open; undefined where none is
 */
export function planIssueStep(check: DriftCheckResult, existingBody: string | undefined): IssueStep {
  const { findings } = check;
  const recorded = existingBody === undefined ? [] : parseRecord(existingBody);
  const action = decideAction(existingBody === undefined ? undefined : { recorded }, findings);
  if (action === 'leave') return { action };
  if (action === 'close') return { action, comment: renderResolvedComment(check) };
  return {
    action,
    title: renderTitle(check),
    body: renderBody(check, unverifiedFindings(recorded, findings)),
  };
}

/**
 * @param openIssue what is known of the open issue; undefined where there is none
 * @param findings of this check
 * @returns `close` only where everything that the issue tells of has been seen as declared (law 8)
 */
export function decideAction(
  openIssue: { readonly recorded: RecordedFindings } | undefined,
  findings: readonly Finding[],
): IssueAction {
  if (findings.some(isDrift)) return openIssue === undefined ? 'open' : 'update';
  if (openIssue === undefined) return 'leave';
  return unverifiedFindings(openIssue.recorded, findings).length > 0 ? 'leave' : 'close';
}

/**
 * What was found by an earlier check, and this one could not look at. Of a record that cannot be read nothing may be
 * concluded, so it may have told of everything that is unknown now.
 */
function unverifiedFindings(recorded: RecordedFindings, findings: readonly Finding[]): readonly FindingKey[] {
  const unknownFindings = findings.filter((finding) => !isDrift(finding));
  if (recorded === undefined)
    return unknownFindings.map(({ resource, name }) => ({ resource, name, property: '' }));
  const drifted = new Set(findings.filter(isDrift).map(findingId));
  return recorded.filter(
    (key) => !drifted.has(findingId(key)) && unknownFindings.some((u) => hidesFinding(u, key)),
  );
}

const findingId = ({ resource, name, property }: FindingKey): string =>
  JSON.stringify([resource, name, property]);

/** All is in the server; what has no name is some thing of its kind, or all of them. */
function hidesFinding(unknown: Finding, { resource, name, property }: FindingKey): boolean {
  if (unknown.resource === 'server') {
    const hidesServer = ['', 'state'].includes(unknown.property);
    // One property that Azure does not tell hides no other.
    return hidesServer || (resource === 'server' && ['', unknown.property].includes(property));
  }
  return unknown.resource === resource && (unknown.name === name || unknown.name === '' || name === '');
}

function renderTitle({ server, database }: DriftCheckResult): string {
  // A title has no fences that could be made longer.
  const formatName = (name: string): string =>
    inlineCode(truncate(name, MAX_NAME_LENGTH).replaceAll('`', "'"));
  return database === undefined
    ? `Drift of PostgreSQL server ${formatName(server)}`
    : `Drift of PostgreSQL server ${formatName(server)}, database ${formatName(database)}`;
}

/**
 * @param unverified what an earlier check found, and this one could not look at
 * @returns the marker, the record, and what people read; nothing from outside is markup or mentions anybody
 */
function renderBody(check: DriftCheckResult, unverified: readonly FindingKey[]): string {
  const { server, database, findings } = check;
  const drifted = sortFindings(findings.filter(isDrift));
  const unknownFindings = sortFindings(findings.filter((finding) => !isDrift(finding)));
  const header = [
    [driftMarker(server, database), renderRecord([...drifted, ...unverified])].join('\n'),
    '### PostgreSQL on Azure is not as it is declared',
    `${describeTarget(check)} was last looked at ${describeCheck(check)}.`,
    ...renderWideOpenWarning(check.wideOpenRules),
  ];
  const footer = [
    ...renderUnknownSection(unknownFindings),
    ...renderUnverifiedSection(unverified),
    ...renderInstructions(check),
  ];
  const tableLimit = MAX_BODY_LENGTH - [...header, ...footer].join('\n\n').length - 2 * '\n\n'.length;
  const columns = ['Resource', 'Name', 'Property', 'Declared', 'Actual', 'What would fix it'];
  const rows = drifted.map((f) => [f.resource, f.name, f.property, f.expected, f.actual, f.remedy]);
  return [...header, renderTableWithin(tableLimit, columns, rows), ...footer].join('\n\n');
}

function describeTarget({ server, database }: DriftCheckResult): string {
  const serverText = `Server ${inlineCode(truncate(server))}`;
  return database === undefined
    ? serverText
    : `${serverText} with database ${inlineCode(truncate(database))}`;
}

function describeCheck({ checkedAt, runUrl }: DriftCheckResult): string {
  if (runUrl === undefined) return formatUtc(checkedAt);
  // As GitHub writes it; what else it may be is no link.
  const link = /^https:\/\/[\w.:-]+(\/[\w.-]+)*$/.test(runUrl)
    ? `[this run](${runUrl})`
    : inlineCode(truncate(runUrl));
  return `${formatUtc(checkedAt)} by ${link}`;
}

function renderWideOpenWarning(rules: readonly string[]): readonly string[] {
  if (rules.length === 0) return [];
  const shown = rules.slice(0, 5).map((name) => inlineCode(truncate(name)));
  const more = rules.length > shown.length ? ` and ${rules.length - shown.length} more` : '';
  return [`**The whole internet may try to log in**, by firewall rule ${shown.join(', ')}${more}.`];
}

function renderUnknownSection(unknownFindings: readonly ReportedFinding[]): readonly string[] {
  if (unknownFindings.length === 0) return [];
  const rows = unknownFindings.map((f) => [f.resource, f.name, f.actual, f.remedy]);
  return [
    '#### What could not be looked at',
    renderTableWithin(SECTION_LIMITS.unknown, ['Resource', 'Name', 'Why', 'What would help'], rows),
  ];
}

function renderUnverifiedSection(unverified: readonly FindingKey[]): readonly string[] {
  if (unverified.length === 0) return [];
  const rows = unverified.map((key) => [key.resource, key.name, key.property]);
  return [
    '#### What had drifted before, and could not be looked at again',
    renderTableWithin(SECTION_LIMITS.unverified, ['Resource', 'Name', 'Property'], rows),
  ];
}

function renderInstructions({ configSource }: DriftCheckResult): readonly string[] {
  const source =
    configSource === undefined ? 'the inputs of the step' : inlineCode(truncate(configSource.path));
  return [
    '#### What to do',
    `Declare what is there, in ${source}, or run the action with \`mode: ensure\`; what is there already, it changes only with \`on-drift: fix\`. Each check keeps this issue up to date, and the first that finds everything as declared closes it.`,
  ];
}

function renderResolvedComment(check: DriftCheckResult): string {
  const exceptions =
    check.findings.length > 0 ? ', apart from what it could not look at and had not drifted' : '';
  return `The drift has ended: ${describeTarget(check)} was looked at ${describeCheck(check)}, and all is as it is declared${exceptions}.`;
}

/** A table of at most so many characters, in whole rows, and a line of how many there are besides. */
function renderTableWithin(
  maxLength: number,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const [head = '', separator = '', ...lines] = renderTable(
    columns,
    rows.map((row) => row.map((text) => truncate(text))),
  ).split('\n');
  const formatMore = (count: number): string => (count === 0 ? '' : `\n\n… and ${count} more.`);
  let length = head.length + 1 + separator.length;
  let shown = 0;
  for (const line of lines) {
    length += 1 + line.length;
    const remaining = lines.length - shown - 1;
    if (length + formatMore(remaining).length > maxLength) break;
    shown += 1;
  }
  return [head, separator, ...lines.slice(0, shown)].join('\n') + formatMore(lines.length - shown);
}

function truncate(text: string, maxLength = MAX_CELL_LENGTH): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1).toWellFormed()}…`;
}

const RECORD_PREFIX = '<!-- azure-postgresql-action: findings ';
const RECORD_SUFFIX = ' -->';

/**
 * The findings in one HTML comment, which nothing in it can end, and in which nobody is mentioned. Where they are too
 * many, the kinds of things alone: then it takes more to close the issue, never less.
 */
function renderRecord(findings: readonly FindingKey[]): string {
  const keys = [...new Map(findings.map((f) => [findingId(f), f])).values()];
  const fullRecord = toEscapedJson(keys);
  if (fullRecord.length <= SECTION_LIMITS.record) return `${RECORD_PREFIX}${fullRecord}${RECORD_SUFFIX}`;
  const kinds = new Set(keys.map(({ resource }) => resource));
  return `${RECORD_PREFIX}${toEscapedJson([...kinds].map((resource) => ({ resource, name: '', property: '' })))}${RECORD_SUFFIX}`;
}

/** These stand nowhere in JSON but inside of strings. */
const toEscapedJson = (keys: readonly FindingKey[]): string =>
  JSON.stringify(keys.map(({ resource, name, property }) => ({ resource, name, property }))).replaceAll(
    /[<>&@#]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** What a body of ours records in its second line; undefined where that is not exactly of our form. */
export function parseRecord(body: string): RecordedFindings {
  const line = body.split(/\r?\n/, 2)[1] ?? '';
  if (!line.startsWith(RECORD_PREFIX) || !line.endsWith(RECORD_SUFFIX)) return undefined;
  try {
    const keys: unknown = JSON.parse(line.slice(RECORD_PREFIX.length, -RECORD_SUFFIX.length));
    return Array.isArray(keys) && keys.every(isFindingKey) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function isFindingKey(value: unknown): value is FindingKey {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3) return false;
  const { resource, name, property } = value as Partial<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    typeof property === 'string' &&
    resourceTypes.some((known) => known === resource)
  );
}
