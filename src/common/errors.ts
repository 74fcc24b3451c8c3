import { inspect } from 'node:util';
import { sanitizeText } from './sanitize.ts';

/**
 * The one catalogue of everything that can go wrong: a code, one sentence of what happened, one of what to do.
 * Whoever meets an error throws `fail(code, parameters)`; nobody writes such sentences elsewhere.
 */

const DOCS_URL = 'https://learn.microsoft.com/azure/postgresql/flexible-server';

interface ErrorText {
  readonly summary: string;
  readonly hint: string;
  readonly url?: string;
}

/** One word of a command that people paste into a shell, whatever is in it. */
const shellQuote = (word: string): string =>
  /^[\w.\-/:=@]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** A text of several lines, as an item of a list. */
const indentLines = (text: string): string => text.replaceAll('\n', '\n    ');

/** The first items, a line each, and how many more there are. */
const truncateList = (items: readonly string[], max: number): string =>
  [...items.slice(0, max), ...(items.length > max ? [`… and ${items.length - max} more`] : [])]
    .map((item) => `\n  - ${item}`)
    .join('');

/** Messages of errors as items, those of the catalogue as they are: what is in them has its bounds already. */
const formatErrors = (errors: readonly Error[]): readonly string[] =>
  errors.map((error) => indentLines(getErrorMessage(error)));

/** What has to be corrected one by one. */
const longList = (items: readonly string[]): string => truncateList(items, 100);

/** What the outputs name in full. */
const shortList = (items: readonly string[]): string => truncateList(items, 20);

export const errorCatalog = {
  'inputs-invalid': (p: { errors: readonly string[] }): ErrorText => ({
    summary: `${p.errors.length === 1 ? 'An input is' : `${p.errors.length} inputs are`} not usable:${longList(p.errors)}`,
    hint: 'Correct them in the step, or in its config-file; nothing was requested or changed.',
  }),
  'creation-inputs-invalid': (p: { errors: readonly string[]; server: string }): ErrorText => ({
    summary: `Server '${p.server}' does not exist yet, and creating it is not possible with these inputs:${longList(p.errors)}`,
    hint: 'Complete the inputs, or check the server name if the server should exist; nothing was changed.',
  }),
  'sign-in-failed': (p: { method: string; reason: string; hint: string }): ErrorText => ({
    summary: `Signing in to Azure by ${p.method} failed: ${p.reason}`,
    hint: p.hint,
    url: 'https://learn.microsoft.com/azure/developer/github/connect-from-azure-openid-connect',
  }),
  'azure-request-failed': (p: { doing: string; hint: string }): ErrorText => ({
    summary: `Azure refused while ${p.doing}.`,
    hint: p.hint,
  }),
  'state-unknown': (p: { what: string; reason: string; hint: string }): ErrorText => ({
    summary: `Whether ${p.what} exists could not be found out: ${p.reason}`,
    hint: `${p.hint} Nothing was created or deleted, since unknown is not absent.`,
  }),
  'server-ambiguous': (p: { server: string; groups: readonly string[] }): ErrorText => ({
    summary: `Several servers named '${p.server}' were found, in the resource groups ${p.groups.slice(0, 20).join(', ')}${p.groups.length > 20 ? ' and others' : ''}.`,
    hint: 'Say which one is meant with the input resource-group.',
  }),
  'server-not-found': (p: {
    server: string;
    subscription: string;
    resourceGroup: string | undefined;
  }): ErrorText => ({
    summary: `Server '${p.server}' was not found in ${p.resourceGroup === undefined ? '' : `resource group '${p.resourceGroup}' of `}subscription ${p.subscription}, so nothing was looked at or dropped.`,
    hint: 'Check server-name, subscription-id and resource-group, and that the identity may read the server. If the server was deleted, remove this step.',
  }),
  'server-name-taken': (p: { server: string }): ErrorText => ({
    summary: `The server name '${p.server}' is used by another server, which this identity cannot see in this subscription or resource group.`,
    hint: 'Server names are unique across Azure, and a deleted one stays reserved for days: choose another server-name, or correct subscription-id, resource-group or the rights of the identity.',
  }),
  'server-not-usable': (p: { server: string; state: string; hint: string }): ErrorText => ({
    summary: `Server '${p.server}' is in state ${p.state}.`,
    hint: p.hint,
    url: `${DOCS_URL}/troubleshoot/how-to-troubleshoot-common-connection-issues`,
  }),
  'timed-out': (p: { waitingFor: string; after: string; hint: string }): ErrorText => ({
    summary: `Gave up waiting for ${p.waitingFor} after ${p.after}.`,
    hint: p.hint,
  }),
  cancelled: (p: { signal: string }): ErrorText => ({
    summary: `The run was cancelled (${p.signal}).`,
    hint: 'Run it again: what is there already is found, and the rest is made.',
  }),
  'login-failed': (p: {
    user: string;
    host: string;
    database: string;
    reason: string;
    hint: string;
  }): ErrorText => ({
    summary: `Logging in to database '${p.database}' on ${p.host} as '${p.user}' was refused: ${p.reason}`,
    hint: p.hint,
  }),
  'not-reachable': (p: { host: string; reason: string; hint: string }): ErrorText => ({
    summary: `${p.host} could not be reached: ${p.reason}`,
    hint: p.hint,
    url: `${DOCS_URL}/concepts-firewall-rules`,
  }),
  'egress-address-unknown': (p: { reason: string }): ErrorText => ({
    summary: `The public IPv4 address of this runner could not be found out: ${p.reason}`,
    hint: 'Give it with the input runner-ip; where this runner has several, give all of them with allowed-ip-ranges.',
  }),
  'database-failed': (p: { database: string; reason: string; hint: string }): ErrorText => ({
    summary: `Database '${p.database}' could not be created or used: ${p.reason}`,
    hint: p.hint,
  }),
  'not-owned': (p: { what: string; reason: string; hint: string }): ErrorText => ({
    summary: `${p.what} is there already and was left untouched: ${p.reason}`,
    hint: p.hint,
  }),
  'role-failed': (p: { role: string; doing: string; reason: string; hint: string }): ErrorText => ({
    summary: `${p.doing} role '${p.role}' was not possible: ${p.reason}`,
    hint: p.hint,
  }),
  'template-in-use': (p: {
    template: string;
    after: string;
    sessions: readonly string[];
    /** How many times sessions of pull requests' roles were ended; more than once: they came back. */
    timesEnded: number;
    /** What keeps them out. */
    hint: string;
  }): ErrorText => ({
    summary: `Database '${p.template}' could not be cloned within ${p.after}, because PostgreSQL copies only a database that nobody uses, and these use it:${longList(p.sessions)}${p.timesEnded > 1 ? `\nSessions of pull requests’ roles were ended ${p.timesEnded} times and came back.` : ''}`,
    hint: `${p.timesEnded > 1 ? `${p.hint} Other sessions: end` : 'End'} them, or clone a database that only migrations enter. The action ends only sessions of roles that it made for pull requests.`,
  }),
  'extension-failed': (p: { extension: string; reason: string; hint: string }): ErrorText => ({
    summary: `Extension '${p.extension}' could not be created: ${p.reason}`,
    hint: p.hint,
    url: `${DOCS_URL}/concepts-extensions`,
  }),
  'drop-failed': (p: {
    what: string;
    reason: string;
    /** What the reason names, one by one. */
    lines?: readonly string[];
    /** Follows the lines. */
    rest?: string;
    hint: string;
    /** What the advice says to do, one by one. */
    statements?: readonly string[];
  }): ErrorText => ({
    summary: `${p.what} could not be dropped: ${p.reason}${truncateList(p.lines ?? [], 40)}${p.rest ?? ''}`,
    hint: `${p.hint}${truncateList(p.statements ?? [], 40)}`,
  }),
  'roles-failed': (p: { failures: readonly Error[] }): ErrorText => ({
    summary: `${p.failures.length} roles could not be dropped:${longList(formatErrors(p.failures))}`,
    hint: 'Do what each of these says, and run the step again.',
  }),
  renewed: (p: { database: string }): ErrorText => ({
    summary: `Database '${p.database}' was ensured again just now, so it has not expired.`,
    hint: 'Nothing: the next sweep looks at it again.',
  }),
  'pull-request-closed': (p: { number: number; repository: string }): ErrorText => ({
    summary: `Pull request #${p.number} of ${p.repository} is closed, so no database is made for it.`,
    hint: 'Reopen the pull request, or run mode: drop to remove what it may have left; a re-run of an old job does not make its database again.',
  }),
  'no-credentials': (p: { why: string }): ErrorText => ({
    summary: `This run has no credentials: GitHub gives ${p.why} neither secrets nor an OpenID Connect token.`,
    hint: 'Set skip-without-credentials: true to end such runs with a notice instead of this error, or run the step for branches of this repository alone.',
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'fork-not-allowed': (p: { number: number }): ErrorText => ({
    summary: `Pull request #${p.number} comes from a fork, but this workflow runs on pull_request_target, where a stranger's code would meet this repository's secrets: its migrations and scripts would run with them.`,
    hint: 'Ensure databases on pull_request, which gives forks no secrets (with skip-without-credentials: true), and use pull_request_target for mode: drop alone.',
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'sweep-incomplete': (p: { failures: readonly Error[] }): ErrorText => ({
    summary: `The sweep went through everything, but failed in ${p.failures.length} case${p.failures.length === 1 ? '' : 's'}:${longList(formatErrors(p.failures))}`,
    hint: 'Correct what each names; the next sweep takes up what was left.',
  }),
  drifted: (p: { findings: readonly string[] }): ErrorText => ({
    summary: `What is there differs from what is declared:${shortList(p.findings)}`,
    hint: 'Run the step with mode: ensure to make what is missing (with on-drift: fix also what differs), or change the inputs. With on-drift: warn this is no failure.',
  }),
  'check-incomplete': (p: {
    reasons: readonly string[];
    hint: string;
    findings: readonly string[];
  }): ErrorText => ({
    summary: `Not everything that is declared could be read:${shortList(p.reasons)}${
      p.findings.length === 0
        ? ''
        : `\nOf the rest, this differs from what is declared:${shortList(p.findings)}`
    }`,
    hint: `${p.hint} What could not be read is not counted as drift.`,
  }),
  'report-not-written': (p: { reason: string }): ErrorText => ({
    summary: `A file that drift-report asks for could not be written: ${p.reason}`,
    hint: 'Give paths in the workspace that this job may write to.',
  }),
  'migration-failed': (p: {
    reason: string;
    /** The migration's sessions in the server that were ended. */
    ended?: readonly string[];
    /** Other sessions and prepared transactions, each with the statement that ends it. */
    lockHolders?: readonly string[];
  }): ErrorText => ({
    summary: [
      `The migration command ${p.reason}.`,
      p.ended?.length && `Its sessions were still running in the server and were ended:${longList(p.ended)}`,
      p.lockHolders?.length && `These hold advisory locks in the database:${longList(p.lockHolders)}`,
    ]
      .filter(Boolean)
      .join('\n'),
    hint: [
      'Its own output above says why. Server, firewall and database are in place, so running the step again continues from there.',
      p.lockHolders?.length &&
        'If the migration tool could not get its advisory lock (Prisma: P1002), one of those named above holds it: execute the statement beside it if it is left from an earlier run.',
    ]
      .filter(Boolean)
      .join(' '),
  }),
  'migration-lock-lost': (p: { reason: string }): ErrorText => ({
    summary: `The session that holds the migration lock ended, so the migration was ended too: ${p.reason}`,
    hint: 'See whether the server restarted or failed over, check what the migration left behind, and run it again.',
  }),
  'rule-not-removed': (p: { rule: string; server: string; group: string; reason: string }): ErrorText => ({
    summary: `The temporary firewall rule '${p.rule}' could not be removed: ${p.reason}`,
    hint: `Remove it manually, since it admits this runner's address: az postgres flexible-server firewall-rule delete --resource-group ${shellQuote(p.group)} --name ${shellQuote(p.server)} --rule-name ${shellQuote(p.rule)}`,
  }),
  'state-invalid': (p: { key: string; reason: string }): ErrorText => ({
    summary: `The state of this step was not saved by its main part, or was changed since: ${p.key} ${p.reason}.`,
    hint: 'See which step of this job writes state of other steps. Look for firewall rules that begin with gha-temporary- on the server, and delete those of runs that have ended (mode: sweep does it).',
  }),
  unexpected: (p: { reason: string }): ErrorText => ({
    summary: `Something unforeseen went wrong: ${p.reason}`,
    hint: 'Run the workflow again with debug logging enabled, and open an issue with the log if it stays.',
  }),
} as const;

export type ErrorCode = keyof typeof errorCatalog;

/** What Azure itself said about a failure, as far as it said it. */
export interface AzureDetails {
  readonly code: string;
  readonly message: string;
  /** HTTP status; absent where an accepted operation failed later. */
  readonly status?: number;
  /** That Azure refused the request itself, the only one that was sent, so that nothing can come of it. */
  readonly wasRejected?: true;
  readonly correlationId?: string;
}

interface ActionErrorOptions {
  readonly cause?: unknown;
  readonly azure?: AzureDetails;
}

/** An error of the catalogue. `message` is the whole text that a person reads (design.md, law 10). */
export class ActionError extends Error {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly hint: string;
  readonly azure: AzureDetails | undefined;

  constructor(code: ErrorCode, sentences: ErrorText, extras: ActionErrorOptions) {
    const azure = extras.azure && sanitizeStrings(extras.azure);
    super(renderError(code, sentences, azure), extras.cause === undefined ? {} : { cause: extras.cause });
    this.name = 'ActionError';
    this.code = code;
    this.summary = sentences.summary;
    this.hint = sentences.hint;
    this.azure = azure;
  }
}

function renderError(
  code: ErrorCode,
  { summary, hint, url }: ErrorText,
  azure: AzureDetails | undefined,
): string {
  const azureMessage = azure && `Azure said: ${azure.code || '(no code)'}: ${azure.message}`;
  const correlation = azure?.correlationId && `Correlation id: ${azure.correlationId}`;
  return [summary, azureMessage, correlation, `What to do: ${hint}`, url && `See ${url}`, `(${code})`]
    .filter(Boolean)
    .join('\n');
}

/**
 * Every text of an object with its bound, those in lists included: what Azure, GitHub, PostgreSQL or a file says can have
 * any length and any characters.
 */
function sanitizeStrings<T extends object>(values: T): T {
  const sanitize = (value: unknown): unknown => {
    if (typeof value === 'string') return sanitizeText(value);
    return Array.isArray(value) ? value.map(sanitize) : value;
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sanitize(value)])) as T;
}

/** Makes the error of the catalogue; for `throw fail(…)`. Texts among the parameters are bounded here. */
export function actionError<C extends ErrorCode>(
  code: C,
  parameters: Parameters<(typeof errorCatalog)[C]>[0],
  options: ActionErrorOptions = {},
): ActionError {
  const toErrorText = errorCatalog[code] as (p: typeof parameters) => ErrorText;
  return new ActionError(code, toErrorText(sanitizeStrings(parameters)), options);
}

/**
 * The error of a run that ended before its work did, with what was being waited for.
 * @param awaited to follow "while waiting for"
 */
export function addWaitContext(
  { code, summary, hint }: ActionError,
  awaited: string,
  cause: unknown,
): ActionError {
  const summaryWithWait = `${summary.replace(/\.$/, '')}, while waiting for ${sanitizeText(awaited)}.`;
  return new ActionError(code, { summary: summaryWithWait, hint }, { cause });
}

/**
 * Text of whatever was thrown, for logs and for wrapping. It is bounded, except a message of the catalogue, which is as
 * long as its sentences and lists are, since every text from outside in it has its bound.
 */
export function getErrorMessage(error: unknown): string {
  return error instanceof ActionError ? error.message : sanitizeText(getRawErrorMessage(error));
}

/** What happened, without the advice of the catalogue: for a sentence within another. */
export const getErrorSummary = (error: unknown): string =>
  error instanceof ActionError ? error.summary : getErrorMessage(error);

/** The same as it was thrown, of any length: for readers that look for something in it. */
export function getRawErrorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(getRawErrorMessage).join('; ');
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspect(error);
}

/** The error to end with: the catalogue's as it is, everything else as what it is a consequence of, or as unforeseen. */
export function toActionError(thrown: unknown, signal?: AbortSignal): ActionError {
  if (thrown instanceof ActionError) return thrown;
  if (signal?.aborted && signal.reason instanceof ActionError) return signal.reason;
  return actionError('unexpected', { reason: getErrorMessage(thrown) }, { cause: thrown });
}
