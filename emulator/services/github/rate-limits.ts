import { nowInSeconds } from '../../core/signing-key.ts';

export interface RateLimitStatus {
  readonly headers: Readonly<Record<string, string>>;
  readonly exceeded: boolean;
}

const WINDOW_SECONDS = 3600;

/** GitHub's primary rate limit: a number of requests for each caller in the hour after the first one. */
export class RateLimits {
  readonly #windows = new Map<string, { used: number; readonly reset: number }>();

  /** Count a request of the caller with this key. */
  countRequest(key: string, limit: number): RateLimitStatus {
    const now = nowInSeconds();
    const current = this.#windows.get(key);
    const window =
      current !== undefined && current.reset > now ? current : { used: 0, reset: now + WINDOW_SECONDS };
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
