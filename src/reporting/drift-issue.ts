import { count } from '../common/count.ts';
import type { IssueStep } from '../github/sync-issue.ts';
import { type Finding, isDrift, type ReportedFinding } from '../reconcile/findings.ts';
import { type DriftCheckResult, resourceTypes, sortFindings } from './drift-check.ts';
import {
  FINDING_COLUMNS,
  findingCells,
  subjectCell,
  UNKNOWN_COLUMNS,
  unknownCells,
} from './finding-texts.ts';
import { formatUtc } from './log-lines.ts';
import { type Cell, inlineCode, renderTable } from './markdown.ts';

/** Identifies a finding across checks. An empty name matches any resource of the type. */
export type FindingKey = Pick<Finding, 'resource' | 'name' | 'property'>;

/** The findings recorded in an open issue; undefined if the record cannot be read. */
export type RecordedFindings = readonly FindingKey[] | undefined;

export type IssueAction = 'open' | 'update' | 'close' | 'leave';

/** GitHub's limit in characters, applied to UTF-16 units, which are never fewer. */
const MAX_BODY_LENGTH = 65_536;
const MAX_NAME_LENGTH = 63;
const MAX_CELL_LENGTH = 300;
/** Characters of each part of the body besides the table of drift. */
const SECTION_LIMITS = { record: 16_000, unknown: 12_000, unverified: 6_000 };

/** First line of the body, which identifies the issue of a declared server and database. */
export function driftMarker(server: string, database: string | undefined): string {
  const what =
    database === undefined
      ? escapeForMarker(server)
      : `${escapeForMarker(server)}/${escapeForMarker(database)}`;
  return `<!-- azure-postgresql-action: drift of ${what} -->`;
}

/** Escapes each UTF-16 unit with a fixed width: distinct names stay distinct, and none can end the HTML comment. */
const escapeForMarker = (name: string): string =>
  name.replaceAll(/[^\w.-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Plans the step for the issue from the record of earlier checks in its body and from the findings of this check.
 * @param existingBody body of the open issue; undefined if none is open
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
 * Decides what to do with the issue.
 * @param openIssue undefined if none is open
 * @param findings of this check
 * @returns `close` only if this check could read everything that the issue records; unknown is never treated as fixed
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
 * The recorded findings that this check could not verify. A record that cannot be read may have contained every resource
 * that is unknown now.
 */
function unverifiedFindings(recorded: RecordedFindings, findings: readonly Finding[]): readonly FindingKey[] {
  const unknownFindings = findings.filter((finding) => !isDrift(finding));
  if (recorded === undefined)
    return unknownFindings.map(({ resource, name }) => ({ resource, name, property: '' }));
  const drifted = new Set(findings.filter(isDrift).map(findingId));
  return recorded.filter(
    (key) => !drifted.has(findingId(key)) && unknownFindings.some((unknown) => hidesFinding(unknown, key)),
  );
}

const findingId = ({ resource, name, property }: FindingKey): string =>
  JSON.stringify([resource, name, property]);

/** Whether a finding could not be verified because of an unknown one. The server hides everything in it. */
function hidesFinding(unknown: Finding, { resource, name, property }: FindingKey): boolean {
  if (unknown.resource === 'server') {
    const hidesServer = ['', 'state'].includes(unknown.property);
    // An unknown property hides no other property.
    return hidesServer || (resource === 'server' && ['', unknown.property].includes(property));
  }
  return unknown.resource === resource && (unknown.name === name || unknown.name === '' || name === '');
}

function renderTitle({ server, database }: DriftCheckResult): string {
  // GitHub renders inline code in a title with single backticks only.
  const formatName = (name: string): string =>
    inlineCode(truncate(name, MAX_NAME_LENGTH).replaceAll('`', "'"));
  return database === undefined
    ? `Drift detected on PostgreSQL server ${formatName(server)}`
    : `Drift detected on PostgreSQL server ${formatName(server)}, database ${formatName(database)}`;
}

/**
 * Renders the marker, the record and the text. Text from outside cannot become markup or mention a user.
 * @param unverified findings of earlier checks that this check could not verify
 */
function renderBody(check: DriftCheckResult, unverified: readonly FindingKey[]): string {
  const { server, database, findings } = check;
  const drifted = sortFindings(findings.filter(isDrift));
  const unknownFindings = sortFindings(findings.filter((finding) => !isDrift(finding)));
  const header = [
    [driftMarker(server, database), renderRecord([...drifted, ...unverified])].join('\n'),
    `### ⚠️ ${count(drifted.length, 'difference')}`,
    `${describeTarget(check)} was last checked at ${describeCheck(check)}.`,
    ...renderWideOpenWarning(check.wideOpenRules),
  ];
  const footer = [
    ...renderUnknownSection(unknownFindings),
    ...renderUnverifiedSection(unverified),
    ...renderInstructions(check),
  ];
  const tableLimit = MAX_BODY_LENGTH - [...header, ...footer].join('\n\n').length - 2 * '\n\n'.length;
  const rows = drifted.map((finding) => findingCells(finding, truncate));
  return [...header, renderTableWithin(tableLimit, FINDING_COLUMNS, rows), ...footer].join('\n\n');
}

function describeTarget({ server, database }: DriftCheckResult): string {
  const serverText = `Server ${inlineCode(truncate(server))}`;
  return database === undefined
    ? serverText
    : `${serverText} with database ${inlineCode(truncate(database))}`;
}

function describeCheck({ checkedAt, runUrl }: DriftCheckResult): string {
  if (runUrl === undefined) return formatUtc(checkedAt);
  // Any other form than GitHub's own is not rendered as a link.
  const link = /^https:\/\/[\w.:-]+(\/[\w.-]+)*$/.test(runUrl)
    ? `[this run](${runUrl})`
    : inlineCode(truncate(runUrl));
  return `${formatUtc(checkedAt)} by ${link}`;
}

function renderWideOpenWarning(rules: readonly string[]): readonly string[] {
  if (rules.length === 0) return [];
  const shown = rules.slice(0, 5).map((name) => inlineCode(truncate(name)));
  const more = rules.length > shown.length ? ` and ${rules.length - shown.length} more` : '';
  return [`**The whole internet can reach this server** through firewall rule ${shown.join(', ')}${more}.`];
}

function renderUnknownSection(unknownFindings: readonly ReportedFinding[]): readonly string[] {
  if (unknownFindings.length === 0) return [];
  const rows = unknownFindings.map((finding) => unknownCells(finding, truncate));
  return ['#### Could not be checked', renderTableWithin(SECTION_LIMITS.unknown, UNKNOWN_COLUMNS, rows)];
}

function renderUnverifiedSection(unverified: readonly FindingKey[]): readonly string[] {
  if (unverified.length === 0) return [];
  const rows = unverified.map((key) => [subjectCell(key, truncate)]);
  return [
    '#### Drift of earlier checks that could not be checked again',
    renderTableWithin(SECTION_LIMITS.unverified, ['What'], rows),
  ];
}

function renderInstructions({ configSource }: DriftCheckResult): readonly string[] {
  const source =
    configSource === undefined ? 'the inputs of the step' : inlineCode(truncate(configSource.path));
  return [
    '#### What to do',
    `Declare the actual state in ${source}, or run the action with \`mode: ensure\`. It creates what is missing, and changes what exists only with \`on-drift: fix\`. Each check updates this issue, and the first check without drift closes it.`,
  ];
}

function renderResolvedComment(check: DriftCheckResult): string {
  const exceptions =
    check.findings.length > 0
      ? ', except that it could not check some resources, which had not drifted before'
      : '';
  return `No more drift: ${describeTarget(check)} was checked at ${describeCheck(check)}, and matches its declaration${exceptions}.`;
}

/** A table of at most `maxLength` characters, in whole rows, with a line that counts the omitted ones. */
function renderTableWithin(
  maxLength: number,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const [head = '', separator = '', ...lines] = renderTable(columns, rows).split('\n');
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
 * The findings in one HTML comment; no finding can end it or mention a user. If they are too long, only their resource
 * types are recorded, which makes it harder to close the issue, never easier.
 */
function renderRecord(findings: readonly FindingKey[]): string {
  const keys = [...new Map(findings.map((f) => [findingId(f), f])).values()];
  const fullRecord = toEscapedJson(keys);
  if (fullRecord.length <= SECTION_LIMITS.record) return `${RECORD_PREFIX}${fullRecord}${RECORD_SUFFIX}`;
  const types = new Set(keys.map(({ resource }) => resource));
  return `${RECORD_PREFIX}${toEscapedJson([...types].map((resource) => ({ resource, name: '', property: '' })))}${RECORD_SUFFIX}`;
}

/** The escaped characters appear in JSON only inside strings. */
const toEscapedJson = (keys: readonly FindingKey[]): string =>
  JSON.stringify(keys.map(({ resource, name, property }) => ({ resource, name, property }))).replaceAll(
    /[<>&@#]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/**
 * The record in the second line of a body; undefined if it does not have exactly the format of {@link renderRecord}.
 */
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
