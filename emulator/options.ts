import { parseArgs } from 'node:util';
import {
  type BlockedClientBehavior,
  PASSWORD_STORAGES,
  type PasswordStorage,
  type PostgresFactory,
} from './postgres/types.ts';

/** The options of an emulator. {@link DEFAULT_OPTIONS} has the defaults. */
export interface EmulatorOptions {
  /** Delay of each answer of every service but PostgreSQL, in milliseconds. */
  readonly latencyMs: number;
  /** Duration of a server's creation in milliseconds. Other operations take a share of it (services/arm/timing.ts). */
  readonly provisionMs: number;
  /** Milliseconds until an accepted firewall rule works. */
  readonly firewallDelayMs: number;
  /** What happens to a client that no firewall rule permits. */
  readonly blockedBehavior: BlockedClientBehavior;
  /**
   * Whether servers have host names, as on Azure, which only clients with resolve-host-names.cjs can resolve. Otherwise their
   * hosts are loopback addresses.
   */
  readonly hostNames: boolean;
  /** How new servers store passwords, and which stored passwords they accept. */
  readonly passwordStorage: PasswordStorage;
  /** `owner/name` of the repositories whose subjects in the name form have a federated credential from the start. */
  readonly trustedRepositories: readonly string[];
  /** Factor on every recorded Retry-After; 1 gives Azure's values. */
  readonly retryAfterScale: number;
  /** Lifetime of an access token in seconds. Entra uses 3599. */
  readonly tokenLifetimeSeconds: number;
  /** Entries on one page of an ARM list. */
  readonly pageSize: number;
  /** Factor on ARM's throttling limits; 0 turns throttling off. */
  readonly throttlingScale: number;
  /** A directory from `prepareTemplates` (postgres/cluster/template-cluster.ts). Without it the emulator creates its own. */
  readonly postgresTemplateDirectory: string | undefined;
  /** Replaces the real PostgreSQL, for tests of ARM alone. */
  readonly postgres: PostgresFactory | undefined;
}

export const DEFAULT_OPTIONS: EmulatorOptions = {
  latencyMs: 0,
  provisionMs: 2000,
  firewallDelayMs: 500,
  blockedBehavior: 'timeout',
  hostNames: false,
  passwordStorage: 'scram-sha-256',
  trustedRepositories: ['relecloud/space-travel'],
  retryAfterScale: 0.02,
  tokenLifetimeSeconds: 3599,
  pageSize: 100,
  throttlingScale: 1,
  postgresTemplateDirectory: undefined,
  postgres: undefined,
};

/** An invalid command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE =
  'Usage: npm run -s emulator -- [--latency MS] [--provision MS] [--firewall-delay MS] ' +
  '[--blocked timeout|reject] [--host-names] [--retry-after SCALE] [--password-storage scram-sha-256|md5|md5-strict] ' +
  '[--postgres-templates DIRECTORY]\n' +
  'md5: new servers are like servers created before about October 2024 (password_encryption and ' +
  'azure.accepted_password_auth_method are md5). md5-strict: they also refuse a stored SCRAM verifier.\n' +
  'See emulator/README.md.';

function parseNumber(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) {
    throw new UsageError(`--${flag} must be a number of 0 or more, not '${text}'.`);
  }
  return value;
}

function parseBlockedBehavior(text: string | undefined): BlockedClientBehavior {
  if (text === undefined) return DEFAULT_OPTIONS.blockedBehavior;
  if (text === 'timeout' || text === 'reject') return text;
  throw new UsageError(`--blocked must be 'timeout' or 'reject', not '${text}'.`);
}

function parsePasswordStorage(text: string | undefined): PasswordStorage {
  const storage = PASSWORD_STORAGES.find((each) => each === (text ?? DEFAULT_OPTIONS.passwordStorage));
  if (storage !== undefined) return storage;
  throw new UsageError(`--password-storage must be one of ${PASSWORD_STORAGES.join(', ')}, not '${text}'.`);
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
        'host-names': { type: 'boolean' },
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
 * The options of a command line.
 * @throws {UsageError} for an unknown flag or an invalid value.
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
    hostNames: flagValues['host-names'] ?? DEFAULT_OPTIONS.hostNames,
    passwordStorage: parsePasswordStorage(flagValues['password-storage']),
    retryAfterScale: parseNumber('retry-after', flagValues['retry-after'], DEFAULT_OPTIONS.retryAfterScale),
    postgresTemplateDirectory: flagValues['postgres-templates'],
  };
}
