import { actionError, toActionError } from '../common/errors.ts';
import { formatDuration, type RunContext, withAbortGrace } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';

/** Milliseconds that the work may continue after the abort, for example to end a migration. */
const ABORT_GRACE_MS = 8000;

/**
 * Runs the work with log functions and an abort signal. The signal aborts after `timeoutMs` milliseconds and when GitHub
 * cancels the job (SIGINT, then SIGTERM). Settles at most {@link ABORT_GRACE_MS} after the abort, even if the work hangs.
 * @param hint what the user can do about a timeout
 * @throws what the work throws; after the abort `timed-out` or `cancelled`, unless the work reports an error of the
 *   catalog
 */
export async function withRunContext<T>(
  runtime: ActionsRuntime,
  timeoutMs: number,
  hint: string,
  work: (run: RunContext) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => {
    controller.abort(actionError('timed-out', { after: formatDuration(timeoutMs), hint }));
  }, timeoutMs);
  const cancel = (name: NodeJS.Signals): void => controller.abort(actionError('cancelled', { signal: name }));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, cancel);
  const run = {
    signal,
    info: (text: string) => runtime.info(text),
    warning: (text: string) => runtime.warning(text),
    debug: (text: string) => runtime.debug(text),
  };
  try {
    return await withAbortGrace(signal, ABORT_GRACE_MS, work(run));
  } catch (error) {
    const { toSqlError } = await import('../postgres/pg-errors.ts');
    throw toActionError(toSqlError(error), signal);
  } finally {
    clearTimeout(timer);
    for (const name of signals) process.off(name, cancel);
  }
}
