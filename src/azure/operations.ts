import { messageOf } from '../errors.ts';
import { pauseFor, type Run } from '../waiting.ts';
import { isBusy } from './advice.ts';
import { azureDetails, OperationFailed } from './failures.ts';

/** A long-running operation that Azure accepted (or ended at once). */
export interface Operation {
  /** Asks once whether it has ended; never waits. Throws {@link OperationFailed}. */
  ended(): Promise<boolean>;
}

/** The part of the SDK's pollers that is used; `pollUntilDone` would wait the service's Retry-After (facts.md §6). */
interface Poller {
  poll(options?: { abortSignal?: AbortSignal }): Promise<void>;
  isDone(): boolean;
}

interface BeginOptions {
  readonly abortSignal: AbortSignal;
  readonly onResponse: (response: {
    readonly headers: { get(name: string): string | undefined };
    readonly bodyAsText?: string | null;
  }) => void;
}

/**
 * Starts an operation through the SDK and hands back its handle as soon as it is accepted.
 * @param begin calls one of the SDK's `begin…` with these options
 * @param accepted told the operation's URL, whole, as soon as Azure names it, before the first poll
 * @throws RestError where the request itself is refused; {@link OperationFailed} where the first poll says so
 */
export async function startOperation(
  run: Run,
  begin: (options: BeginOptions) => Promise<Poller>,
  accepted: (operationUrl: string) => void = () => {},
): Promise<Operation> {
  let correlationId: string | undefined;
  let operationUrl: string | undefined;
  let lastBody = '';
  const onResponse: BeginOptions['onResponse'] = ({ headers, bodyAsText }) => {
    lastBody = bodyAsText ?? '';
    correlationId ??= headers.get('x-ms-correlation-request-id');
    if (operationUrl !== undefined) return;
    operationUrl = headers.get('azure-asyncoperation');
    if (operationUrl !== undefined) accepted(operationUrl);
  };
  const failed = (error: unknown): never => {
    throw pollFailure(error, lastBody, correlationId);
  };
  const poller = await begin({ abortSignal: run.signal, onResponse }).catch(failed);
  return {
    async ended() {
      if (poller.isDone()) return true;
      await poller.poll({ abortSignal: run.signal }).catch(failed);
      return poller.isDone();
    },
  };
}

/**
 * A failed poll as the SDK throws it is a plain Error that says only "The long-running operation has failed. CODE.
 * message", and not even that where the code is empty (facts.md §3, §6); so the poll's own body is read.
 */
function pollFailure(error: unknown, body: string, correlationId: string | undefined): unknown {
  if (!(error instanceof Error) || !error.message.startsWith('The long-running operation has failed'))
    return error;
  const { code = '', message = 'The operation failed.' } = errorOf(body);
  return new OperationFailed(
    { code, message, ...(correlationId === undefined ? {} : { correlationId }) },
    error,
  );
}

function errorOf(body: string): { readonly code?: string; readonly message?: string } {
  try {
    return (JSON.parse(body) as { error?: { code?: string; message?: string } }).error ?? {};
  } catch {
    return {};
  }
}

/** How many rounds may pass between two polls of an operation: it is the need that is looked at, but failures must show. */
const roundsPerPoll = 3;

/**
 * Races what is needed against the operation's own failure (design.md, Waiting). The need is looked at on every round,
 * the operation more rarely; a poll that breaks tells nothing, and the need decides.
 * @param needed told whether the operation has ended well; returns undefined as long as the need is not met
 * @returns a look for `waitFor`
 */
export function race<T>(
  run: Run,
  operation: Operation,
  needed: (ended: boolean) => Promise<T | undefined>,
): () => Promise<T | undefined> {
  let round = 0;
  let ended = false;
  return async () => {
    round += 1;
    if (!ended && (round <= 2 || round % roundsPerPoll === 0)) ended = await endedOrBroken(run, operation);
    return needed(ended);
  };
}

async function endedOrBroken(run: Run, operation: Operation): Promise<boolean> {
  try {
    return await operation.ended();
  } catch (error) {
    if (error instanceof OperationFailed || run.signal.aborted) throw error;
    run.debug(`A poll of the operation broke: ${messageOf(error)}`);
    return false;
  }
}

/**
 * Does something that a busy server refuses, again and again until it is taken (facts.md §3, Busy).
 * @throws whatever else it throws; the run's end ends it
 */
export async function whileBusy<T>(run: Run, what: string, attempt: () => Promise<T>): Promise<T> {
  for (let pause = 1000; ; pause = Math.min(pause * 1.5, 20_000)) {
    try {
      return await attempt();
    } catch (error) {
      const code = azureDetails(error)?.code ?? '';
      if (!isBusy(code)) throw error;
      run.info(`The server is busy with another operation (${code}); trying again: ${what}`);
      await pauseFor(run, pause);
    }
  }
}
