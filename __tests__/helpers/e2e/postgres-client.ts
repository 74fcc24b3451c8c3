import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject } from 'vitest';
import type { EmulatorHarness } from './emulator-harness.ts';
import { defaultInputs } from './job.ts';

export interface Login {
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The login that a step published. */
export const loginFromOutputs = (outputs: Readonly<Record<string, string>>): Login => ({
  host: outputs['db-host'] ?? '',
  user: outputs['db-user'] ?? '',
  password: outputs['db-password'] ?? '',
  database: outputs['db-name'] ?? '',
});

/** The administrator's login, beside the action. */
export const adminLogin = (host: string, database = 'postgres'): Login => ({
  host,
  database,
  user: defaultInputs['admin-username'] ?? '',
  password: defaultInputs['admin-password'] ?? '',
});

/** The login of the service's own superuser, for what Azure does itself: attributes and memberships of roles. */
export function superuserLogin(host: string, database = 'postgres'): Login {
  const prepared = join(inject('postgresTemplates'), 'prepared.json');
  const { superuserPassword } = JSON.parse(readFileSync(prepared, 'utf8')) as { superuserPassword: string };
  return { host, database, user: 'azuresu', password: superuserPassword };
}

/** Milliseconds after which a client counts as blocked where the gate swallows its connection. */
const DROPPED_CONNECTION_TIMEOUT_MS = 1000;

/** Milliseconds for a client that is let in; they end a test that hangs. */
const CONNECT_TIMEOUT_MS = 120_000;

/**
 * A session of a client beside the action, over TLS verified by the emulator's root; to be ended by the caller.
 * @param onClientCreated gets the client before it connects
 */
export async function connect(
  emulator: EmulatorHarness,
  login: Login,
  timeoutMs = CONNECT_TIMEOUT_MS,
  onClientCreated: (client: pg.Client) => void = () => {},
): Promise<pg.Client> {
  const client = new pg.Client({
    ...login,
    port: 5432,
    ssl: { ca: emulator.instance.caCertificate, rejectUnauthorized: true },
    connectionTimeoutMillis: timeoutMs,
  });
  client.on('error', () => {});
  onClientCreated(client);
  await client.connect();
  return client;
}

/** One session with one query, or several of one message. */
export async function query(
  emulator: EmulatorHarness,
  login: Login,
  sql: string,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<readonly Record<string, unknown>[]> {
  const client = await connect(emulator, login, timeoutMs);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** That the firewall admits a client now. */
export async function expectAllowed(emulator: EmulatorHarness, login: Login): Promise<void> {
  expect(await query(emulator, login, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
}

/** That the firewall admits no client now. */
export async function expectBlocked(emulator: EmulatorHarness, login: Login): Promise<void> {
  const [message, timeoutMs] =
    emulator.blocked === 'reject'
      ? ([/no pg_hba/, CONNECT_TIMEOUT_MS] as const)
      : ([/timeout expired/, DROPPED_CONNECTION_TIMEOUT_MS] as const);
  await expect(query(emulator, login, 'SELECT 1', timeoutMs)).rejects.toThrow(message);
}
