import { gatewayErrors } from './arm-errors.ts';
import { scaleThrottleRetryAfter } from './timing.ts';

/** ARM's token buckets for each subscription and principal: size, and tokens per second. See docs/azure-behavior.md#throttling. */
const TOKEN_BUCKETS = {
  read: { size: 250, refill: 25 },
  write: { size: 200, refill: 10 },
  delete: { size: 200, refill: 10 },
} as const;

export type RequestKind = keyof typeof TOKEN_BUCKETS;

interface BucketState {
  tokens: number;
  /** Milliseconds since the epoch. */
  updatedAtMs: number;
}

// Fixed, although the bucket may have a token sooner.
const RETRY_AFTER_SECONDS = 10;

export function getRequestKind(method: string): RequestKind {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return method === 'DELETE' ? 'delete' : 'write';
}

/** Counts requests against ARM's limits. */
export class RequestThrottle {
  readonly #buckets = new Map<string, BucketState>();
  readonly #scale: number;
  readonly #retryAfterScale: number;

  /** @param scale factor on the size and the refill of the buckets; 0 turns throttling off. */
  constructor(scale: number, retryAfterScale: number) {
    this.#scale = scale;
    this.#retryAfterScale = retryAfterScale;
  }

  /**
   * Take one token out of the bucket.
   * @returns the number of remaining requests.
   * @throws {ArmError} 429 SubscriptionRequestsThrottled if the bucket is empty.
   */
  consume(kind: RequestKind, subscription: string, actor: string): number {
    const { size, refill } = TOKEN_BUCKETS[kind];
    if (this.#scale === 0) return size;
    const key = `${kind} ${subscription} ${actor}`;
    const now = Date.now();
    const level = this.#buckets.get(key) ?? { tokens: size * this.#scale, updatedAtMs: now };
    const tokens = Math.min(
      size * this.#scale,
      level.tokens + ((now - level.updatedAtMs) / 1000) * refill * this.#scale,
    );
    const remaining = tokens - 1;
    this.#buckets.set(key, { tokens: Math.max(remaining, tokens < 1 ? tokens : 0), updatedAtMs: now });
    if (remaining >= 0) return Math.floor(remaining);
    const header = scaleThrottleRetryAfter(RETRY_AFTER_SECONDS, this.#retryAfterScale);
    throw gatewayErrors.throttled(kind, subscription, actor, RETRY_AFTER_SECONDS, header);
  }
}
