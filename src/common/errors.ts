import { inspect } from 'node:util';
import { sanitizeText } from './sanitize.ts';
import { shellQuote } from './shell-quote.ts';

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

function connectionLimitText({
  scope,
  limit,
}: {
  readonly scope: string;
  readonly limit: number | undefined;
}): string {
  if (limit === undefined) return '.';
  return scope === 'server'
    ? `. Its parameter max_connections is ${limit}, of which the service reserves some.`
    : `. The connection limit of the ${scope} is ${limit}.`;
}

/** A statement of a session, and where it was executed. Empty texts if that is not known. */
export interface StatementContext {
  /** Its keywords, without any value: `COMMENT ON DATABASE`. */
  readonly statement: string;
  readonly database: string;
  readonly user: string;
}

const describeStatement = (p: StatementContext): string =>
  `${p.statement || 'a statement'}${p.database === '' ? '' : ` (in database '${p.database}', as '${p.user}')`}`;

export const errorCatalog = {
  'inputs-invalid': (p: {
    errors: readonly string[];
    /** What is wrong with variables of the environment, which no input sets. */
    environmentErrors?: readonly string[];
  }): ErrorText => {
    const { errors, environmentErrors = [] } = p;
    return {
      summary: [
        errors.length > 0 &&
          `${errors.length === 1 ? 'An input is' : `${errors.length} inputs are`} invalid:${longList(errors)}`,
        environmentErrors.length > 0 &&
          `The environment of the job cannot be used:${longList(environmentErrors)}`,
      ]
        .filter(Boolean)
        .join('\n'),
      hint: [
        errors.length > 0 && 'Correct the inputs in the step, or in its config-file.',
        environmentErrors.length > 0 &&
          'Correct the variables where they are set: env in the workflow, or the settings of the runner.',
        'Nothing was requested or changed.',
      ]
        .filter(Boolean)
        .join(' '),
    };
  },
  'creation-inputs-invalid': (p: { errors: readonly string[]; server: string }): ErrorText => ({
    summary: `Server '${p.server}' does not exist, and it cannot be created with these inputs:${longList(p.errors)}`,
    hint: 'Complete the inputs, or check server-name if the server should exist. Nothing was changed.',
  }),
  'server-parameters-invalid': (p: { errors: readonly string[]; server: string }): ErrorText => ({
    summary: `Server '${p.server}' cannot have these server-parameters:${longList(p.errors)}`,
    hint: 'Correct server-parameters in the step, or in its config-file. No server parameter was changed.',
    url: `${DOCS_URL}/concepts-server-parameters`,
  }),
  'sign-in-failed': (p: {
    method: string;
    reason: string;
    hint: string;
    /** A command that the hint ends with, as words. */
    command?: readonly string[];
  }): ErrorText => ({
    summary: `Signing in to Azure by ${p.method} failed: ${p.reason}`,
    hint: [p.hint, p.command?.map(shellQuote).join(' ')].filter(Boolean).join('\n'),
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
    hint: 'Set resource-group to the group of the server that this step is for. Nothing was changed.',
  }),
  'server-not-found': (p: {
    server: string;
    subscription: string;
    resourceGroup: string | undefined;
  }): ErrorText => ({
    summary: `Server '${p.server}' was not found in ${p.resourceGroup === undefined ? '' : `resource group '${p.resourceGroup}' of `}subscription ${p.subscription}. Nothing was checked or dropped.`,
    hint: 'Check server-name, subscription-id and resource-group, and that the identity can read the server. If the server was deleted, remove this step.',
  }),
  'server-name-taken': (p: { server: string; resourceGroup: string | undefined }): ErrorText => ({
    summary: `The server name '${p.server}' is in use, but this identity sees no such server in ${p.resourceGroup === undefined ? 'this subscription' : `resource group '${p.resourceGroup}'`}.`,
    hint: 'If the server is yours, correct resource-group or subscription-id, or let the identity read it. Otherwise choose another server-name: names are unique across Azure, and that of a deleted server stays reserved for days.',
  }),
  'server-not-usable': (p: { server: string; state: string; hint: string }): ErrorText => ({
    summary: `Server '${p.server}' is in state ${p.state}.`,
    hint: p.hint,
    url: `${DOCS_URL}/troubleshoot/how-to-troubleshoot-common-connection-issues`,
  }),
  'server-not-suitable': (p: { server: string; mode: string; reasons: readonly string[] }): ErrorText => ({
    summary: `Mode ${p.mode} cannot work with server '${p.server}' and these inputs:${longList(p.reasons)}`,
    hint: 'Follow the remedy that is listed with each reason. Nothing was changed.',
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
    hint: 'Run the workflow again: it continues with what this run has done.',
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
  'egress-address-unknown': (p: { reason: string; hint: string }): ErrorText => ({
    summary: `Could not determine the public IPv4 address of this runner: ${p.reason}`,
    hint: p.hint,
  }),
  'connections-exhausted': (p: {
    host: string;
    scope: 'server' | 'database' | 'role';
    /** The database or role whose limit is reached. */
    name: string;
    /** The limit, as far as it could be read. */
    limit: number | undefined;
    reason: string;
  }): ErrorText => ({
    summary: `${p.host} has no free connection${p.scope === 'server' ? '' : ` for ${p.scope} '${p.name}'`}: ${p.reason}${connectionLimitText(p)}`,
    hint:
      p.scope === 'server'
        ? 'Other clients use all connections. Let fewer jobs run at once (a concurrency group of GitHub Actions), limit the connection pools of the applications, or choose a larger sku, which has a larger max_connections.'
        : `${p.limit === 0 ? 'Somebody has disabled connections with this limit. Run' : 'End sessions that are not needed, or run'} as ${p.scope === 'database' ? 'its owner' : 'an administrator of the server'}: ALTER ${p.scope.toUpperCase()} "${p.name.replaceAll('"', '""')}" CONNECTION LIMIT -1;`,
    url: `${DOCS_URL}/concepts-limits`,
  }),
  'server-read-only': (p: { host: string; reason: string; cause: string; hint: string }): ErrorText => ({
    summary: `${p.host} refuses to write: ${p.reason}. ${p.cause}`,
    hint: p.hint,
  }),
  'sql-failed': (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
    summary: `PostgreSQL did not execute ${describeStatement(p)}: ${p.reason}`,
    hint: p.hint,
  }),
  'session-lost': (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
    summary: `The session with PostgreSQL ended during the run, at ${describeStatement(p)}: ${p.reason}`,
    hint: `${p.hint} A second run continues with what this run has done.`,
  }),
  'database-failed': (p: { database: string; reason: string; hint: string }): ErrorText => ({
    summary: `Database '${p.database}' could not be created or used: ${p.reason}`,
    hint: p.hint,
  }),
  'template-differs': (p: {
    template: string;
    /** The inputs that differ, each with its value and that of the template. */
    differences: readonly string[];
  }): ErrorText => ({
    summary: `A clone has the charset and the collation of its template, and template '${p.template}' has others than the inputs declare:${longList(p.differences)}`,
    hint: 'Remove these inputs or set them to the values of the template, or choose another template, or none. No database was changed.',
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
    hint: `${p.timesEnded > 1 ? `${p.hint} End the other sessions` : 'End these sessions'} (SELECT pg_terminate_backend(PID); with the number of the process), or clone a database that only migrations use. The action ends only sessions of roles that it created for pull requests.`,
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
  'no-credentials': (p: {
    withheld: string;
    why: string;
    /** What to do to have credentials in such a run, or no such run. */
    alternative: string;
  }): ErrorText => ({
    summary: `This run has no credentials: GitHub does not give ${p.withheld} to ${p.why}.`,
    hint: `Set skip-without-credentials: true to end such runs with a notice instead of this error, or ${p.alternative}.`,
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'fork-not-allowed': (p: { number: number }): ErrorText => ({
    summary: `Pull request #${p.number} comes from a fork, but this workflow runs on pull_request_target, where the fork’s migrations and scripts would run with this repository’s secrets.`,
    hint: 'Run mode: ensure on pull_request, which gives forks no secrets (with skip-without-credentials: true). Use pull_request_target only for mode: drop.',
    url: 'https://docs.github.com/actions/reference/security/secure-use',
  }),
  'sweep-unchecked': (p: { names: readonly string[]; reason: string; hint: string }): ErrorText => ({
    summary: `${p.names.length} of the databases and roles could not be checked, because the sweep could not open or keep a session: ${p.reason}\nNot checked:${shortList(p.names)}`,
    hint: p.hint,
  }),
  'sweep-incomplete': (p: { failures: readonly Error[] }): ErrorText => ({
    summary: `The sweep checked everything, but failed in ${p.failures.length} case${p.failures.length === 1 ? '' : 's'}:${longList(formatErrors(p.failures))}`,
    hint: 'Correct the cause of each failure. The next sweep tries again.',
  }),
  /** @param p.findings number of the differences, each of which is reported before the error */
  drifted: (p: { findings: number }): ErrorText => ({
    summary: `The check found ${p.findings} difference${p.findings === 1 ? '' : 's'}.`,
    hint: 'The lines above and the summary name for each difference what resolves it: mode: ensure (with on-drift: fix for what it may change), other inputs, or a change outside the action. With on-drift: warn, drift does not fail the step.',
  }),
  'check-incomplete': (p: {
    reasons: readonly string[];
    hint: string;
    /** Number of the differences in the other resources. */
    findings: number;
  }): ErrorText => ({
    summary: `The check is incomplete, because some declared resources could not be read:${shortList(p.reasons)}${
      p.findings === 0
        ? ''
        : `\nThe check found ${p.findings} difference${p.findings === 1 ? '' : 's'} in the other resources.`
    }`,
    hint: `${p.hint} Resources that could not be read do not count as drift.`,
  }),
  'report-not-written': (p: { reason: string }): ErrorText => ({
    summary: `A file of drift-report could not be written: ${p.reason}`,
    hint: 'Set paths in the workspace that this job can write to.',
  }),
  'migration-failed': (p: {
    reason: string;
    /** What its output shows, if that is known, and what to do about it. */
    cause?: string;
    advice?: string;
    /** The migration's sessions on the server that were terminated. */
    ended?: readonly string[];
    /** Other sessions and prepared transactions, each with the statement that ends it. */
    lockHolders?: readonly string[];
    /** Why the sessions of the command are read-only, and what to do about it. */
    writeProtection?: { readonly cause: string; readonly hint: string } | undefined;
  }): ErrorText => ({
    summary: [
      `The migration command ${p.reason}.${p.cause === undefined ? '' : ` ${p.cause}`}`,
      p.ended?.length &&
        `Its sessions were still running on the server and were terminated:${longList(p.ended)}`,
      p.lockHolders?.length && `These hold advisory locks in the database:${longList(p.lockHolders)}`,
      p.writeProtection && `Its sessions are read-only (SQLSTATE 25006). ${p.writeProtection.cause}`,
    ]
      .filter(Boolean)
      .join('\n'),
    hint: [
      p.advice,
      'See the output of the command above. The server, the firewall and the database are ready, so running the step again continues with the migration.',
      p.lockHolders?.length &&
        'If the migration tool could not get its advisory lock (Prisma: P1002), one of the holders above has it. If that holder remains from an earlier run, run the statement that is listed with it.',
      p.writeProtection?.hint,
    ]
      .filter(Boolean)
      .join(' '),
  }),
  'migration-lock-lost': (p: { reason: string; hint: string }): ErrorText => ({
    summary: `The session that holds the migration lock was lost, so the migration was terminated: ${p.reason}`,
    hint: `First check whether the migration is incomplete. ${p.hint}`,
  }),
  'rule-not-removed': (p: {
    rule: string;
    ruleId: string;
    reason: string;
    /** What has to be done before anybody can remove it. */
    before?: string;
    /** Why later runs would leave rules too, and how to prevent it. */
    prevention?: string;
  }): ErrorText => ({
    summary: `The temporary firewall rule '${p.rule}' could not be removed: ${p.reason}`,
    hint: `${p.before === undefined ? '' : `${p.before} Then: `}Remove it manually, because it admits this runner's address: az resource delete --ids ${shellQuote(p.ruleId)}${p.prevention === undefined ? '' : `\nFor later runs: ${p.prevention}`}`,
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
 * An error with its subject in front, for a list in which each item needs one.
 * @param subject such as `pull request #42, database 'x'`
 */
export function addSubject(subject: string, error: unknown): Error {
  const prefix = `${sanitizeText(subject)}: `;
  if (!(error instanceof ActionError)) return new Error(prefix + getErrorMessage(error), { cause: error });
  const { code, summary, hint, azure } = error;
  return new ActionError(
    code,
    { summary: prefix + summary, hint },
    { cause: error, ...(azure === undefined ? {} : { azure }) },
  );
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

/**
 * Message of any thrown value, of any length: for code that searches in it. The message of a cause follows, unless the
 * outer message contains it: many libraries wrap an error in one that says only that something failed.
 */
export function getRawErrorMessage(error: unknown): string {
  if (error instanceof ActionError) return error.message;
  if (!(error instanceof Error)) return typeof error === 'string' ? error : inspect(error);
  const messages: string[] = [];
  for (const each of walkErrors(error)) {
    const text = ownMessage(each);
    if (text !== '' && !messages.some((known) => known.includes(text))) messages.push(text);
    // Its summary contains its causes.
    if (each instanceof ActionError) break;
  }
  // The errors of an aggregate without a message have the same rank.
  const separator = error instanceof AggregateError && error.message === '' ? '; ' : ': ';
  return messages.join(separator) || getErrorCode(error) || error.name;
}

function ownMessage(error: unknown): string {
  if (error instanceof ActionError) return error.summary;
  return error instanceof Error ? error.message : typeof error === 'string' ? error : inspect(error);
}

/** Code of an error of Node.js, a library or PostgreSQL; empty without one. */
function getErrorCode(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** How many errors of a chain are read; libraries wrap an error a few times. */
const MAX_CHAIN_LENGTH = 20;

/** An error, then its causes and the errors of an aggregate, the outer before the inner; each once. */
export function walkErrors(error: unknown): readonly unknown[] {
  const found = new Set<unknown>();
  const visit = (each: unknown): void => {
    if (found.has(each) || found.size >= MAX_CHAIN_LENGTH) return;
    found.add(each);
    for (const inner of innerErrors(each)) visit(inner);
  };
  visit(error);
  return [...found];
}

/** The innermost causes of an error: one, or the errors of an aggregate. Cycles and the length of a chain are limited. */
export function getInnermostErrors(error: unknown): readonly unknown[] {
  const chain = walkErrors(error);
  const innermost = chain.filter((each) => !innerErrors(each).some((inner) => chain.includes(inner)));
  return innermost.length > 0 ? innermost : chain;
}

/** The cause of an error and the errors of an aggregate. */
function innerErrors(error: unknown): readonly unknown[] {
  const { cause, errors } = Object(error) as { readonly cause?: unknown; readonly errors?: unknown };
  return [cause, ...(Array.isArray(errors) ? errors : [])].filter(
    (inner) => inner !== undefined && inner !== null,
  );
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
