import { type GetRetryReason, type RunContext, retry, type WaitOptions, waitFor } from '../common/polling.ts';
import {
  azureDetails,
  EffectNotVisibleError,
  OperationFailedError,
  toAzureError,
  transientReason,
} from './azure-errors.ts';
import type { AzureClients } from './clients.ts';
import { createOperationPoll, type OperationProgress, startOperation } from './operations.ts';

/** How the SDK is asked for an operation. */
export type BeginOperation = Parameters<typeof startOperation>[2];

/** How an operation is waited for; by default at pauses of seconds, as operations on a server's children take seconds. */
export interface OperationOptions {
  /** Called before each request. */
  readonly onRequest?: () => void;
  /** See {@link startOperation}. */
  readonly onAccepted?: (operationUrl: string | undefined) => void;
  readonly pollOptions?: WaitOptions;
  /** Why a failure is to be tried again that is not always a reason to. */
  readonly getRetryReason?: GetRetryReason;
}

/** With what an operation is performed. */
export interface OperationContext {
  readonly clients: AzureClients;
  readonly run: RunContext;
  /** Whether it is tried again until the run ends also where Azure is out of reach or fails. */
  readonly retryWhenUnreachable: boolean;
}

/**
 * Sends a request and races its operation against what is needed, again where Azure documents that a failure passes.
 * @param doing to follow "while" and "the end of"
 * @param hasTakenEffect whether the thing itself shows the operation's effect, where the operation cannot be read; undefined while
 *   it shows that the operation is going on
 * @param getResult given whether the operation has ended well; returns undefined as long as the need is not met
 * @throws `azure-request-failed`, whose details say `refused` only where nothing can come of any of the requests
 */
export async function runOperation<T>(
  { clients, run, retryWhenUnreachable }: OperationContext,
  doing: string,
  begin: BeginOperation,
  hasTakenEffect: HasTakenEffect,
  getResult: (ended: boolean) => Promise<T | undefined>,
  {
    onRequest,
    onAccepted,
    pollOptions = { initialIntervalMs: 200, maxIntervalMs: 4000 },
    getRetryReason = async () => undefined,
  }: OperationOptions = {},
): Promise<T> {
  // An earlier request of the same may have taken effect, whatever is said of the last one.
  let mayHaveTakenEffect = false;
  const findRetryReason: GetRetryReason = async (error, elapsedMs) => {
    const reason = transientReason(error, retryWhenUnreachable) ?? (await getRetryReason(error, elapsedMs));
    mayHaveTakenEffect ||=
      reason !== undefined && !(error instanceof OperationFailedError || azureDetails(error)?.wasRejected);
    return reason;
  };
  const attempt = async (): Promise<T> => {
    onRequest?.();
    const operation = await startOperation(clients, run, begin, onAccepted);
    return await waitFor(
      run,
      `the end of ${doing}`,
      createOperationPoll(operation, withEffectCheck(hasTakenEffect, getResult)),
      pollOptions,
    );
  };
  try {
    return await retry(run, doing, attempt, findRetryReason, {
      initialIntervalMs: 1000,
      maxIntervalMs: 20_000,
    });
  } catch (error) {
    throw toAzureError(doing, error, mayHaveTakenEffect);
  }
}

/** Milliseconds for the effect of an operation to show that cannot be read; then it may have failed, and is sent again. */
const EFFECT_TIMEOUT_MS = 30_000;

/** Whether the thing itself shows the effect of an operation; undefined while it shows that the operation is going on. */
export type HasTakenEffect = () => Promise<boolean | undefined>;

/**
 * A need that learns from the thing itself whether the operation has ended, where the operation cannot be read.
 * @throws {@link EffectNotVisibleError}
 */
function withEffectCheck<T>(
  hasTakenEffect: HasTakenEffect,
  getResult: (ended: boolean) => Promise<T | undefined>,
): (progress: OperationProgress) => Promise<T | undefined> {
  let notVisibleSince: number | undefined;
  return async (progress) => {
    if (progress !== 'unreadable') return await getResult(progress === 'succeeded');
    const ended = await hasTakenEffect();
    const result = await getResult(ended ?? false);
    if (ended === undefined) notVisibleSince = undefined;
    else notVisibleSince ??= performance.now();
    if (
      result === undefined &&
      ended === false &&
      performance.now() - (notVisibleSince ?? 0) > EFFECT_TIMEOUT_MS
    )
      throw new EffectNotVisibleError();
    return result;
  };
}
