import type pg from 'pg';
import type { ServerServiceSessions } from '../types.ts';
import type { Cluster } from './cluster.ts';

/** Milliseconds that PostgreSQL waits for the end of a terminated session. */
const TERMINATE_TIMEOUT_MS = 10_000;

/**
 * Sessions of the service in databases, like those of Azure's agents. A superuser's session blocks
 * `CREATE DATABASE … TEMPLATE` (55006) and a client's `DROP DATABASE … WITH (FORCE)` (42501). It does not block the DROP of
 * the service.
 */
export class ServiceSessions implements ServerServiceSessions {
  readonly #cluster: Cluster;
  /** By the process id in PostgreSQL. */
  readonly #openClients = new Map<number, pg.Client>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async open(database: string): Promise<void> {
    this.#cluster.requireRunning();
    const client = this.#cluster.createClient(database);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const pid = rows[0]?.pid ?? 0;
      this.#openClients.set(pid, client);
      client.once('end', () => this.#openClients.delete(pid));
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  }

  /** Waits for the end of the processes in PostgreSQL, because they block until then. */
  async endAll(): Promise<void> {
    if (this.#openClients.size === 0) return;
    const sessions = [...this.#openClients];
    try {
      await this.#cluster.withSession((client) =>
        client.query('SELECT pg_terminate_backend(pid, $2) FROM unnest($1::int[]) pid', [
          sessions.map(([pid]) => pid),
          TERMINATE_TIMEOUT_MS,
        ]),
      );
    } finally {
      await Promise.all(sessions.map(([, client]) => client.end().catch(() => {})));
      for (const [pid] of sessions) this.#openClients.delete(pid);
    }
  }
}
