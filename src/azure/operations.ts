import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { getErrorMessage } from '../common/errors.ts';
import { parseJsonObject } from '../common/json.ts';
import {
  backOff,
  followAge,
  type GetRetryReason,
  type RunContext,
  retry,
  type SetReason,
  waitFor,
  withTimeout,
} from '../common/polling.ts';
import {
  azureDetails,
  EffectNotVisibleError,
  OperationFailedError,
  toAzureError,
  transientReason,
} from './azure-errors.ts';
import type { AzureClients } from './clients.ts';

/**
 * What is known of an operation. `unreadable`: Azure rejects its polls, or answers something else, so that only the
 * resource itself can show whether the operation has ended.
 */
export type OperationProgress = 'running' | 'succeeded' | 'unreadable';

/** A long-running operation that Azure has accepted (see docs/azure-behavior.md#long-running-operations). */
export interface Operation {
  /**
   * Polls, and returns what the polls have reported so far, for one round of {@link waitFor}. It waits for the response
   * 250 ms at most, and does not poll while another poll is pending.
   * @param setReason gets why the operation has not ended
   * @throws {@link OperationFailedError}
   */
  check(setReason: SetReason): Promise<OperationProgress>;
  /**
   * As {@link check}, but polls in few rounds: for a wait that usually ends because the effect of the operation is visible,
   * so that only a failure has to be found here.
   */
  checkForFailure(setReason: SetReason): Promise<OperationProgress>;
  /**
   * Polls once, unless a poll is pending or the end is known, and waits for the response `timeoutMs` milliseconds at most.
   * A failed poll does not change the result.
   * @throws {@link OperationFailedError}
   */
  poll(timeoutMs: number): Promise<OperationProgress>;
}

interface BeginOperationOptions {
  readonly abortSignal: AbortSignal;
  readonly onResponse: (response: {
    readonly status: number;
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** Calls one of the SDK's `begin…` methods with these options. */
export type BeginOperation = (options: BeginOperationOptions) => Promise<unknown>;

/** Where an accepted operation is polled. */
interface AcceptedOperation {
  readonly url: string | undefined;
  readonly correlationId?: string | undefined;
}

/**
 * Starts an operation through the SDK and returns as soon as Azure accepts it. The SDK's own pollers are not used: they
 * wait for the service's Retry-After of up to 60 s, and take a failed poll for a failed request.
 * @param onAccepted called before the first poll, with the operation's URL if Azure names one; not for 204, when
 *   there was nothing to do
 * @throws RestError if Azure rejects the request
 */
export async function startOperation(
  clients: AzureClients,
  run: RunContext,
  begin: BeginOperation,
  onAccepted: (operationUrl: string | undefined) => void = () => {},
): Promise<Operation> {
  const firstResponse = Promise.withResolvers<AcceptedOperation>();
  const sdkPolling = new AbortController();
  let isFirst = true;
  const onResponse: BeginOperationOptions['onResponse'] = ({ status, headers }) => {
    // The SDK calls this for rejections too, and would for its polls.
    if (status < 200 || status >= 300 || !isFirst) return;
    isFirst = false;
    const url = headers.get('azure-asyncoperation') ?? headers.get('location');
    if (status !== 204) onAccepted(url);
    if (status !== 202 && url === undefined) return;
    firstResponse.resolve({ url, correlationId: headers.get('x-ms-correlation-request-id') });
    sdkPolling.abort();
  };
  const request = begin({ abortSignal: AbortSignal.any([run.signal, sdkPolling.signal]), onResponse });
  const first = await Promise.race([firstResponse.promise, request.then(() => undefined)]);
  request.catch(() => {});
  return first === undefined ? COMPLETED_OPERATION : trackOperation(clients, run, first);
}

/** An operation that ended with the response to its request. */
const COMPLETED_OPERATION: Operation = {
  check: async () => 'succeeded',
  checkForFailure: async () => 'succeeded',
  poll: async () => 'succeeded',
};

/** Consecutive inconclusive polls before an operation counts as unreadable. */
const MAX_UNREADABLE_POLLS = 2;
/** Between two polls that only have to find a failure. */
const FAILURE_POLL_PAUSES = followAge({ share: 0.15, minMs: 1000, maxMs: 30_000 });
/** Milliseconds that a check waits for the poll that it has started. */
const CHECK_TIMEOUT_MS = 250;

/** An accepted operation, by the URL at which it is polled. The token is sent only to ARM's host. */
export function trackOperation(
  clients: AzureClients,
  run: RunContext,
  { url, correlationId }: AcceptedOperation,
): Operation {
  const pollUrl = url !== undefined && clients.isResourceManagerUrl(url) ? url : undefined;
  let progress: OperationProgress = pollUrl === undefined ? 'unreadable' : 'running';
  let failure: OperationFailedError | undefined;
  let problem: string | undefined;
  let unreadablePolls = 0;
  const start = performance.now();
  let polledAt = start;
  let pendingPoll: Promise<void> | undefined;

  const getProgress = (): OperationProgress => {
    if (failure !== undefined) throw failure;
    return progress;
  };
  const pollOnce = async (pollUrl: string): Promise<void> => {
    const result = await pollOperation(clients, run, pollUrl, correlationId);
    if (result instanceof OperationFailedError) failure = result;
    else if ('problem' in result) {
      problem = result.problem;
      run.debug(`The state of the operation could not be read: ${problem}`);
      unreadablePolls += 1;
      if (unreadablePolls >= MAX_UNREADABLE_POLLS) progress = 'unreadable';
    } else {
      unreadablePolls = 0;
      problem = undefined;
      progress = result.progress;
    }
  };
  const poll = async (timeoutMs: number): Promise<OperationProgress> => {
    if (pollUrl !== undefined && failure === undefined && progress !== 'succeeded') {
      polledAt = performance.now();
      pendingPoll ??= pollOnce(pollUrl).finally(() => {
        pendingPoll = undefined;
      });
      await withTimeout(timeoutMs, () => new Error('no response'), pendingPoll).catch(() => {});
    }
    return getProgress();
  };
  const checkIf = async (isPollDue: boolean, setReason: SetReason): Promise<OperationProgress> => {
    const current = isPollDue ? await poll(CHECK_TIMEOUT_MS) : getProgress();
    setReason(
      problem === undefined ? PROGRESS_REASONS[current] : `${PROGRESS_REASONS[current]}, because ${problem}`,
    );
    return current;
  };
  return {
    check: (setReason) => checkIf(true, setReason),
    checkForFailure: (setReason) => {
      const now = performance.now();
      return checkIf(now - polledAt >= FAILURE_POLL_PAUSES(now - start, 0), setReason);
    },
    poll,
  };
}

const PROGRESS_REASONS: Readonly<Record<OperationProgress, string>> = {
  running: 'Azure is still working on it',
  succeeded: 'The operation has ended, but its effect is not visible yet',
  unreadable: 'the state of the operation cannot be read',
};

/** What one poll reports: the operation's progress, its failure, or why the response contains neither. */
type PollResult =
  | { readonly progress: OperationProgress }
  | { readonly problem: string }
  | OperationFailedError;

/** One poll. A rejected or unreadable poll does not change the operation's result. */
async function pollOperation(
  clients: AzureClients,
  run: RunContext,
  url: string,
  correlationId: string | undefined,
): Promise<PollResult> {
  try {
    const request = createPipelineRequest({ url, method: 'GET', abortSignal: run.signal });
    const { status, bodyAsText } = await clients.postgresql.sendRequest(request);
    // A Location alone answers 202 until the operation has ended.
    if (status === 202) return { progress: 'running' };
    if (status === 204) return { progress: 'succeeded' };
    if (status !== 200) return { problem: `the poll was answered with HTTP ${status}` };
    if (!bodyAsText && url.includes('/operationResults/')) return { progress: 'succeeded' };
    return parsePollResponse(bodyAsText ?? '', correlationId);
  } catch (error) {
    return { problem: getErrorMessage(error) };
  }
}

function parsePollResponse(body: string, correlationId: string | undefined): PollResult {
  const { status, error } = parseJsonObject(body) ?? {};
  if (typeof status !== 'string') return { problem: 'the response to the poll names no status' };
  switch (status.toLowerCase()) {
    case 'succeeded':
      return { progress: 'succeeded' };
    case 'failed':
    case 'canceled':
    case 'cancelled': {
      const { code, message } = (error ?? {}) as Record<string, unknown>;
      return new OperationFailedError({
        code: typeof code === 'string' ? code : '',
        message:
          typeof message === 'string' && message !== '' ? message : `The operation ended as ${status}.`,
        ...(correlationId === undefined ? {} : { correlationId }),
      });
    }
    default:
      return { progress: 'running' };
  }
}

/** A write that ARM performs as an operation. */
export interface OperationRequest {
  /** For "while …", "trying again: …" and "the end of …", such as `creating firewall rule 'x'`. */
  readonly description: string;
  readonly begin: BeginOperation;
  /**
   * Whether the resource shows the operation's effect; undefined while it shows that the operation is running. Called only
   * while the operation itself is unreadable.
   */
  readonly hasTakenEffect: () => Promise<boolean | undefined>;
  /** Called before each request. */
  readonly onRequest?: () => void;
  /** See {@link startOperation}. */
  readonly onAccepted?: (operationUrl: string | undefined) => void;
  /** Why to retry after a failure that is not transient in general. */
  readonly getRetryReason?: GetRetryReason;
}

/** Milliseconds for the effect of an unreadable operation to show. After that it may have failed, and is sent again. */
const EFFECT_TIMEOUT_MS = 30_000;
/** Before a request is sent again. */
const RETRY_PAUSES = backOff({ firstMs: 1000, maxMs: 20_000 });
/** Between the polls of an operation; many take only seconds. */
const POLL_PAUSES = followAge({ minMs: 300 });

/**
 * An operation that is sent again while its failures are transient, whether Azure rejects the request or the accepted
 * operation fails later. Call {@link start} first.
 */
export class RetriedOperation {
  readonly #clients: AzureClients;
  readonly #run: RunContext;
  readonly #retryWhenUnreachable: boolean;
  readonly #request: OperationRequest;
  #operation: Operation | undefined;
  #failures = 0;
  /** Whether one of the requests may have taken effect although a later one was rejected. */
  #mayHaveTakenEffect = false;
  /** Time of the first check at which the unreadable operation had no effect yet. */
  #missingSince: number | undefined;

  constructor(
    clients: AzureClients,
    run: RunContext,
    request: OperationRequest,
    retryWhenUnreachable: boolean,
  ) {
    this.#clients = clients;
    this.#run = run;
    this.#request = request;
    this.#retryWhenUnreachable = retryWhenUnreachable;
  }

  /** Returns once Azure has accepted a request. @throws as {@link check} */
  async start(): Promise<void> {
    await this.#withRetries(async () => {});
  }

  /**
   * Whether the operation has succeeded so far, for one round of {@link waitFor}. Waits only for a retry, never for the
   * operation's end.
   * @throws `azure-request-failed` for a failure that is not transient; its details have `wasRejected` only if no
   *   request can have taken effect
   */
  check(setReason: SetReason): Promise<boolean> {
    return this.#withRetries((operation) => this.#hasSucceeded(operation.check(setReason)));
  }

  /** As {@link check}, but polls in few rounds, for a wait that the effect of the operation ends. */
  checkForFailure(setReason: SetReason): Promise<boolean> {
    return this.#withRetries((operation) => this.#hasSucceeded(operation.checkForFailure(setReason)));
  }

  /**
   * Waits until `getEffect` returns something.
   * @param getEffect called in each round with whether the operation is known to have succeeded; a transient failure of
   *   it is retried too
   * @throws as {@link check}
   */
  waitForEffect<T>(getEffect: (succeeded: boolean) => Promise<T | undefined>): Promise<T> {
    return this.#wait((setReason) =>
      this.#withRetries(async (operation) =>
        getEffect(await this.#hasSucceeded(operation.checkForFailure(setReason))),
      ),
    );
  }

  /** Waits until the operation has succeeded. @throws as {@link check} */
  async waitForEnd(): Promise<void> {
    await this.#wait(async (setReason) => (await this.check(setReason)) || undefined);
  }

  #wait<T>(poll: (setReason: SetReason) => Promise<T | undefined>): Promise<T> {
    return waitFor(this.#run, `the end of ${this.#request.description}`, poll, { pauses: POLL_PAUSES });
  }

  async #withRetries<T>(work: (operation: Operation) => Promise<T>): Promise<T> {
    const { description } = this.#request;
    try {
      return await retry(
        this.#run,
        description,
        async () => {
          this.#operation ??= await this.#send();
          return await work(this.#operation);
        },
        (error, elapsedMs) => this.#getRetryReason(error, elapsedMs),
        // A new call continues with the pauses of the ones before.
        { pauses: (elapsedMs) => RETRY_PAUSES(elapsedMs, this.#failures - 1) },
      );
    } catch (error) {
      throw toAzureError(description, error, this.#mayHaveTakenEffect);
    }
  }

  #send(): Promise<Operation> {
    const { onRequest, begin, onAccepted } = this.#request;
    onRequest?.();
    this.#missingSince = undefined;
    return startOperation(this.#clients, this.#run, begin, onAccepted);
  }

  async #hasSucceeded(checked: Promise<OperationProgress>): Promise<boolean> {
    const progress = await checked;
    if (progress !== 'unreadable') return progress === 'succeeded';
    const hasTakenEffect = await this.#request.hasTakenEffect();
    if (hasTakenEffect === false) {
      this.#missingSince ??= performance.now();
      if (performance.now() - this.#missingSince > EFFECT_TIMEOUT_MS) throw new EffectNotVisibleError();
    } else this.#missingSince = undefined;
    return hasTakenEffect ?? false;
  }

  async #getRetryReason(error: unknown, elapsedMs: number): Promise<string | undefined> {
    this.#operation = undefined;
    this.#failures += 1;
    const reason =
      (await this.#request.getRetryReason?.(error, elapsedMs)) ??
      transientReason(error, this.#retryWhenUnreachable);
    const isWithoutEffect = error instanceof OperationFailedError || azureDetails(error)?.wasRejected;
    if (reason !== undefined && !isWithoutEffect) this.#mayHaveTakenEffect = true;
    return reason;
  }
}
