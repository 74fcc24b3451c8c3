import { gatewayErrors } from './errors.ts';
import { throttleRetryAfter } from './timing.ts';

/** ARM's token buckets for each subscription and principal (facts.md §3): size, and refill a second. */
const buckets = {
  read: { size: 250, refill: 25 },
  write: { size: 200, refill: 10 },
  delete: { size: 200, refill: 10 },
} as const;

export type RequestKind = keyof typeof buckets;

interface Level {
  tokens: number;
  /** Milliseconds since the epoch. */
  at: number;
}

// What the message and the header ask for, whatever the bucket lacks.
const pause = 10;

export function kindOf(method: string): RequestKind {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return method === 'DELETE' ? 'delete' : 'write';
}

/** Counts requests against ARM's limits. */
export class Throttle {
  readonly #levels = new Map<string, Level>();
  readonly #factor: number;
  readonly #retryAfterScale: number;

  /** @param factor on the buckets' size and refill; 0 turns throttling off. */
  constructor(factor: number, retryAfterScale: number) {
    this.#factor = factor;
    this.#retryAfterScale = retryAfterScale;
  }

  /**
   * Take one request out of its bucket.
   * @returns how many remain.
   * @throws {ArmError} 429 SubscriptionRequestsThrottled once the bucket is empty.
   */
  take(kind: RequestKind, subscription: string, actor: string): number {
    const { size, refill } = buckets[kind];
    if (this.#factor === 0) return size;
    const key = `${kind} ${subscription} ${actor}`;
    const now = Date.now();
    const level = this.#levels.get(key) ?? { tokens: size * this.#factor, at: now };
    const tokens = Math.min(
      size * this.#factor,
      level.tokens + ((now - level.at) / 1000) * refill * this.#factor,
    );
    const left = tokens - 1;
    this.#levels.set(key, { tokens: Math.max(left, tokens < 1 ? tokens : 0), at: now });
    if (left >= 0) return Math.floor(left);
    const header = throttleRetryAfter(pause, this.#retryAfterScale);
    throw gatewayErrors.throttled(kind, subscription, actor, pause, header);
  }
}
