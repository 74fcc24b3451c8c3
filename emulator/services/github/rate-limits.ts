import { nowInSeconds } from '../../core/signing-key.ts';

/** What GitHub says of a caller's budget, and whether this request went beyond it. */
export interface RateLimitStatus {
  readonly headers: Readonly<Record<string, string>>;
  readonly exceeded: boolean;
}

const WINDOW_SECONDS = 3600;

/** GitHub's primary rate limit: so many requests in an hour from the first one on, for each caller. */
export class RateLimits {
  readonly #windows = new Map<string, { used: number; readonly reset: number }>();

  /** Count one request of the caller with this key. */
  countRequest(key: string, limit: number): RateLimitStatus {
    const now = nowInSeconds();
    const last = this.#windows.get(key);
    const window = last !== undefined && last.reset > now ? last : { used: 0, reset: now + WINDOW_SECONDS };
    const exceeded = window.used >= limit;
    if (!exceeded) window.used += 1;
    this.#windows.set(key, window);
    return {
      exceeded,
      headers: {
        'X-RateLimit-Limit': String(limit),
        'X-RateLimit-Remaining': String(limit - window.used),
        'X-RateLimit-Reset': String(window.reset),
        'X-RateLimit-Used': String(window.used),
        'X-RateLimit-Resource': 'core',
      },
    };
  }
}
