import type pg from 'pg';
import type { Cluster } from './cluster.ts';

/** How long a session may take to be gone after it has been told to end, in milliseconds. */
const TERMINATE_TIMEOUT_MS = 10_000;

/**
 * Sessions of the service itself that stay inside databases, as Azure's own agents do now and then. A superuser's
 * session is in the way of `CREATE DATABASE … TEMPLATE` (55006) and of a client's `DROP DATABASE … WITH (FORCE)`
 * (42501), but not of the service's (facts.md §5).
 */
export class ServiceSessions {
  readonly #cluster: Cluster;
  /** By process id, in PostgreSQL. */
  readonly #openClients = new Map<number, pg.Client>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** @throws the PostgreSQL error when it lets nobody in: 3D000 where there is no such database. */
  async open(database: string): Promise<void> {
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

  /**
   * End them all. A session that its client has left is still in the way for a moment, so this waits until PostgreSQL
   * has seen their processes off.
   */
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
