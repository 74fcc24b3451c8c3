import { parseArgs } from 'node:util';
import {
  type BlockedClientBehavior,
  PASSWORD_STORAGES,
  type PasswordStorage,
  type PostgresFactory,
} from './postgres/types.ts';

/** How the emulated Azure behaves; every field has a default in {@link DEFAULT_OPTIONS}. */
export interface EmulatorOptions {
  /** Milliseconds added to each answer of ARM and Entra. */
  readonly latencyMs: number;
  /** Milliseconds that a server's creation takes; other operations take a share of it (arm/timing.ts). */
  readonly provisionMs: number;
  /** Milliseconds that an accepted firewall rule takes to work. */
  readonly firewallDelayMs: number;
  /** How the gate treats a client that no rule admits. */
  readonly blockedBehavior: BlockedClientBehavior;
  /** How new servers store passwords, and which they accept. */
  readonly passwordStorage: PasswordStorage;
  /** Factor on every recorded Retry-After; 1 gives the seconds that Azure gave. */
  readonly retryAfterScale: number;
  /** Seconds that an access token lives. Entra's own value is 3599. */
  readonly tokenLifetimeSeconds: number;
  /** Entries on one page of an ARM list before `nextLink` appears. */
  readonly pageSize: number;
  /** Factor on the size of ARM's request buckets (facts.md §3); 0 turns throttling off. */
  readonly throttlingScale: number;
  /** Directory of PostgreSQL templates that were made before (postgres/template.ts); else each emulator makes its own. */
  readonly postgresTemplateDirectory: string | undefined;
  /** Stands in for the real PostgreSQL, for tests of ARM alone. */
  readonly postgres: PostgresFactory | undefined;
}

export const DEFAULT_OPTIONS: EmulatorOptions = {
  latencyMs: 0,
  provisionMs: 2000,
  firewallDelayMs: 500,
  blockedBehavior: 'timeout',
  passwordStorage: 'scram-sha-256',
  retryAfterScale: 0.02,
  tokenLifetimeSeconds: 3599,
  pageSize: 100,
  throttlingScale: 1,
  postgresTemplateDirectory: undefined,
  postgres: undefined,
};

/** A command line that the emulator cannot be started with; the message is for the person who wrote it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE =
  'Usage: npm run -s emulator -- [--latency MS] [--provision MS] [--firewall-delay MS] ' +
  '[--blocked timeout|reject] [--retry-after SCALE] [--password-storage scram-sha-256|md5|md5-strict] ' +
  '[--postgres-templates DIRECTORY]\n' +
  'md5: servers as they were made before about October 2024 (password_encryption and ' +
  'azure.accepted_password_auth_method are md5); md5-strict: which refuse a stored SCRAM verifier.';

function parseNumber(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) {
    throw new UsageError(`--${flag} takes a number of zero or more, not '${text}'.`);
  }
  return value;
}

function parseBlockedBehavior(text: string | undefined): BlockedClientBehavior {
  if (text === undefined) return DEFAULT_OPTIONS.blockedBehavior;
  if (text === 'timeout' || text === 'reject') return text;
  throw new UsageError(`--blocked takes 'timeout' or 'reject', not '${text}'.`);
}

function parsePasswordStorage(text: string | undefined): PasswordStorage {
  const wanted = PASSWORD_STORAGES.find((storage) => storage === (text ?? DEFAULT_OPTIONS.passwordStorage));
  if (wanted !== undefined) return wanted;
  throw new UsageError(`--password-storage takes one of ${PASSWORD_STORAGES.join(', ')}, not '${text}'.`);
}

function parseFlags(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        latency: text,
        provision: text,
        'firewall-delay': text,
        blocked: text,
        'password-storage': text,
        'retry-after': text,
        'postgres-templates': text,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * The options that a command line asks for (contract.md, "The emulator, alone").
 * @throws {UsageError} for a flag that does not exist or a value that does not fit.
 */
export function parseOptions(args: readonly string[]): EmulatorOptions {
  const flagValues = parseFlags(args);
  return {
    ...DEFAULT_OPTIONS,
    latencyMs: parseNumber('latency', flagValues.latency, DEFAULT_OPTIONS.latencyMs),
    provisionMs: parseNumber('provision', flagValues.provision, DEFAULT_OPTIONS.provisionMs),
    firewallDelayMs: parseNumber(
      'firewall-delay',
      flagValues['firewall-delay'],
      DEFAULT_OPTIONS.firewallDelayMs,
    ),
    blockedBehavior: parseBlockedBehavior(flagValues.blocked),
    passwordStorage: parsePasswordStorage(flagValues['password-storage']),
    retryAfterScale: parseNumber('retry-after', flagValues['retry-after'], DEFAULT_OPTIONS.retryAfterScale),
    postgresTemplateDirectory: flagValues['postgres-templates'],
  };
}
