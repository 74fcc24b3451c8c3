/**
 * Durations as shares of a server's creation, in the proportions of docs/azure-behavior.md#operation-timings. Those of
 * start, restart, configuration and group delete are inferred.
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

/** Milliseconds that this operation takes if a creation takes `provisionMs` milliseconds. */
export function operationDurationMs(operation: TimedOperation, provisionMs: number): number {
  return DURATION_SHARES[operation] * provisionMs;
}

/**
 * The share of `--firewall-delay` after which a firewall operation has succeeded and the rule is listed. The rule
 * works after the whole delay, because in Azure too the operation ends before its effect.
 */
export const FIREWALL_OPERATION_SHARE = 0.6;

/** Retry-After in seconds, see docs/azure-behavior.md#long-running-operations. */
export const RETRY_AFTER_SECONDS = {
  server: 60,
  deleteServer: 15,
  firewallRule: 60,
  database: 10,
  configuration: 10,
  power: 60,
  deleteGroup: 15,
} as const;

export interface RetryAfter {
  /** Value of the header in whole seconds, at least 1. */
  readonly header: string;
  /** Milliseconds that a poll waits for the end of the operation before it answers InProgress. */
  readonly longPollMs: number;
}

/**
 * Scale a recorded Retry-After. Clients accept only whole seconds and treat 0 as missing (the JavaScript SDK then waits
 * 2 s, the Python SDK 30 s), so the minimum is 1. If the scaled value is smaller, polls wait up to one second for the
 * end of the operation: the client does not poll in a loop, and gets the result immediately.
 */
export function scaleRetryAfter(seconds: number, scale: number): RetryAfter {
  const scaled = Math.floor(seconds * scale);
  return scaled >= 1 ? { header: String(scaled), longPollMs: 0 } : { header: '1', longPollMs: 1000 };
}

/** Retry-After of a 429. At least 1, because a client would use all its attempts at once with 0. */
export function scaleThrottleRetryAfter(seconds: number, scale: number): string {
  return String(Math.max(1, Math.ceil(seconds * scale)));
}
