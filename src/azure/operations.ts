import { setTimeout as sleep } from 'node:timers/promises';
import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { getErrorMessage } from '../common/errors.ts';
import { parseJsonObject } from '../common/json.ts';
import { type RunContext, type SetReason, withTimeout } from '../common/polling.ts';
import { OperationFailedError } from './azure-errors.ts';
import type { AzureClients } from './clients.ts';

/**
 * What is known of an operation: still going on; ended well; or `unreadable`, where its polls have been refused or are no
 * answers, so that only what it is for can tell whether it has ended.
 */
export type OperationProgress = 'running' | 'succeeded' | 'unreadable';

/** A long-running operation that Azure accepted (or ended at once). */
export interface Operation {
  /** What the polls so far have said. Never waits; throws {@link OperationFailedError}. */
  progress(): OperationProgress;
  /** Starts a poll, unless one is going on or nothing more can be learnt; resolves when it is answered. Never throws. */
  poll(): Promise<void>;
  /** Why the last poll concluded nothing; undefined where it did. */
  readonly pollProblem: string | undefined;
}

interface BeginOperationOptions {
  readonly abortSignal: AbortSignal;
  readonly onResponse: (response: {
    readonly status: number;
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** Where an operation that was accepted is polled. */
interface AcceptedOperation {
  readonly url: string | undefined;
  readonly correlationId?: string | undefined;
}

/**
 * Starts an operation through the SDK and returns as soon as it is accepted. The SDK's own pollers are not used: they
 * wait for the service's Retry-After of up to 60 s, and take the failure of a poll for the failure of the request.
 * @param begin calls one of the SDK's `begin…` with these options
 * @param onAccepted called as soon as Azure has taken the request, before any poll, with the operation's URL where Azure
 *   names one; not where there was nothing to do (204)
 * @throws RestError where the request itself is refused
 */
export async function startOperation(
  clients: AzureClients,
  run: RunContext,
  begin: (options: BeginOperationOptions) => Promise<unknown>,
  onAccepted: (operationUrl: string | undefined) => void = () => {},
): Promise<Operation> {
  const firstResponse = Promise.withResolvers<AcceptedOperation>();
  const polling = new AbortController();
  let isFirst = true;
  const onResponse: BeginOperationOptions['onResponse'] = ({ status, headers }) => {
    // Refusals come here too, and so would the SDK's polls.
    if (status < 200 || status >= 300 || !isFirst) return;
    isFirst = false;
    const url = headers.get('azure-asyncoperation') ?? headers.get('location');
    if (status !== 204) onAccepted(url);
    if (status !== 202 && url === undefined) return;
    firstResponse.resolve({ url, correlationId: headers.get('x-ms-correlation-request-id') });
    // Ends what the SDK would do next, which is its first poll.
    polling.abort();
  };
  const request = begin({ abortSignal: AbortSignal.any([run.signal, polling.signal]), onResponse });
  const first = await Promise.race([firstResponse.promise, request.then(() => undefined)]);
  request.catch(() => {});
  return first === undefined ? COMPLETED_OPERATION : trackOperation(clients, run, first);
}

/** One that Azure did at once. */
const COMPLETED_OPERATION: Operation = {
  progress: () => 'succeeded',
  poll: async () => {},
  pollProblem: undefined,
};

/** Polls in a row that conclude nothing before an operation counts as unreadable. */
const MAX_UNREADABLE_POLLS = 2;

/** An operation that was accepted, by the URL at which it is polled; the token goes to no other host than ARM's. */
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
  let polling: Promise<void> | undefined;
  const pollOnce = async (): Promise<void> => {
    const result = await pollOperation(clients, run, pollUrl ?? '', correlationId);
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
  return {
    progress() {
      if (failure !== undefined) throw failure;
      return progress;
    },
    async poll() {
      if (pollUrl === undefined || failure !== undefined || progress === 'succeeded') return;
      polling ??= pollOnce().finally(() => {
        polling = undefined;
      });
      await polling;
    },
    get pollProblem() {
      return problem;
    },
  };
}

/** What one poll says: how far the operation is, that it failed, or why the answer says neither. */
type PollResult =
  | { readonly progress: OperationProgress }
  | { readonly problem: string }
  | OperationFailedError;

/** One poll. Its refusal, or an answer that is none, says nothing about the operation. */
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
  if (typeof status !== 'string') return { problem: 'the poll’s answer names no state' };
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

/** How many rounds may pass between two polls of an operation: the need decides, but failures have to show. */
const ROUNDS_PER_POLL = 3;
/** Milliseconds that a round waits for a poll that it has started; the need is looked at again after that. */
const POLL_TIMEOUT_MS = 250;

/**
 * Races what is needed against the operation's own failure. The need is looked at in every round and never waits for a
 * poll; a poll that is refused or breaks concludes nothing.
 * @param getResult given what is known of the operation; returns undefined as long as the need is not met
 * @returns a look for `waitFor`
 */
export function createOperationPoll<T>(
  operation: Operation,
  getResult: (progress: OperationProgress) => Promise<T | undefined>,
): (setReason: SetReason) => Promise<T | undefined> {
  let round = 0;
  return async (setReason) => {
    round += 1;
    const isDue = round <= 2 || round % ROUNDS_PER_POLL === 0;
    const poll = isDue ? operation.poll() : Promise.resolve();
    const before = operation.progress();
    setReason(describeProgress(operation, before));
    const result = await getResult(before);
    if (result !== undefined) return result;
    await Promise.race([poll, sleep(POLL_TIMEOUT_MS)]);
    const after = operation.progress();
    setReason(describeProgress(operation, after));
    return after === before ? undefined : getResult(after);
  };
}

const describeProgress = ({ pollProblem }: Operation, progress: OperationProgress): string =>
  pollProblem === undefined
    ? PROGRESS_REASONS[progress]
    : `${PROGRESS_REASONS[progress]}, since ${pollProblem}`;

const PROGRESS_REASONS: Readonly<Record<OperationProgress, string>> = {
  running: 'Azure is still working on it',
  succeeded: 'Azure has ended the operation, but its effect does not show yet',
  unreadable: 'whether Azure has ended the operation cannot be read',
};

/** Asks an operation once, and waits for the answer at most so many milliseconds. Throws {@link OperationFailedError}. */
export async function pollWithTimeout(operation: Operation, timeoutMs: number): Promise<OperationProgress> {
  await withTimeout(timeoutMs, () => new Error('no answer'), operation.poll()).catch(() => {});
  return operation.progress();
}
