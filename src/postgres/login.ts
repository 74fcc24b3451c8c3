import pg from 'pg';
import { classify, type LoginFailure } from './login-failures.ts';

/** Where and as whom to log in. */
export interface LoginTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Shown in `pg_stat_activity`: who this session is, cut to 63 bytes by PostgreSQL. */
  readonly applicationName: string;
}

/** A session of ours. `search_path` is `pg_catalog` from the start, so nothing in a database can shadow it (design.md). */
export type Session = pg.Client;

export type LoginResult = { readonly session: Session } | { readonly failure: LoginFailure };

/**
 * One attempt to log in, over TLS that is always verified with Node's roots (design.md, TLS).
 * @param timeout milliseconds until the attempt counts as blocked
 * @param signal ends the attempt; the result then is a failure like any other
 */
export async function login(target: LoginTarget, timeout: number, signal: AbortSignal): Promise<LoginResult> {
  const { applicationName, ...connection } = target;
  const session = new pg.Client({
    ...connection,
    application_name: applicationName,
    options: '-c search_path=pg_catalog',
    ssl: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    connectionTimeoutMillis: timeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // A session that ends unexpectedly shows in its next query; without a listener it would end the process.
  session.on('error', () => {});
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([session.connect(), aborted]);
    return { session };
  } catch (error) {
    void session.end().catch(() => {});
    return { failure: classify(error) };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
