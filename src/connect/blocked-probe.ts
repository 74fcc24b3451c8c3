import { type RunContext, waitFor } from '../common/polling.ts';
import type { LoginAttempt } from '../postgres/login.ts';
import { HedgedLogin } from './hedged-login.ts';

/** Milliseconds without a response after which a connection counts as blocked. A server can be slow for some time. */
const SILENCE_MS = 3000;

/**
 * Waits until the firewall blocks this runner: PostgreSQL refuses its address, or does not answer any of the connections
 * that start within three seconds. A response to a later connection ends the earlier ones, so the timeout of one shows
 * that all have had no response.
 * @param login starts a login without a password, which ends after `timeoutMs` milliseconds
 * @param timeoutMs milliseconds until the wait ends
 * @throws `timed-out`; the reason of the run's signal
 */
export async function waitUntilBlocked(
  run: RunContext,
  login: (timeoutMs: number) => LoginAttempt,
  timeoutMs: number,
): Promise<void> {
  const attempts = new HedgedLogin(() => login(SILENCE_MS), run.signal);
  const poll = async (): Promise<true | undefined> => {
    const result = await attempts.next();
    if (result === undefined) return undefined;
    if ('session' in result) await result.session.close();
    return ('failure' in result && result.failure.kind === 'blocked') || undefined;
  };
  try {
    // The pauses are those of the attempts.
    await waitFor(run, 'the firewall to block this runner', poll, { pauses: () => 0, timeoutMs });
  } finally {
    attempts.end();
  }
}
