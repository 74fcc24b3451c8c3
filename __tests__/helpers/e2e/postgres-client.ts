import pg from 'pg';
import type { Azure } from './emulator-harness.ts';

export interface Login {
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The login that a step published. */
export const loginFrom = (outputs: Readonly<Record<string, string>>): Login => ({
  host: outputs['db-host'] ?? '',
  user: outputs['db-user'] ?? '',
  password: outputs['db-password'] ?? '',
  database: outputs['db-name'] ?? '',
});

/** Milliseconds after which a client counts as shut out: the gate answers admitted ones at once. */
const patience = 700;

/** Milliseconds for a client that is let in, on a machine that has much else to do. */
const generosity = 20_000;

/** A session of a client beside the action, over TLS verified by the emulator's root; to be ended by the caller. */
export async function connect(azure: Azure, login: Login, timeout = generosity): Promise<pg.Client> {
  const client = new pg.Client({
    ...login,
    port: 5432,
    ssl: { ca: azure.emulator.caCertificate, rejectUnauthorized: true },
    connectionTimeoutMillis: timeout,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** One session with one query, or several of one message. */
export async function query(
  azure: Azure,
  login: Login,
  sql: string,
  timeout = generosity,
): Promise<readonly Record<string, unknown>[]> {
  const client = await connect(azure, login, timeout);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Whether the gate lets a client in just now. */
export async function isLetIn(azure: Azure, login: Login): Promise<boolean> {
  return await query(azure, login, 'SELECT 1', patience).then(
    () => true,
    (error: Error) => {
      if (/timeout expired|no pg_hba/.test(error.message)) return false;
      throw error;
    },
  );
}
