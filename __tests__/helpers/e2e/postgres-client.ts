import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, onTestFinished, vi } from 'vitest';
import type { EmulatorHarness } from './emulator-harness.ts';
import { defaultInputs } from './job.ts';

export interface Login {
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The login that a step publishes in its outputs. */
export const loginFromOutputs = (outputs: Readonly<Record<string, string>>): Login => ({
  host: outputs['db-host'] ?? '',
  user: outputs['db-user'] ?? '',
  password: outputs['db-password'] ?? '',
  database: outputs['db-name'] ?? '',
});

/** The login of the server's administrator. */
export const adminLogin = (host: string, database = 'postgres'): Login => ({
  host,
  database,
  user: defaultInputs['admin-username'] ?? '',
  password: defaultInputs['admin-password'] ?? '',
});

/** The administrator's login to a server that is known by name. */
export async function adminLoginTo(
  emulator: EmulatorHarness,
  server: string,
  database?: string,
): Promise<Login> {
  const { properties } = await emulator.serverState(server);
  return adminLogin(String(properties['fullyQualifiedDomainName']), database);
}

/** The login of Azure's superuser, for what only Azure does: attributes and memberships of roles. */
export function superuserLogin(host: string, database = 'postgres'): Login {
  const prepared = join(inject('postgresTemplates'), 'prepared.json');
  const { superuserPassword } = JSON.parse(readFileSync(prepared, 'utf8')) as { superuserPassword: string };
  return { host, database, user: 'azuresu', password: superuserPassword };
}

/** After this time a client counts as blocked if the firewall drops its packets. */
const DROPPED_CONNECTION_TIMEOUT_MS = 1000;

/** The time limit of a client that the firewall admits; it only ends a hang. */
const CONNECT_TIMEOUT_MS = 120_000;

/**
 * Opens a session over TLS, verified with the emulator's root certificate. The caller closes it.
 * @param onClientCreated called with the client before it connects
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
    ssl: { secureContext: emulator.secureContext, rejectUnauthorized: true },
    connectionTimeoutMillis: timeoutMs,
  });
  client.on('error', () => {});
  onClientCreated(client);
  await client.connect();
  return client;
}

/** Opens a session that stays open until the test ends, and executes statements in it. */
export async function openSession(
  emulator: EmulatorHarness,
  login: Login,
  ...statements: readonly string[]
): Promise<pg.Client> {
  const session = await connect(emulator, login);
  onTestFinished(() => session.end().catch(() => {}));
  for (const statement of statements) await session.query(statement);
  return session;
}

/** Whether a session can still execute a statement. */
export const isConnected = (session: pg.Client): Promise<boolean> =>
  session.query('SELECT 1').then(
    () => true,
    () => false,
  );

/** Executes SQL in its own session; several statements are one message. Returns the rows. */
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

/** Expects that the firewall admits a client. */
export async function expectAllowed(emulator: EmulatorHarness, login: Login): Promise<void> {
  expect(await query(emulator, login, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
}

/** Expects that the firewall blocks a client. */
export async function expectBlocked(emulator: EmulatorHarness, login: Login): Promise<void> {
  const [message, timeoutMs] =
    emulator.blocked === 'reject'
      ? ([/no pg_hba/, CONNECT_TIMEOUT_MS] as const)
      : ([/timeout expired/, DROPPED_CONNECTION_TIMEOUT_MS] as const);
  await expect(query(emulator, login, 'SELECT 1', timeoutMs)).rejects.toThrow(message);
}

/** Waits until the firewall blocks a client, which it does some time after the last rule for it is removed. */
export const waitUntilBlocked = (emulator: EmulatorHarness, login: Login): Promise<void> =>
  vi.waitFor(() => expectBlocked(emulator, login), { timeout: CONNECT_TIMEOUT_MS });
