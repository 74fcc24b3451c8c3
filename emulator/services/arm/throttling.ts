import { gatewayErrors } from './errors.ts';
import { scaleThrottleRetryAfter } from './timing.ts';

/** ARM's token buckets for each subscription and principal (facts.md §3): size, and refill a second. */
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

// What the message and the header ask for, whatever the bucket lacks.
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

  /** @param factor on the buckets' size and refill; 0 turns throttling off. */
  constructor(factor: number, retryAfterScale: number) {
    this.#scale = factor;
    this.#retryAfterScale = retryAfterScale;
  }

  /**
   * Take one request out of its bucket.
   * @returns how many remain.
   * @throws {ArmError} 429 SubscriptionRequestsThrottled once the bucket is empty.
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
