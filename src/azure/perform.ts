import { type Run, type WaitOptions, waitFor } from '../waiting.ts';
import type { AzureClients } from './clients.ts';
import { azureDetails, EffectNotShown, OperationFailed, refused, transientReason } from './failures.ts';
import { type Again, type Progress, race, startOperation, whileTransient } from './operations.ts';

/** How the SDK is asked for an operation. */
export type Begin = Parameters<typeof startOperation>[2];

/** How an operation is waited for; by default at pauses of seconds, as operations on a server's children take seconds. */
export interface Manner {
  /** Called before each request. */
  readonly asking?: () => void;
  /** See {@link startOperation}. */
  readonly accepted?: (operationUrl: string | undefined) => void;
  readonly waiting?: WaitOptions;
  /** Why a failure is to be tried again that is not always a reason to. */
  readonly again?: Again;
}

/** With what an operation is performed. */
export interface Context {
  readonly clients: AzureClients;
  readonly run: Run;
  /** Whether it is tried again until the run ends also where Azure is out of reach or fails. */
  readonly insistent: boolean;
}

/**
 * Sends a request and races its operation against what is needed, again where Azure documents that a failure passes.
 * @param doing to follow "while" and "the end of"
 * @param isDone whether the thing itself shows the operation's effect, where the operation cannot be read; undefined while
 *   it shows that the operation is going on
 * @param needed given whether the operation has ended well; returns undefined as long as the need is not met
 * @throws `azure-refused`, whose details say `refused` only where nothing can come of any of the requests
 */
export async function perform<T>(
  { clients, run, insistent }: Context,
  doing: string,
  begin: Begin,
  isDone: IsDone,
  needed: (ended: boolean) => Promise<T | undefined>,
  {
    asking,
    accepted,
    waiting = { pause: 200, longestPause: 4000 },
    again = async () => undefined,
  }: Manner = {},
): Promise<T> {
  // An earlier request of the same may have taken effect, whatever is said of the last one.
  let uncertain = false;
  const reasonToRepeat = async (error: unknown): Promise<string | undefined> => {
    const reason = transientReason(error, insistent) ?? (await again(error));
    uncertain ||= reason !== undefined && !(error instanceof OperationFailed || azureDetails(error)?.refused);
    return reason;
  };
  const attempt = async (): Promise<T> => {
    asking?.();
    const operation = await startOperation(clients, run, begin, accepted);
    return await waitFor(run, `the end of ${doing}`, race(operation, withEffect(isDone, needed)), waiting);
  };
  try {
    return await whileTransient(run, doing, reasonToRepeat, attempt);
  } catch (error) {
    throw refused(doing, error, uncertain);
  }
}

/** Milliseconds for the effect of an operation to show that cannot be read; then it may have failed, and is sent again. */
const EFFECT_TIMEOUT_MS = 30_000;

/** Whether the thing itself shows the effect of an operation; undefined while it shows that the operation is going on. */
export type IsDone = () => Promise<boolean | undefined>;

/**
 * A need that learns from the thing itself whether the operation has ended, where the operation cannot be read.
 * @throws {@link EffectNotShown}
 */
function withEffect<T>(
  isDone: IsDone,
  needed: (ended: boolean) => Promise<T | undefined>,
): (progress: Progress) => Promise<T | undefined> {
  let since: number | undefined;
  return async (progress) => {
    if (progress !== 'unreadable') return await needed(progress === 'succeeded');
    const ended = await isDone();
    const met = await needed(ended ?? false);
    if (ended === undefined) since = undefined;
    else since ??= performance.now();
    if (met === undefined && ended === false && performance.now() - (since ?? 0) > EFFECT_TIMEOUT_MS)
      throw new EffectNotShown();
    return met;
  };
}
