import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/exchange.ts';
import type { ArmCall, ArmHandler } from './call.ts';
import { ArmError, OperationFailure, operationFailures } from './errors.ts';
import { type RetryAfter, retryAfter } from './timing.ts';

/** What an accepted request sets going. */
export interface OperationPlan {
  /** The provider's name of the operation, which the 202 carries (facts.md §2). */
  readonly operation: string;
  /** Seconds, as recorded. */
  readonly retryAfter: number;
  /** The `locations/…` segment of the operation's URLs, encoded. */
  readonly location: string;
  /** Milliseconds until it ends. */
  readonly duration: number;
  /**
   * Does the work. `elapse` resolves after the duration, or rejects where a fault says that the operation fails;
   * what follows it is the effect. Rejecting with an OperationFailure is how an operation fails.
   */
  readonly work: (elapse: () => Promise<void>) => Promise<void>;
}

interface Operation {
  readonly id: string;
  readonly startTime: string;
  readonly retryAfter: RetryAfter;
  /** The signature part of its URLs, without which Azure does not know it. */
  readonly signature: string;
  status: 'InProgress' | 'Succeeded' | 'Failed';
  error: OperationFailure | undefined;
  ended: Promise<void>;
}

/** Header of answers that come from the provider and not from ARM's gateway. */
export const providerHeaders = { Server: 'Microsoft-HTTPAPI/2.0' } as const;

/** Those of a poll and of a server's GET, which could have been compressed (2021 recordings). */
export const compressibleHeaders = { ...providerHeaders, Vary: 'Accept-Encoding' } as const;

function failureOf(error: unknown): OperationFailure {
  if (error instanceof OperationFailure) return error;
  if (!(error instanceof Error && error.name === 'AbortError')) console.error(error);
  return operationFailures.internal();
}

/** The long-running operations: accepted with 202, polled, ended (facts.md §2). */
export class Operations {
  readonly #operations = new Map<string, Operation>();
  readonly #plain = new Map<string, { ended: boolean; done: Promise<void> }>();
  readonly #clock: Clock;
  readonly #scale: number;
  // About 3 kB, as Azure's: a client that cuts or re-encodes the URL loses its operation.
  readonly #certificate = randomBytes(2200).toString('base64url');

  constructor(clock: Clock, scale: number) {
    this.#clock = clock;
    this.#scale = scale;
  }

  /** Start the plan's work and answer 202 with the URLs to poll. */
  begin(call: ArmCall, plan: OperationPlan): Reply {
    const { imposedFailure } = call.request;
    const elapse = async (): Promise<void> => {
      await this.#clock.wait(plan.duration);
      if (imposedFailure) throw new OperationFailure(imposedFailure.code, imposedFailure.message);
    };
    const operation = this.#add(plan);
    operation.ended = plan.work(elapse).then(
      () => {
        operation.status = 'Succeeded';
      },
      (error: unknown) => {
        operation.error = failureOf(error);
        operation.status = 'Failed';
      },
    );
    return this.#accepted(call, plan, operation);
  }

  #add(plan: OperationPlan): Operation {
    const operation: Operation = {
      id: randomUUID(),
      startTime: new Date().toISOString(),
      retryAfter: retryAfter(plan.retryAfter, this.#scale),
      signature: `&t=${Date.now()}0000&c=${this.#certificate}&s=${randomBytes(256).toString('base64url')}&h=${randomBytes(32).toString('base64url')}`,
      status: 'InProgress',
      error: undefined,
      ended: Promise.resolve(),
    };
    this.#operations.set(operation.id, operation);
    return operation;
  }

  #accepted(call: ArmCall, plan: OperationPlan, operation: Operation): Reply {
    const { origin } = call.request.url;
    const url = (kind: string): string =>
      `${origin}/subscriptions/${call.names.subscription}/providers/Microsoft.DBforPostgreSQL/locations/` +
      `${plan.location}/${kind}/${operation.id}?api-version=${call.apiVersion}${operation.signature}`;
    return {
      status: 202,
      headers: {
        ...providerHeaders,
        'Azure-AsyncOperation': url('azureAsyncOperation'),
        Location: url('operationResults'),
        'Retry-After': operation.retryAfter.header,
      },
      body: { operation: plan.operation, startTime: operation.startTime },
    };
  }

  /** @throws {ArmError} 404 for an operation that is not known by this URL [INF]. */
  #find(call: ArmCall): Operation {
    const operation = this.#operations.get(call.names.child.toLowerCase());
    if (operation && call.request.url.search.includes(operation.signature)) return operation;
    throw new ArmError(404, 'ResourceNotFound', `The operation '${call.names.child}' was not found.`);
  }

  async #hold(operation: Operation): Promise<void> {
    const { hold } = operation.retryAfter;
    if (operation.status === 'InProgress' && hold > 0) {
      await Promise.race([operation.ended, this.#clock.wait(hold)]);
    }
  }

  /** `…/azureAsyncOperation/{id}`: always 200, whatever became of the operation. */
  readonly poll: ArmHandler = async (call) => {
    const operation = this.#find(call);
    await this.#hold(operation);
    const { id: name, status, startTime, error } = operation;
    return {
      status: 200,
      headers: { ...compressibleHeaders, 'Retry-After': operation.retryAfter.header },
      body: {
        name,
        status,
        startTime,
        ...(error ? { error: { code: error.code, message: error.message } } : {}),
      },
    };
  };

  /** `…/operationResults/{id}`: 202 while it runs, then 200 with no body; a failure as an error [INF]. */
  readonly result: ArmHandler = async (call) => {
    const operation = this.#find(call);
    await this.#hold(operation);
    if (operation.error) throw new ArmError(409, operation.error.code, operation.error.message);
    if (operation.status === 'Succeeded') return { status: 200, headers: providerHeaders, body: '' };
    return {
      status: 202,
      headers: {
        ...providerHeaders,
        Location: call.request.url.href,
        'Retry-After': operation.retryAfter.header,
      },
      body: '',
    };
  };

  /** Start work that is polled by a plain Location, as ARM's own resources are; returns its id. */
  beginPlain(work: () => Promise<void>): string {
    const id = randomBytes(24).toString('base64url').toUpperCase();
    const job = { ended: false, done: Promise.resolve() };
    job.done = work().then(
      () => {
        job.ended = true;
      },
      () => {},
    );
    this.#plain.set(id, job);
    return id;
  }

  /**
   * Whether that work has ended, after waiting for it at most `hold` milliseconds.
   * @throws {ArmError} 404 for an id that was never given.
   */
  async plainHasEnded(id: string, hold: number): Promise<boolean> {
    const job = this.#plain.get(id);
    if (!job) throw new ArmError(404, 'NotFound', `The operation '${id}' was not found.`);
    if (!job.ended && hold > 0) await Promise.race([job.done, this.#clock.wait(hold)]);
    return job.ended;
  }

  /** Resolves when every operation that was begun has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#operations.values()].map((operation) => operation.ended));
    await Promise.all([...this.#plain.values()].map((job) => job.done));
  }
}
