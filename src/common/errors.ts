import { ActionError, type ActionErrorOptions, getErrorMessage, sanitizeStrings } from './action-error.ts';
import { type ErrorCode, type ErrorParameters, errorCatalog } from './error-catalog/catalog.ts';
import type { ErrorText } from './error-catalog/error-entry.ts';
import { sanitizeText } from './sanitize.ts';

/*
 * The errors of the action. Code throws `actionError(code, parameters)`; the texts are written only in `error-catalog/`.
 */

export {
  ActionError,
  type AzureDetails,
  getErrorMessage,
  getErrorSummary,
  getInnermostErrors,
  getRawErrorMessage,
  walkErrors,
} from './action-error.ts';
export { type ErrorCode, type ErrorParameters, errorCatalog, errorGroups } from './error-catalog/catalog.ts';
export type { StatementContext } from './error-catalog/error-entry.ts';

/** Creates an error of the catalog. Strings among the parameters are sanitized and limited in length. */
export function actionError<C extends ErrorCode>(
  code: C,
  parameters: ErrorParameters<C>,
  options: ActionErrorOptions = {},
): ActionError {
  const toErrorText = errorCatalog[code].text as (p: typeof parameters) => ErrorText;
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
