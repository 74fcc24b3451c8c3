/**
 * How long operations take and how often Azure asks to be polled.
 *
 * Durations are shares of a server's creation, in the proportions that facts.md §2 has from real traffic
 * (creation about 5 minutes, database 12 s, server delete 1 minute, stop 3 minutes, an unchanged PUT 7 s).
 * Start, restart, configuration and group delete were not measured there: [INF].
 */
const DURATION_SHARES = {
  createServer: 1,
  updateServer: 7 / 300,
  deleteServer: 60 / 300,
  stopServer: 180 / 300,
  startServer: 180 / 300,
  restartServer: 60 / 300,
  database: 12 / 300,
  configuration: 12 / 300,
  deleteGroup: 60 / 300,
} as const;

export type TimedOperation = keyof typeof DURATION_SHARES;

/** Milliseconds that this operation takes where a creation takes `provisionMs` milliseconds. */
export function operationDurationMs(operation: TimedOperation, provisionMs: number): number {
  return DURATION_SHARES[operation] * provisionMs;
}

/**
 * The share of `--firewall-delay` after which a firewall operation has succeeded and the rule is listed. The rule
 * works only when all of the delay has passed: Azure's operation ends sooner than its effect (facts.md §2, §5).
 */
export const FIREWALL_OPERATION_SHARE = 0.6;

/** Seconds of `Retry-After` by operation, as recorded (facts.md §2). That of start and restart is [INF]. */
export const RETRY_AFTER_SECONDS = {
  server: 60,
  deleteServer: 15,
  firewallRule: 60,
  database: 10,
  configuration: 10,
  power: 60,
  deleteGroup: 15,
} as const;

/** The wait that a reply asks for, and how long a poll may be held for news. */
export interface RetryAfter {
  /** Whole seconds, at least 1. */
  readonly header: string;
  /** Milliseconds that a poll waits for the operation's end before it answers InProgress. */
  readonly longPollMs: number;
}

/**
 * A recorded Retry-After under the emulator's scale. Clients know whole seconds only, and take 0 for "not given" (the
 * JavaScript SDK then waits 2 s, the Python one 30 s), so 1 is the least that can be said. Where the scale asks for
 * less, polls are held until the operation ends, at most that second: a client never spins and hears at once.
 */
export function scaleRetryAfter(seconds: number, scale: number): RetryAfter {
  const scaled = Math.floor(seconds * scale);
  return scaled >= 1 ? { header: String(scaled), longPollMs: 0 } : { header: '1', longPollMs: 1000 };
}

/** Retry-After of a 429: never 0, or a client would use up all its attempts at once. */
export function scaleThrottleRetryAfter(seconds: number, scale: number): string {
  return String(Math.max(1, Math.ceil(seconds * scale)));
}
