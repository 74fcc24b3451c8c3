import { inspect } from 'node:util';
import { sanitizeText } from './sanitize.ts';

/**
 * The catalog of all errors: a code, a summary of what happened, and a hint of what to do. Code throws
 * `actionError(code, parameters)`; texts of errors are written only here.
 */

const DOCS_URL = 'https://learn.microsoft.com/azure/postgresql/flexible-server';

interface ErrorText {
  readonly summary: string;
  readonly hint: string;
  readonly url?: string;
}

/** One argument of a command that people paste into a shell, quoted where needed. */
const shellQuote = (word: string): string =>
  /^[\w.\-/:=@]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** Indents the lines after the first, for an item of a list. */
const indentLines = (text: string): string => text.replaceAll('\n', '\n    ');

/** One line for each of the first `max` items, and the number of the others. */
const truncateList = (items: readonly string[], max: number): string =>
  [...items.slice(0, max), ...(items.length > max ? [`… and ${items.length - max} more`] : [])]
    .map((item) => `\n  - ${item}`)
    .join('');

/**
 * Messages of errors as items of a list; those of an `ActionError` completely, because their texts are limited already.
 */
const formatErrors = (errors: readonly Error[]): readonly string[] =>
  errors.map((error) => indentLines(getErrorMessage(error)));

/** For items that a user corrects one by one. */
const longList = (items: readonly string[]): string => truncateList(items, 100);

/** For items that the outputs list in full. */
const shortList = (items: readonly string[]): string => truncateList(items, 20);

export const errorCatalog = {
  'inputs-invalid': (p: { errors: readonly string[] }): ErrorText => ({
    summary: `${p.errors.length === 1 ? 'An input is' : `${p.errors.length} inputs are`} invalid:${longList(p.errors)}`,
    hint: 'Correct them in the step, or in its config-file. Nothing was requested or changed.',
  }),
  'creation-inputs-invalid': (p: { errors: readonly string[]; server: string }): ErrorText => ({
    summary: `Server '${p.server}' does not exist, and it cannot be created with these inputs:${longList(p.errors)}`,
    hint: 'Complete the inputs, or check server-name if the server should exist. Nothing was changed.',
  }),
  'sign-in-failed': (p: { method: string; reason: string; hint: string }): ErrorText => ({
    summary: `Signing in to Azure by ${p.method} failed: ${p.reason}`,
    hint: p.hint,
    url: 'https://learn.microsoft.com/azure/developer/github/connect-from-azure-openid-connect',
  }),
  'azure-request-failed': (p: { doing: string; hint: string }): ErrorText => ({
    summary: `Azure returned an error while ${p.doing}.`,
    hint: p.hint,
  }),
  'state-unknown': (p: { what: string; reason: string; hint: string }): ErrorText => ({
    summary: `Could not determine whether ${p.what} exists: ${p.reason}`,
    hint: `${p.hint} The action never creates or deletes a resource whose state is unknown.`,
  }),
  'server-ambiguous': (p: { server: string; groups: readonly string[] }): ErrorText => ({
    summary: `Several servers are named '${p.server}'. They are in the resource groups ${p.groups.slice(0, 20).join(', ')}${p.groups.length > 20 ? ' and others' : ''}.`,
    hint: 'Set resource-group.',
  }),
  'server-not-found': (p: {
    server: string;
    subscription: string;
    resourceGroup: string | undefined;
  }): ErrorText => ({
    summary: `Server '${p.server}' was not found in ${p.resourceGroup === undefined ? '' : `resource group '${p.resourceGroup}' of `}subscription ${p.subscription}. Nothing was checked or dropped.`,
    hint: 'Check server-name, subscription-id and resource-group, and that the identity can read the server. If the server was deleted, remove this step.',
  }),
  'server-name-taken': (p: { server: string }): ErrorText => ({
    summary: `The server name '${p.server}' is used by another server, which this identity cannot see in this subscription or resource group.`,
    hint: 'Server names are unique across Azure, and the name of a deleted server stays reserved for days. Choose another server-name, or correct subscription-id, resource-group or the permissions of the identity.',
  }),
  'server-not-usable': (p: { server: string; state: string; hint: string }): ErrorText => ({
    summary: `Server '${p.server}' is in state ${p.state}.`,
    hint: p.hint,
    url: `${DOCS_URL}/troubleshoot/how-to-troubleshoot-common-connection-issues`,
  }),
  'timed-out': (p: {
    /** Undefined for the limit of the whole run: the wait that it ended is added to the summary. */
    waitingFor?: string;
    after: string;
    hint: string;
  }): ErrorText => ({
    summary: `Timed out after ${p.after}${p.waitingFor === undefined ? '' : ` waiting for ${p.waitingFor}`}.`,
    hint: p.hint,
  }),
  cancelled: (p: { signal: string }): ErrorText => ({
    summary: `The run was cancelled (${p.signal}).`,
    hint: 'Run the workflow again. It uses what exists and creates what is missing.',
  }),
  'login-failed': (p: {
    user: string;
    host: string;
    database: string;
    reason: string;
    hint: string;
  }): ErrorText => ({
    summary: `The login to database '${p.database}' on ${p.host} as '${p.user}' failed: ${p.reason}`,
    hint: p.hint,
  }),
  'not-reachable': (p: { host: string; reason: string; hint: string }): ErrorText => ({
    summary: `Could not connect to ${p.host}: ${p.reason}`,
    hint: p.hint,
    url: `${DOCS_URL}/concepts-firewall-rules`,
  }),
  'egress-address-unknown': (p: { reason: string }): ErrorText => ({
    summary: `Could not determine the public IPv4 address of this runner: ${p.reason}`,
    hint: 'Set runner-ip. If this runner has several addresses, set all of them in allowed-ip-ranges.',
  }),
  'database-failed': (p: { database: string; reason: string; hint: string }): ErrorText => ({
    summary: `Database '${p.database}' could not be created or used: ${p.reason}`,
    hint: p.hint,
  }),
  'not-owned': (p: { what: string; reason: string; hint: string }): ErrorText => ({
    summary: `${p.what} already exists and was not changed: ${p.reason}`,
    hint: p.hint,
  }),
  'role-failed': (p: { role: string; doing: string; reason: string; hint: string }): ErrorText => ({
    summary: `${p.doing} role '${p.role}' failed: ${p.reason}`,
    hint: p.hint,
  }),
  'template-in-use': (p: {
    template: string;
    after: string;
    sessions: readonly string[];
    /** How many times the action ended sessions of pull requests' roles; more than once means that they reconnected. */
    timesEnded: number;
    /** How to prevent these sessions. */
    hint: string;
  }): ErrorText => ({
    summary: `Database '${p.template}' could not be cloned within ${p.after}, because the template has active connections:${longList(p.sessions)}${p.timesEnded > 1 ? `\nSessions of pull requests’ roles were ended ${p.timesEnded} times and reconnected.` : ''}`,
    hint: `${p.timesEnded > 1 ? `${p.hint} End the other sessions` : 'End these sessions'}, or clone a database that only migrations use. The action ends only sessions of roles that it created for pull requests.`,
  }),
  'extension-failed': (p: { extension: string; reason: string; hint: string }): ErrorText => ({
    summary: `Extension '${p.extension}' could not be created: ${p.reason}`,
    hint: p.hint,
    url: `${DOCS_URL}/concepts-extensions`,
  }),
  'drop-failed': (p: {
    what: string;
    reason: string;
    /** The objects that the reason refers to. */
    lines?: readonly string[];
    /** Text after the lines. */
    rest?: string;
    hint: string;
    /** The statements that the hint asks the user to run. */
    statements?: readonly string[];
  }): ErrorText => ({
    summary: `${p.what} could not be dropped: ${p.reason}${truncateList(p.lines ?? [], 40)}${p.rest ?? ''}`,
    hint: `${p.hint}${truncateList(p.statements ?? [], 40)}`,
  }),
  'roles-failed': (p: { failures: readonly Error[] }): ErrorText => ({
    summary: `${p.failures.length} roles could not be dropped:${longList(formatErrors(p.failures))}`,
    hint: 'Follow the hint for each role, and run the step again.',
  }),
  renewed: (p: { database: string }): ErrorText => ({
    summary: `Database '${p.database}' was renewed by another run and has not expired.`,
    hint: 'No action is needed. The next sweep checks it again.',
  }),
  'pull-request-closed': (p: { number: number; repository: string }): ErrorText => ({
    summary: `Pull request #${p.number} of ${p.repository} is closed, so no database is created for it.`,
    hint: 'Reopen the pull request, or run mode: drop to remove its database and role. Re-running an old job does not re-create them.',
  }),
  'no-credentials': (p: { why: string }): ErrorText => ({
    summary: `This run has no credentials: GitHub does not give secrets or an OpenID Connect token to ${p.why}.`,
    hint: 'Set skip-without-credentials: true to end such runs with a notice instead of this error, or run the step only for branches of this repository.',
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'fork-not-allowed': (p: { number: number }): ErrorText => ({
    summary: `Pull request #${p.number} comes from a fork, but this workflow runs on pull_request_target, where the fork’s migrations and scripts would run with this repository’s secrets.`,
    hint: 'Run mode: ensure on pull_request, which gives forks no secrets (with skip-without-credentials: true). Use pull_request_target only for mode: drop.',
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'sweep-incomplete': (p: { failures: readonly Error[] }): ErrorText => ({
    summary: `The sweep checked everything, but failed in ${p.failures.length} case${p.failures.length === 1 ? '' : 's'}:${longList(formatErrors(p.failures))}`,
    hint: 'Correct the cause of each failure. The next sweep tries again.',
  }),
  drifted: (p: { findings: readonly string[] }): ErrorText => ({
    summary: `Drift detected:${shortList(p.findings)}`,
    hint: 'Run the step with mode: ensure to create what is missing (with on-drift: fix, also to change what differs), or change the inputs. With on-drift: warn, drift does not fail the step.',
  }),
  'check-incomplete': (p: {
    reasons: readonly string[];
    hint: string;
    findings: readonly string[];
  }): ErrorText => ({
    summary: `The check is incomplete, because some declared resources could not be read:${shortList(p.reasons)}${
      p.findings.length === 0 ? '' : `\nDrift detected in the other resources:${shortList(p.findings)}`
    }`,
    hint: `${p.hint} Resources that could not be read do not count as drift.`,
  }),
  'report-not-written': (p: { reason: string }): ErrorText => ({
    summary: `A file of drift-report could not be written: ${p.reason}`,
    hint: 'Set paths in the workspace that this job can write to.',
  }),
  'migration-failed': (p: {
    reason: string;
    /** The migration's sessions on the server that were terminated. */
    ended?: readonly string[];
    /** Other sessions and prepared transactions, each with the statement that ends it. */
    lockHolders?: readonly string[];
  }): ErrorText => ({
    summary: [
      `The migration command ${p.reason}.`,
      p.ended?.length &&
        `Its sessions were still running on the server and were terminated:${longList(p.ended)}`,
      p.lockHolders?.length && `These hold advisory locks in the database:${longList(p.lockHolders)}`,
    ]
      .filter(Boolean)
      .join('\n'),
    hint: [
      'See the output of the command above. The server, the firewall and the database are ready, so running the step again continues with the migration.',
      p.lockHolders?.length &&
        'If the migration tool could not get its advisory lock (Prisma: P1002), one of the holders above has it. If that holder remains from an earlier run, run the statement that is listed with it.',
    ]
      .filter(Boolean)
      .join(' '),
  }),
  'migration-lock-lost': (p: { reason: string }): ErrorText => ({
    summary: `The session that holds the migration lock was lost, so the migration was terminated: ${p.reason}`,
    hint: 'Check whether the server restarted or failed over and whether the migration is incomplete, and run it again.',
  }),
  'rule-not-removed': (p: { rule: string; server: string; group: string; reason: string }): ErrorText => ({
    summary: `The temporary firewall rule '${p.rule}' could not be removed: ${p.reason}`,
    hint: `Remove it manually, because it admits this runner's address: az postgres flexible-server firewall-rule delete --resource-group ${shellQuote(p.group)} --name ${shellQuote(p.server)} --rule-name ${shellQuote(p.rule)}`,
  }),
  'state-invalid': (p: { key: string; reason: string }): ErrorText => ({
    summary: `The state of this step was not saved by its main part, or was changed afterwards: ${p.key} ${p.reason}.`,
    hint: 'Check which step of this job writes the state of other steps. Delete the firewall rules of ended runs, whose names begin with gha-temporary- (mode: sweep does this).',
  }),
  unexpected: (p: { reason: string }): ErrorText => ({
    summary: `Unexpected error: ${p.reason}`,
    hint: 'Run the workflow again with debug logging enabled. If the error persists, open an issue with the log.',
  }),
} as const;

export type ErrorCode = keyof typeof errorCatalog;

/** The parts of an error that Azure returned. */
export interface AzureDetails {
  readonly code: string;
  readonly message: string;
  /** HTTP status; undefined if an accepted operation failed later. */
  readonly status?: number;
  /** Set when Azure rejected the only request that was sent, so that it cannot have an effect. */
  readonly wasRejected?: true;
  readonly correlationId?: string;
}

interface ActionErrorOptions {
  readonly cause?: unknown;
  readonly azure?: AzureDetails;
}

/** An error of the catalog. `message` is the whole text: what happened, Azure's code and correlation id, what to do. */
export class ActionError extends Error {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly hint: string;
  readonly azure: AzureDetails | undefined;

  constructor(code: ErrorCode, text: ErrorText, options: ActionErrorOptions) {
    const azure = options.azure && sanitizeStrings(options.azure);
    super(renderError(code, text, azure), options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ActionError';
    this.code = code;
    this.summary = text.summary;
    this.hint = text.hint;
    this.azure = azure;
  }
}

function renderError(
  code: ErrorCode,
  { summary, hint, url }: ErrorText,
  azure: AzureDetails | undefined,
): string {
  const azureMessage = azure && `Azure error: ${azure.code || '(no code)'}: ${azure.message}`;
  const correlation = azure?.correlationId && `Correlation id: ${azure.correlationId}`;
  return [summary, azureMessage, correlation, `What to do: ${hint}`, url && `See ${url}`, `(${code})`]
    .filter(Boolean)
    .join('\n');
}

/**
 * Limits every string of an object and of its lists: texts of Azure, GitHub, PostgreSQL or a file can have any length and
 * any characters.
 */
function sanitizeStrings<T extends object>(values: T): T {
  const sanitize = (value: unknown): unknown => {
    if (typeof value === 'string') return sanitizeText(value);
    return Array.isArray(value) ? value.map(sanitize) : value;
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sanitize(value)])) as T;
}

/** Creates an error of the catalog. Strings among the parameters are sanitized and limited in length. */
export function actionError<C extends ErrorCode>(
  code: C,
  parameters: Parameters<(typeof errorCatalog)[C]>[0],
  options: ActionErrorOptions = {},
): ActionError {
  const toErrorText = errorCatalog[code] as (p: typeof parameters) => ErrorText;
  return new ActionError(code, toErrorText(sanitizeStrings(parameters)), options);
}

/**
 * The error of a run that was aborted during a wait, with the subject of the wait.
 * @param awaited follows "while waiting for"
 * @param waitHint what a person can do if the wait takes too long; for a run that was out of time
 */
export function addWaitContext(
  { code, summary, hint }: ActionError,
  awaited: string,
  cause: unknown,
  waitHint?: string,
): ActionError {
  const text = {
    summary: `${summary.replace(/\.$/, '')}, while waiting for ${sanitizeText(awaited)}.`,
    hint: waitHint === undefined || code !== 'timed-out' ? hint : `${waitHint} ${hint}`,
  };
  return new ActionError(code, text, { cause });
}

/**
 * Message of any thrown value, for logs and for wrapping: limited in length, except that of an `ActionError`, whose parts
 * are limited already.
 */
export function getErrorMessage(error: unknown): string {
  return error instanceof ActionError ? error.message : sanitizeText(getRawErrorMessage(error));
}

/** What happened, without the hint of an `ActionError`: for use inside another sentence. */
export const getErrorSummary = (error: unknown): string =>
  error instanceof ActionError ? error.summary : getErrorMessage(error);

/** Message of any thrown value, of any length: for code that searches in it. */
export function getRawErrorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(getRawErrorMessage).join('; ');
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspect(error);
}

/**
 * The error of a run that was aborted, whatever its work threw: the reason of the abort, with the subject of the innermost
 * wait if one is among the causes. What the work reports after the abort is only a consequence of it: a read that failed
 * would be reported as a missing right, and a session that ended as a problem of the network.
 * @param signal of the run
 * @returns `thrown` unchanged if the run was not aborted
 */
export function preferAbortReason(signal: AbortSignal, thrown: unknown): unknown {
  if (!signal.aborted || !(signal.reason instanceof ActionError)) return thrown;
  const { reason } = signal;
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof ActionError && error.code === reason.code) return error;
  return reason;
}

/**
 * The error to end a run with: an `ActionError` unchanged, any other error as the reason of the aborted `signal`, or as
 * `unexpected`.
 */
export function toActionError(thrown: unknown, signal?: AbortSignal): ActionError {
  if (thrown instanceof ActionError) return thrown;
  if (signal?.aborted && signal.reason instanceof ActionError) return signal.reason;
  return actionError('unexpected', { reason: getErrorMessage(thrown) }, { cause: thrown });
}
