import { randomBytes, randomUUID } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';
import type { Timers } from '../../core/timers.ts';
import { ArmError, OperationError, operationErrors } from './arm-errors.ts';
import type { ArmRequest } from './arm-request.ts';
import { type RetryAfter, scaleRetryAfter } from './timing.ts';

/** A long-running operation that a request starts. */
export interface OperationPlan {
  /** The provider's name of the operation, which is in the body of the 202. */
  readonly operationName: string;
  /** Retry-After in seconds, as recorded, before the emulator scales it. */
  readonly retryAfterSeconds: number;
  /** The location in the URLs of the operation, encoded. */
  readonly locationSegment: string;
  /** Milliseconds from the acceptance to the end. */
  readonly durationMs: number;
  /** If set, the operation is accepted and ends with this error, and {@link work} does not run. */
  readonly failure?: OperationError | undefined;
  /**
   * The work of the operation, started with the request. `untilDone` resolves after the duration, and rejects if a fault
   * makes the operation fail, so the effect follows it. The operation fails with the error that `work` rejects with.
   */
  readonly work: (untilDone: () => Promise<void>) => Promise<void>;
}

interface Operation {
  readonly id: string;
  readonly startTime: string;
  readonly retryAfter: RetryAfter;
  /** The query parameters that sign the URLs. A URL without them is not found. */
  readonly signature: string;
  status: 'InProgress' | 'Succeeded' | 'Failed';
  error: OperationError | undefined;
  completion: Promise<void>;
}

/** Header of the answers of the provider. The answers of ARM's gateway do not have it. */
export const PROVIDER_HEADERS = { Server: 'Microsoft-HTTPAPI/2.0' } as const;

/** Headers of a poll and of a server's GET, as in recordings of 2021. */
export const COMPRESSIBLE_HEADERS = { ...PROVIDER_HEADERS, Vary: 'Accept-Encoding' } as const;

function toOperationError(error: unknown): OperationError {
  if (error instanceof OperationError) return error;
  if (!(error instanceof Error && error.name === 'AbortError')) console.error(error);
  return operationErrors.internal();
}

/** The long-running operations, see docs/azure-behavior.md#long-running-operations. */
export class Operations {
  readonly #operations = new Map<string, Operation>();
  readonly #locationOperations = new Map<string, { ended: boolean; done: Promise<void> }>();
  readonly #timers: Timers;
  readonly #retryAfterScale: number;
  // About 3 kB, as in Azure: a client that shortens or re-encodes the URL cannot poll the operation.
  readonly #signaturePadding = randomBytes(2200).toString('base64url');

  constructor(timers: Timers, retryAfterScale: number) {
    this.#timers = timers;
    this.#retryAfterScale = retryAfterScale;
  }

  /** Start the work and answer 202 with the URLs to poll. */
  begin(call: ArmRequest, plan: OperationPlan): HttpResponse {
    const { injectedFailure } = call.request;
    const untilDone = async (): Promise<void> => {
      await this.#timers.sleep(plan.durationMs);
      if (injectedFailure) throw new OperationError(injectedFailure.code, injectedFailure.message);
    };
    const operation = this.#add(plan);
    const work = plan.failure ? untilDone().then(() => Promise.reject(plan.failure)) : plan.work(untilDone);
    operation.completion = work.then(
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

  /** @throws {ArmError} 404 for an unknown operation, and for a URL without its signature (inferred). */
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

  /** `…/azureAsyncOperation/{id}`: always 200, also for a failed operation. */
  async getStatus(call: ArmRequest): Promise<HttpResponse> {
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
  }

  /** `…/operationResults/{id}`: 202 while the operation runs, then 200 without a body, or an error (inferred). */
  async getResult(call: ArmRequest): Promise<HttpResponse> {
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
  }

  /**
   * Start work that is polled at a plain `Location`, as for ARM's own resources.
   * @returns the id of the operation.
   */
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
   * Wait at most `longPollMs` milliseconds for the end of that work.
   * @returns whether it has ended.
   * @throws {ArmError} 404 for an unknown id.
   */
  async hasLocationOperationEnded(id: string, longPollMs: number): Promise<boolean> {
    const job = this.#locationOperations.get(id);
    if (!job) throw new ArmError(404, 'NotFound', `The operation '${id}' was not found.`);
    if (!job.ended && longPollMs > 0) await Promise.race([job.done, this.#timers.sleep(longPollMs)]);
    return job.ended;
  }

  /** Resolves when every operation has ended. */
  async waitForAll(): Promise<void> {
    await Promise.all([...this.#operations.values()].map((operation) => operation.completion));
    await Promise.all([...this.#locationOperations.values()].map((job) => job.done));
  }
}
