import { parseArgs } from 'node:util';
import { type PasswordStorage, passwordStorages } from './postgres/password-storage.ts';
import type { BlockedBehaviour, PostgresFactory } from './postgres/types.ts';

/** How the emulated Azure behaves; every field has a default in {@link defaultOptions}. */
export interface EmulatorOptions {
  /** Milliseconds added to each answer of ARM and Entra. */
  readonly latency: number;
  /** Milliseconds that a server's creation takes; other operations take a share of it (arm/timing.ts). */
  readonly provision: number;
  /** Milliseconds that an accepted firewall rule takes to work. */
  readonly firewallDelay: number;
  /** How the gate treats a client that no rule admits. */
  readonly blocked: BlockedBehaviour;
  /** How new servers store passwords, and which they accept. */
  readonly passwordStorage: PasswordStorage;
  /** Factor on every recorded Retry-After; 1 gives the seconds that Azure gave. */
  readonly retryAfter: number;
  /** Seconds that an access token lives. Entra's own value is 3599. */
  readonly tokenLifetime: number;
  /** Entries on one page of an ARM list before `nextLink` appears. */
  readonly pageSize: number;
  /** Factor on the size of ARM's request buckets (facts.md §3); 0 turns throttling off. */
  readonly throttling: number;
  /** Directory of PostgreSQL templates that were made before (postgres/template.ts); else each emulator makes its own. */
  readonly postgresTemplates: string | undefined;
  /** Stands in for the real PostgreSQL, for tests of ARM alone. */
  readonly postgres: PostgresFactory | undefined;
}

export const defaultOptions: EmulatorOptions = {
  latency: 0,
  provision: 2000,
  firewallDelay: 500,
  blocked: 'timeout',
  passwordStorage: 'scram-sha-256',
  retryAfter: 0.02,
  tokenLifetime: 3599,
  pageSize: 100,
  throttling: 1,
  postgresTemplates: undefined,
  postgres: undefined,
};

/** A command line that the emulator cannot be started with; the message is for the person who wrote it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage =
  'Usage: npm run -s emulator -- [--latency MS] [--provision MS] [--firewall-delay MS] ' +
  '[--blocked timeout|reject] [--retry-after SCALE] [--password-storage scram-sha-256|md5|md5-strict] ' +
  '[--postgres-templates DIRECTORY]\n' +
  'md5: servers as they were made before about October 2024 (password_encryption and ' +
  'azure.accepted_password_auth_method are md5); md5-strict: which refuse a stored SCRAM verifier.';

function amount(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) {
    throw new UsageError(`--${flag} takes a number of zero or more, not '${text}'.`);
  }
  return value;
}

function blockedBehaviour(text: string | undefined): BlockedBehaviour {
  if (text === undefined) return defaultOptions.blocked;
  if (text === 'timeout' || text === 'reject') return text;
  throw new UsageError(`--blocked takes 'timeout' or 'reject', not '${text}'.`);
}

function passwordStorage(text: string | undefined): PasswordStorage {
  const wanted = passwordStorages.find((storage) => storage === (text ?? defaultOptions.passwordStorage));
  if (wanted !== undefined) return wanted;
  throw new UsageError(`--password-storage takes one of ${passwordStorages.join(', ')}, not '${text}'.`);
}

function flags(args: readonly string[]) {
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
  const given = flags(args);
  return {
    ...defaultOptions,
    latency: amount('latency', given.latency, defaultOptions.latency),
    provision: amount('provision', given.provision, defaultOptions.provision),
    firewallDelay: amount('firewall-delay', given['firewall-delay'], defaultOptions.firewallDelay),
    blocked: blockedBehaviour(given.blocked),
    passwordStorage: passwordStorage(given['password-storage']),
    retryAfter: amount('retry-after', given['retry-after'], defaultOptions.retryAfter),
    postgresTemplates: given['postgres-templates'],
  };
}
