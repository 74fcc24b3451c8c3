import { utc } from './comment.ts';
import { type DriftCheck, inOrder, resourceTypes } from './drift-report.ts';
import { code, table } from './markdown.ts';
import { type Finding, isDrift, type Standing } from './types.ts';

/** By which a finding is known again over nights. With an empty name it means some thing of that kind. */
export type FindingKey = Pick<Finding, 'resource' | 'name' | 'property'>;

/** What an open issue tells of; undefined where its record cannot be read. */
export type Recorded = readonly FindingKey[] | undefined;

export type Decision = 'open' | 'update' | 'close' | 'leave';

/** What is to be done about the one issue. */
export type IssueStep =
  | { readonly action: 'open' | 'update'; readonly title: string; readonly body: string }
  | { readonly action: 'close'; readonly comment: string }
  | { readonly action: 'leave' };

/** GitHub's limits, in characters; counted here in UTF-16 units, which are never fewer. */
const longestBody = 65_536;
const longestName = 63;
const longestCell = 300;
/** How much of the body each part may take that is not the table of what drifted. */
const roomFor = { record: 16_000, unseen: 12_000, carried: 6_000 };

/** By which the issue is known again, its body's first line: one for each server and database that are declared. */
export function driftMarker(server: string, database: string | undefined): string {
  const what = database === undefined ? inMarker(server) : `${inMarker(server)}/${inMarker(database)}`;
  return `<!-- azure-postgresql-action: drift of ${what} -->`;
}

/** Unit by unit and of one width, so that no two names are written alike and none can end the HTML comment. */
const inMarker = (name: string): string =>
  name.replaceAll(/[^\w.-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * What to do about the issue, by what an earlier check wrote into it and this one found.
 * @param existing body of the issue that is open; undefined where none is
 */
export function issueStep(check: DriftCheck, existing: string | undefined): IssueStep {
  const { findings } = check;
  const recorded = existing === undefined ? [] : recordedIn(existing);
  const action = decide(existing === undefined ? undefined : { recorded }, findings);
  if (action === 'leave') return { action };
  if (action === 'close') return { action, comment: endedComment(check) };
  return { action, title: titleOf(check), body: bodyOf(check, stillUnknown(recorded, findings)) };
}

/**
 * @param existing what is known of the open issue; undefined where there is none
 * @param findings of this check
 * @returns `close` only where everything that the issue tells of has been seen as declared (law 8)
 */
export function decide(
  existing: { readonly recorded: Recorded } | undefined,
  findings: readonly Finding[],
): Decision {
  if (findings.some(isDrift)) return existing === undefined ? 'open' : 'update';
  if (existing === undefined) return 'leave';
  return stillUnknown(existing.recorded, findings).length > 0 ? 'leave' : 'close';
}

/**
 * What was found by an earlier check, and this one could not look at. Of a record that cannot be read nothing may be
 * concluded, so it may have told of everything that is unknown now.
 */
function stillUnknown(recorded: Recorded, findings: readonly Finding[]): readonly FindingKey[] {
  const unknown = findings.filter((finding) => !isDrift(finding));
  if (recorded === undefined) return unknown.map(({ resource, name }) => ({ resource, name, property: '' }));
  const drifted = new Set(findings.filter(isDrift).map(identity));
  return recorded.filter((key) => !drifted.has(identity(key)) && unknown.some((u) => covers(u, key)));
}

const identity = ({ resource, name, property }: FindingKey): string =>
  JSON.stringify([resource, name, property]);

/** All is in the server; what has no name is some thing of its kind, or all of them. */
function covers(unknown: Finding, { resource, name, property }: FindingKey): boolean {
  if (unknown.resource === 'server') {
    const hidden = ['', 'state'].includes(unknown.property);
    // One property that Azure does not tell hides no other.
    return hidden || (resource === 'server' && ['', unknown.property].includes(property));
  }
  return unknown.resource === resource && (unknown.name === name || unknown.name === '' || name === '');
}

function titleOf({ server, database }: DriftCheck): string {
  // A title has no fences that could be made longer.
  const named = (name: string): string => code(cut(name, longestName).replaceAll('`', "'"));
  return database === undefined
    ? `Drift of PostgreSQL server ${named(server)}`
    : `Drift of PostgreSQL server ${named(server)}, database ${named(database)}`;
}

/**
 * @param carried what an earlier check found, and this one could not look at
 * @returns the marker, the record, and what people read; nothing from outside is markup or mentions anybody
 */
function bodyOf(check: DriftCheck, carried: readonly FindingKey[]): string {
  const { server, database, findings } = check;
  const drifted = inOrder(findings.filter(isDrift));
  const unseen = inOrder(findings.filter((finding) => !isDrift(finding)));
  const before = [
    [driftMarker(server, database), record([...drifted, ...carried])].join('\n'),
    '### PostgreSQL on Azure is not as it is declared',
    `${thing(check)} was last looked at ${when(check)}.`,
    ...wideOpenLine(check.wideOpen),
  ];
  const after = [...unseenPart(unseen), ...carriedPart(carried), ...advice(check)];
  const room = longestBody - [...before, ...after].join('\n\n').length - 2 * '\n\n'.length;
  const heads = ['Resource', 'Name', 'Property', 'Declared', 'Actual', 'What would fix it'];
  const rows = drifted.map((f) => [f.resource, f.name, f.property, f.expected, f.actual, f.remedy]);
  return [...before, tableWithin(room, heads, rows), ...after].join('\n\n');
}

function thing({ server, database }: DriftCheck): string {
  const of = `Server ${code(cut(server))}`;
  return database === undefined ? of : `${of} with database ${code(cut(database))}`;
}

function when({ at, run }: DriftCheck): string {
  if (run === undefined) return utc(at);
  // As GitHub writes it; what else it may be is no link.
  const link = /^https:\/\/[\w.:-]+(\/[\w.-]+)*$/.test(run) ? `[this run](${run})` : code(cut(run));
  return `${utc(at)} by ${link}`;
}

function wideOpenLine(rules: readonly string[]): readonly string[] {
  if (rules.length === 0) return [];
  const shown = rules.slice(0, 5).map((name) => code(cut(name)));
  const more = rules.length > shown.length ? ` and ${rules.length - shown.length} more` : '';
  return [`**The whole internet may try to log in**, by firewall rule ${shown.join(', ')}${more}.`];
}

function unseenPart(unseen: readonly Standing[]): readonly string[] {
  if (unseen.length === 0) return [];
  const rows = unseen.map((f) => [f.resource, f.name, f.actual, f.remedy]);
  return [
    '#### What could not be looked at',
    tableWithin(roomFor.unseen, ['Resource', 'Name', 'Why', 'What would help'], rows),
  ];
}

function carriedPart(carried: readonly FindingKey[]): readonly string[] {
  if (carried.length === 0) return [];
  const rows = carried.map((key) => [key.resource, key.name, key.property]);
  return [
    '#### What had drifted before, and could not be looked at again',
    tableWithin(roomFor.carried, ['Resource', 'Name', 'Property'], rows),
  ];
}

function advice({ declaredIn }: DriftCheck): readonly string[] {
  const where = declaredIn === undefined ? 'the inputs of the step' : code(cut(declaredIn.path));
  return [
    '#### What to do',
    `Declare what is there, in ${where}, or run the action with \`mode: ensure\`; what is there already, it changes only with \`on-drift: fix\`. Each check keeps this issue up to date, and the first that finds everything as declared closes it.`,
  ];
}

function endedComment(check: DriftCheck): string {
  const rest = check.findings.length > 0 ? ', apart from what it could not look at and had not drifted' : '';
  return `The drift has ended: ${thing(check)} was looked at ${when(check)}, and all is as it is declared${rest}.`;
}

/** A table of at most so many characters, in whole rows, and a line of how many there are besides. */
function tableWithin(room: number, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const [head = '', rule = '', ...lines] = table(
    heads,
    rows.map((row) => row.map((text) => cut(text))),
  ).split('\n');
  const more = (count: number): string => (count === 0 ? '' : `\n\n… and ${count} more.`);
  let length = head.length + 1 + rule.length;
  let shown = 0;
  for (const line of lines) {
    length += 1 + line.length;
    const rest = lines.length - shown - 1;
    if (length + more(rest).length > room) break;
    shown += 1;
  }
  return [head, rule, ...lines.slice(0, shown)].join('\n') + more(lines.length - shown);
}

function cut(text: string, longest = longestCell): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).toWellFormed()}…`;
}

const recordStart = '<!-- azure-postgresql-action: findings ';
const recordEnd = ' -->';

/**
 * The findings in one HTML comment, which nothing in it can end, and in which nobody is mentioned. Where they are too
 * many, the kinds of things alone: then it takes more to close the issue, never less.
 */
function record(findings: readonly FindingKey[]): string {
  const keys = [...new Map(findings.map((f) => [identity(f), f])).values()];
  const whole = json(keys);
  if (whole.length <= roomFor.record) return `${recordStart}${whole}${recordEnd}`;
  const kinds = new Set(keys.map(({ resource }) => resource));
  return `${recordStart}${json([...kinds].map((resource) => ({ resource, name: '', property: '' })))}${recordEnd}`;
}

/** These stand nowhere in JSON but inside of strings. */
const json = (keys: readonly FindingKey[]): string =>
  JSON.stringify(keys.map(({ resource, name, property }) => ({ resource, name, property }))).replaceAll(
    /[<>&@#]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** What a body of ours records in its second line; undefined where that is not exactly of our form. */
export function recordedIn(body: string): Recorded {
  const line = body.split(/\r?\n/, 2)[1] ?? '';
  if (!line.startsWith(recordStart) || !line.endsWith(recordEnd)) return undefined;
  try {
    const keys: unknown = JSON.parse(line.slice(recordStart.length, -recordEnd.length));
    return Array.isArray(keys) && keys.every(isKey) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function isKey(value: unknown): value is FindingKey {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3) return false;
  const { resource, name, property } = value as Partial<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    typeof property === 'string' &&
    resourceTypes.some((known) => known === resource)
  );
}
