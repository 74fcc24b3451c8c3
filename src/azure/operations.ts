import { setTimeout as sleep } from 'node:timers/promises';
import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { messageOf } from '../errors.ts';
import { type Because, type Run, waitFor, within } from '../waiting.ts';
import type { AzureClients } from './clients.ts';
import { OperationFailed } from './failures.ts';

/**
 * What is known of an operation: still going on; ended well; or `unreadable`, where its polls have been refused or are no
 * answers, so that only what it is for can tell whether it has ended.
 */
export type Progress = 'running' | 'succeeded' | 'unreadable';

/** A long-running operation that Azure accepted (or ended at once). */
export interface Operation {
  /** What the polls so far have said. Never waits; throws {@link OperationFailed}. */
  progress(): Progress;
  /** Starts a poll, unless one is going on or nothing more can be learnt; resolves when it is answered. Never throws. */
  poll(): Promise<void>;
  /** Why the last poll concluded nothing; undefined where it did. */
  readonly problem: string | undefined;
}

interface BeginOptions {
  readonly abortSignal: AbortSignal;
  readonly onResponse: (response: {
    readonly status: number;
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** Where an operation that was accepted is polled. */
interface Accepted {
  readonly url: string | undefined;
  readonly correlationId?: string | undefined;
}

/**
 * Starts an operation through the SDK and returns as soon as it is accepted. The SDK's own pollers are not used: they
 * wait for the service's Retry-After of up to 60 s, and take the failure of a poll for the failure of the request.
 * @param begin calls one of the SDK's `begin…` with these options
 * @param accepted called as soon as Azure has taken the request, before any poll, with the operation's URL where Azure
 *   names one; not where there was nothing to do (204)
 * @throws RestError where the request itself is refused
 */
export async function startOperation(
  clients: AzureClients,
  run: Run,
  begin: (options: BeginOptions) => Promise<unknown>,
  accepted: (operationUrl: string | undefined) => void = () => {},
): Promise<Operation> {
  const answered = Promise.withResolvers<Accepted>();
  const polling = new AbortController();
  let isFirst = true;
  const onResponse: BeginOptions['onResponse'] = ({ status, headers }) => {
    // Refusals come here too, and so would the SDK's polls.
    if (status < 200 || status >= 300 || !isFirst) return;
    isFirst = false;
    const url = headers.get('azure-asyncoperation') ?? headers.get('location');
    if (status !== 204) accepted(url);
    if (status !== 202 && url === undefined) return;
    answered.resolve({ url, correlationId: headers.get('x-ms-correlation-request-id') });
    // Ends what the SDK would do next, which is its first poll.
    polling.abort();
  };
  const begun = begin({ abortSignal: AbortSignal.any([run.signal, polling.signal]), onResponse });
  const first = await Promise.race([answered.promise, begun.then(() => undefined)]);
  begun.catch(() => {});
  return first === undefined ? ended : operationAt(clients, run, first);
}

/** One that Azure did at once. */
const ended: Operation = { progress: () => 'succeeded', poll: async () => {}, problem: undefined };

/** Polls in a row that conclude nothing before an operation counts as unreadable. */
const UNREADABLE_AFTER = 2;

/** An operation that was accepted, by the URL at which it is polled; the token goes to no other host than ARM's. */
export function operationAt(clients: AzureClients, run: Run, { url, correlationId }: Accepted): Operation {
  const own = url !== undefined && clients.isOwnUrl(url) ? url : undefined;
  let progress: Progress = own === undefined ? 'unreadable' : 'running';
  let failure: OperationFailed | undefined;
  let problem: string | undefined;
  let unreadable = 0;
  let polling: Promise<void> | undefined;
  const pollOnce = async (): Promise<void> => {
    const said = await askOperation(clients, run, own ?? '', correlationId);
    if (said instanceof OperationFailed) failure = said;
    else if ('problem' in said) {
      problem = said.problem;
      run.debug(`The state of the operation could not be read: ${problem}`);
      unreadable += 1;
      if (unreadable >= UNREADABLE_AFTER) progress = 'unreadable';
    } else {
      unreadable = 0;
      problem = undefined;
      progress = said.progress;
    }
  };
  return {
    progress() {
      if (failure !== undefined) throw failure;
      return progress;
    },
    async poll() {
      if (own === undefined || failure !== undefined || progress === 'succeeded') return;
      polling ??= pollOnce().finally(() => {
        polling = undefined;
      });
      await polling;
    },
    get problem() {
      return problem;
    },
  };
}

/** What one poll says: how far the operation is, that it failed, or why the answer says neither. */
type Said = { readonly progress: Progress } | { readonly problem: string } | OperationFailed;

/** One poll. Its refusal, or an answer that is none, says nothing about the operation. */
async function askOperation(
  clients: AzureClients,
  run: Run,
  url: string,
  correlationId: string | undefined,
): Promise<Said> {
  try {
    const request = createPipelineRequest({ url, method: 'GET', abortSignal: run.signal });
    const { status, bodyAsText } = await clients.postgresql.sendRequest(request);
    // A Location alone answers 202 until the operation has ended.
    if (status === 202) return { progress: 'running' };
    if (status === 204) return { progress: 'succeeded' };
    if (status !== 200) return { problem: `the poll was answered with HTTP ${status}` };
    if (!bodyAsText && url.includes('/operationResults/')) return { progress: 'succeeded' };
    return readPoll(bodyAsText ?? '', correlationId);
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

function readPoll(body: string, correlationId: string | undefined): Said {
  const answer = parseObject(body);
  const { status, error } = answer;
  if (typeof status !== 'string') return { problem: 'the poll’s answer names no state' };
  switch (status.toLowerCase()) {
    case 'succeeded':
      return { progress: 'succeeded' };
    case 'failed':
    case 'canceled':
    case 'cancelled': {
      const { code, message } = (error ?? {}) as Record<string, unknown>;
      return new OperationFailed({
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

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** How many rounds may pass between two polls of an operation: the need decides, but failures have to show. */
const ROUNDS_PER_POLL = 3;
/** Milliseconds that a round waits for a poll that it has started; the need is looked at again after that. */
const POLL_PATIENCE_MS = 250;

/**
 * Races what is needed against the operation's own failure. The need is looked at in every round and never waits for a
 * poll; a poll that is refused or breaks concludes nothing.
 * @param needed given what is known of the operation; returns undefined as long as the need is not met
 * @returns a look for `waitFor`
 */
export function race<T>(
  operation: Operation,
  needed: (progress: Progress) => Promise<T | undefined>,
): (because: Because) => Promise<T | undefined> {
  let round = 0;
  return async (because) => {
    round += 1;
    const isDue = round <= 2 || round % ROUNDS_PER_POLL === 0;
    const poll = isDue ? operation.poll() : Promise.resolve();
    const before = operation.progress();
    because(reasonOf(operation, before));
    const met = await needed(before);
    if (met !== undefined) return met;
    await Promise.race([poll, sleep(POLL_PATIENCE_MS)]);
    const after = operation.progress();
    because(reasonOf(operation, after));
    return after === before ? undefined : needed(after);
  };
}

const reasonOf = ({ problem }: Operation, progress: Progress): string =>
  problem === undefined ? reasons[progress] : `${reasons[progress]}, since ${problem}`;

const reasons: Readonly<Record<Progress, string>> = {
  running: 'Azure is still working on it',
  succeeded: 'Azure has ended the operation, but its effect does not show yet',
  unreadable: 'whether Azure has ended the operation cannot be read',
};

/** Asks an operation once, and waits for the answer at most so many milliseconds. Throws {@link OperationFailed}. */
export async function askOnce(operation: Operation, milliseconds: number): Promise<Progress> {
  await within(milliseconds, () => new Error('no answer'), operation.poll()).catch(() => {});
  return operation.progress();
}

/** Why an attempt is to be made again, and how it is logged; undefined where it is not. */
export type Again = (error: unknown) => Promise<string | undefined>;

/**
 * Does something again and again while there is a documented reason to expect that its failure passes.
 * @param what to follow "waiting for", such as `making firewall rule 'x'`
 * @param again the reason, which is logged
 * @throws whatever it does not do again for; the run's end ends it
 */
export async function whileTransient<T>(
  run: Run,
  what: string,
  again: Again,
  attempt: () => Promise<T>,
): Promise<T> {
  const look = async (because: Because): Promise<{ readonly value: T } | undefined> => {
    try {
      return { value: await attempt() };
    } catch (error) {
      const reason = run.signal.aborted ? undefined : await again(error);
      if (reason === undefined) throw error;
      run.info(`${reason}; trying again: ${what}`);
      because(reason);
      return undefined;
    }
  };
  return (await waitFor(run, what, look, { pause: 1000, longestPause: 20_000 })).value;
}
