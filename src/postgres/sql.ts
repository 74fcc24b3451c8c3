import pg from 'pg';
import type { DatabaseConfig } from '../config/config.ts';
import { fail, messageOf } from '../errors.ts';
import type { Applied } from '../plan/engine.ts';
import { absent, type Observed, present, unknown } from '../plan/types.ts';
import type { Session } from './session.ts';

export interface FoundDatabase {
  readonly owner: string;
  /** As PostgreSQL spells it, `UTF8`. */
  readonly charset: string;
  readonly collation: string;
  readonly mayConnect: boolean;
  /** Whether this role may create schemas in it, as a migration tool wants to. */
  readonly mayCreate: boolean;
}

/** Everything that the action reads by SQL, in a session on `postgres`. */
export class SqlReader {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  async database(name: string): Promise<Observed<FoundDatabase>> {
    try {
      const rows = await this.session.query<FoundDatabase & pg.QueryResultRow>(
        `SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS charset, datcollate AS collation,
           has_database_privilege(oid, 'CONNECT') AS "mayConnect", has_database_privilege(oid, 'CREATE') AS "mayCreate"
         FROM pg_database WHERE datname = $1`,
        [name],
      );
      return rows[0] ? present(rows[0]) : absent;
    } catch (error) {
      const parameters = {
        what: `database '${name}'`,
        reason: messageOf(error),
        advice: 'Check the rights of admin-username.',
      };
      return unknown(fail('state-unknown', parameters, { cause: error }));
    }
  }
}

/** SQLSTATEs of a creation that somebody else won (facts.md §5): it is there, or is about to be. */
const lostRace = ['42P04', '23505'];

/** Everything that the action writes by SQL. */
export class SqlWriter {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Creates an empty database from template0, the only template that takes any encoding and collation.
   * @throws `database-refused`
   */
  async createDatabase({ name, charset, collation }: DatabaseConfig): Promise<Applied> {
    const locale = pg.escapeLiteral(collation);
    try {
      await this.#session.query(
        `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0 ENCODING ${pg.escapeLiteral(charset)} LC_COLLATE ${locale} LC_CTYPE ${locale}`,
      );
      return 'created';
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (typeof code === 'string' && lostRace.includes(code)) return 'adopted';
      throw fail(
        'database-refused',
        { database: name, reason: `${messageOf(error)} (SQLSTATE ${String(code)})`, advice: adviceFor(code) },
        { cause: error },
      );
    }
  }
}

function adviceFor(code: unknown): string {
  if (code === '42501')
    return 'Give admin-username the right CREATEDB, or let it be the administrator of the server.';
  if (code === '42809' || code === '22023' || code === '42704')
    return 'Choose a charset and a collation that the server knows: SELECT collname FROM pg_collation lists them.';
  if (code === '53300' || code === '53100')
    return 'The server is out of connections or storage: see its metrics.';
  return 'Correct what PostgreSQL names, and run the step again.';
}
