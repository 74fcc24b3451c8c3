import { randomBytes, randomUUID } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';
import type { Timers } from '../../core/timers.ts';
import type { ArmHandler, ArmRequest } from './arm-request.ts';
import { ArmError, OperationError, operationErrors } from './errors.ts';
import { type RetryAfter, scaleRetryAfter } from './timing.ts';

/** What an accepted request sets going. */
export interface OperationPlan {
  /** The provider's name of the operation, which the 202 carries (facts.md §2). */
  readonly operationName: string;
  /** Seconds, as recorded. */
  readonly retryAfterSeconds: number;
  /** The `locations/…` segment of the operation's URLs, encoded. */
  readonly locationSegment: string;
  /** Milliseconds until it ends. */
  readonly durationMs: number;
  /**
   * Does the work. `elapse` resolves after the duration, or rejects where a fault says that the operation fails;
   * what follows it is the effect. Rejecting with an OperationFailure is how an operation fails.
   */
  readonly work: (untilDone: () => Promise<void>) => Promise<void>;
}

interface Operation {
  readonly id: string;
  readonly startTime: string;
  readonly retryAfter: RetryAfter;
  /** The signature part of its URLs, without which Azure does not know it. */
  readonly signature: string;
  status: 'InProgress' | 'Succeeded' | 'Failed';
  error: OperationError | undefined;
  completion: Promise<void>;
}

/** Header of answers that come from the provider and not from ARM's gateway. */
export const PROVIDER_HEADERS = { Server: 'Microsoft-HTTPAPI/2.0' } as const;

/** Those of a poll and of a server's GET, which could have been compressed (2021 recordings). */
export const COMPRESSIBLE_HEADERS = { ...PROVIDER_HEADERS, Vary: 'Accept-Encoding' } as const;

function toOperationError(error: unknown): OperationError {
  if (error instanceof OperationError) return error;
  if (!(error instanceof Error && error.name === 'AbortError')) console.error(error);
  return operationErrors.internal();
}

/** The long-running operations: accepted with 202, polled, ended (facts.md §2). */
export class Operations {
  readonly #operations = new Map<string, Operation>();
  readonly #locationOperations = new Map<string, { ended: boolean; done: Promise<void> }>();
  readonly #timers: Timers;
  readonly #retryAfterScale: number;
  // About 3 kB, as Azure's: a client that cuts or re-encodes the URL loses its operation.
  readonly #signaturePadding = randomBytes(2200).toString('base64url');

  constructor(timers: Timers, retryAfterScale: number) {
    this.#timers = timers;
    this.#retryAfterScale = retryAfterScale;
  }

  /** Start the plan's work and answer 202 with the URLs to poll. */
  begin(call: ArmRequest, plan: OperationPlan): HttpResponse {
    const { injectedFailure } = call.request;
    const untilDone = async (): Promise<void> => {
      await this.#timers.sleep(plan.durationMs);
      if (injectedFailure) throw new OperationError(injectedFailure.code, injectedFailure.message);
    };
    const operation = this.#add(plan);
    operation.completion = plan.work(untilDone).then(
      () => {
        operation.status = 'Succeeded';
      },
      (error: unknown) => {
        operation.error = toOperationError(error);
        operation.status = 'Failed';
      },
    );
    return this.#accepted(call, plan, operation);
  }

  #add(plan: OperationPlan): Operation {
    const operation: Operation = {
      id: randomUUID(),
      startTime: new Date().toISOString(),
      retryAfter: scaleRetryAfter(plan.retryAfterSeconds, this.#retryAfterScale),
      signature: `&t=${Date.now()}0000&c=${this.#signaturePadding}&s=${randomBytes(256).toString('base64url')}&h=${randomBytes(32).toString('base64url')}`,
      status: 'InProgress',
      error: undefined,
      completion: Promise.resolve(),
    };
    this.#operations.set(operation.id, operation);
    return operation;
  }

  #accepted(call: ArmRequest, plan: OperationPlan, operation: Operation): HttpResponse {
    const { origin } = call.request.url;
    const url = (kind: string): string =>
      `${origin}/subscriptions/${call.params.subscription}/providers/Microsoft.DBforPostgreSQL/locations/` +
      `${plan.locationSegment}/${kind}/${operation.id}?api-version=${call.apiVersion}${operation.signature}`;
    return {
      status: 202,
      headers: {
        ...PROVIDER_HEADERS,
        'Azure-AsyncOperation': url('azureAsyncOperation'),
        Location: url('operationResults'),
        'Retry-After': operation.retryAfter.header,
      },
      body: { operation: plan.operationName, startTime: operation.startTime },
    };
  }

  /** @throws {ArmError} 404 for an operation that is not known by this URL [INF]. */
  #requireOperation(call: ArmRequest): Operation {
    const operation = this.#operations.get(call.params.child.toLowerCase());
    if (operation && call.request.url.search.includes(operation.signature)) return operation;
    throw new ArmError(404, 'ResourceNotFound', `The operation '${call.params.child}' was not found.`);
  }

  async #longPoll(operation: Operation): Promise<void> {
    const { longPollMs } = operation.retryAfter;
    if (operation.status === 'InProgress' && longPollMs > 0) {
      await Promise.race([operation.completion, this.#timers.sleep(longPollMs)]);
    }
  }

  /** `…/azureAsyncOperation/{id}`: always 200, whatever became of the operation. */
  readonly getStatus: ArmHandler = async (call) => {
    const operation = this.#requireOperation(call);
    await this.#longPoll(operation);
    const { id: name, status, startTime, error } = operation;
    return {
      status: 200,
      headers: { ...COMPRESSIBLE_HEADERS, 'Retry-After': operation.retryAfter.header },
      body: {
        name,
        status,
        startTime,
        ...(error ? { error: { code: error.code, message: error.message } } : {}),
      },
    };
  };

  /** `…/operationResults/{id}`: 202 while it runs, then 200 with no body; a failure as an error [INF]. */
  readonly getResult: ArmHandler = async (call) => {
    const operation = this.#requireOperation(call);
    await this.#longPoll(operation);
    if (operation.error) throw new ArmError(409, operation.error.code, operation.error.message);
    if (operation.status === 'Succeeded') return { status: 200, headers: PROVIDER_HEADERS, body: '' };
    return {
      status: 202,
      headers: {
        ...PROVIDER_HEADERS,
        Location: call.request.url.href,
        'Retry-After': operation.retryAfter.header,
      },
      body: '',
    };
  };

  /** Start work that is polled by a plain Location, as ARM's own resources are; returns its id. */
  beginLocationOperation(work: () => Promise<void>): string {
    const id = randomBytes(24).toString('base64url').toUpperCase();
    const job = { ended: false, done: Promise.resolve() };
    job.done = work().then(
      () => {
        job.ended = true;
      },
      () => {},
    );
    this.#locationOperations.set(id, job);
    return id;
  }

  /**
   * Whether that work has ended, after waiting for it at most `hold` milliseconds.
   * @throws {ArmError} 404 for an id that was never given.
   */
  async hasLocationOperationEnded(id: string, longPollMs: number): Promise<boolean> {
    const job = this.#locationOperations.get(id);
    if (!job) throw new ArmError(404, 'NotFound', `The operation '${id}' was not found.`);
    if (!job.ended && longPollMs > 0) await Promise.race([job.done, this.#timers.sleep(longPollMs)]);
    return job.ended;
  }

  /** Resolves when every operation that was begun has ended. */
  async waitForAll(): Promise<void> {
    await Promise.all([...this.#operations.values()].map((operation) => operation.completion));
    await Promise.all([...this.#locationOperations.values()].map((job) => job.done));
  }
}
