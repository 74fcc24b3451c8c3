import type pg from 'pg';
import { ActionError, actionError } from '../common/errors.ts';
import { type ParsedMarker, parseMarker } from '../common/ownership-marker.ts';
import { absent, type Observed, present, unknown } from '../reconcile/findings.ts';
import type { ObservedDatabase, ObservedRole } from '../reconcile/ownership.ts';
import { explainPgError, SessionLostError } from './pg-errors.ts';
import type { Session } from './session.ts';

export interface FoundDatabase extends ObservedDatabase {
  readonly name: string;
  readonly oid: string;
  /** In PostgreSQL's spelling, such as `UTF8`. */
  readonly charset: string;
  readonly collation: string;
  readonly mayConnect: boolean;
  /** Whether this role can create schemas in it, which some migration tools do. */
  readonly mayCreate: boolean;
  /** False while it is being dropped, and for template0. */
  readonly allowsConnections: boolean;
}

export interface FoundRole extends ObservedRole {
  readonly name: string;
  readonly oid: string;
  /** False while it is being dropped. */
  readonly mayLogIn: boolean;
}

/** The privileges of a role on a database. */
export interface FoundPrivileges {
  readonly connect: boolean;
  readonly create: boolean;
  readonly temporary: boolean;
}

/** The columns of {@link FoundDatabase}, from rows `d` of pg_database. */
const DATABASE_COLUMNS = `d.datname AS name, d.oid::text AS oid, pg_get_userbyid(d.datdba) AS owner,
  d.datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user) AS "isOwnedByAdmin",
  pg_encoding_to_char(d.encoding) AS charset, d.datcollate AS collation, d.datconnlimit AS "connectionLimit",
  d.datallowconn AS "allowsConnections", shobj_description(d.oid, 'pg_database') AS comment,
  has_database_privilege(d.oid, 'CONNECT') AS "mayConnect", has_database_privilege(d.oid, 'CREATE') AS "mayCreate"`;

/**
 * The columns of {@link FoundRole}, from rows `r` of pg_roles. `administered`: the administrator created the role, so it
 * got ADMIN OPTION from the server, and no other role has ADMIN OPTION. Otherwise another role can have written the
 * comment. Before PostgreSQL 16, every role with CREATEROLE administers all others, so all comments are trusted.
 */
const ROLE_COLUMNS = `r.rolname AS name, r.oid::text AS oid, r.rolcanlogin AS "mayLogIn", shobj_description(r.oid, 'pg_authid') AS comment,
  NOT r.rolsuper AND CASE WHEN current_setting('server_version_num')::int >= 160000
    THEN EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.grantor
        WHERE m.roleid = r.oid AND m.admin_option AND g.rolsuper AND pg_get_userbyid(m.member) = current_user)
      AND NOT EXISTS (SELECT FROM pg_auth_members m
        WHERE m.roleid = r.oid AND m.admin_option AND pg_get_userbyid(m.member) <> current_user)
    ELSE true END AS administered`;

type Row<T> = T & pg.QueryResultRow;
type WithComment<T> = Row<Omit<T, 'marker'> & { readonly comment: string | null }>;

/** Reads databases, roles and privileges in a session in `postgres`, and extensions in a session in the database itself. */
export class SqlReader {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  database(name: string): Promise<Observed<FoundDatabase>> {
    return this.observe(`database '${name}'`, async () => {
      const rows = await this.session.query<WithComment<FoundDatabase>>(
        `SELECT ${DATABASE_COLUMNS} FROM pg_database d WHERE d.datname = $1`,
        [name],
      );
      return rows.map(withParsedMarker<FoundDatabase>);
    });
  }

  role(name: string): Promise<Observed<FoundRole>> {
    return this.observe(`role '${name}'`, async () => {
      const rows = await this.session.query<WithComment<FoundRole>>(
        `SELECT ${ROLE_COLUMNS} FROM pg_roles r WHERE r.rolname = $1`,
        [name],
      );
      return rows.map(withParsedMarker<FoundRole>);
    });
  }

  /** The privileges of a role on a database; absent if one of them does not exist. */
  access(database: string, role: string): Promise<Observed<FoundPrivileges>> {
    return this.observe(`the access of role '${role}' to database '${database}'`, () =>
      this.session.query<Row<FoundPrivileges>>(
        `SELECT has_database_privilege(r.oid, d.oid, 'CONNECT') AS connect,
           has_database_privilege(r.oid, d.oid, 'CREATE') AS create,
           has_database_privilege(r.oid, d.oid, 'TEMPORARY') AS temporary
         FROM pg_database d, pg_roles r WHERE d.datname = $1 AND r.rolname = $2`,
        [database, role],
      ),
    );
  }

  /** The version of an extension in the database of this session. */
  extension(name: string): Promise<Observed<string>> {
    return this.observe(`extension '${name}'`, async () => {
      const rows = await this.session.query<{ version: string }>(
        'SELECT extversion AS version FROM pg_extension WHERE extname = $1',
        [name],
      );
      return rows.map(({ version }) => version);
    });
  }

  /** The server's clock, so that expiry does not depend on the clocks of runners. */
  async now(): Promise<Date> {
    const [row] = await this.session.query<{ now: Date | null }>('SELECT clock_timestamp() AS now');
    // A comparison with an invalid date is false, so that nothing would ever expire.
    if (!(row?.now instanceof Date) || Number.isNaN(row.now.getTime()))
      throw new Error('the server’s clock could not be read');
    return row.now;
  }

  /** Every database with an ownership marker, also of other repositories and with other owners, by name. */
  async markedDatabases(): Promise<readonly FoundDatabase[]> {
    const rows = await this.session.query<WithComment<FoundDatabase>>(
      `SELECT ${DATABASE_COLUMNS} FROM pg_database d
       WHERE starts_with(shobj_description(d.oid, 'pg_database'), '{') ORDER BY d.datname`,
    );
    return rows.map(withParsedMarker<FoundDatabase>).filter(({ marker }) => marker !== undefined);
  }

  /** Every role with an ownership marker, also of other repositories and with other creators, by name. */
  async markedRoles(): Promise<readonly FoundRole[]> {
    const rows = await this.session.query<WithComment<FoundRole>>(
      `SELECT ${ROLE_COLUMNS} FROM pg_roles r
       WHERE starts_with(shobj_description(r.oid, 'pg_authid'), '{') ORDER BY r.rolname`,
    );
    return rows.map(withParsedMarker<FoundRole>).filter(({ marker }) => marker !== undefined);
  }

  /**
   * The first row of a query, or absent. An error is unknown, never absent.
   * @param what completes "could not determine whether … exists"
   */
  async observe<T>(what: string, query: () => Promise<readonly T[]>): Promise<Observed<T>> {
    try {
      const [first] = await query();
      return first === undefined ? absent : present(first);
    } catch (error) {
      // The end of the run, and not a failure of the read.
      if (error instanceof ActionError) throw error;
      const explained = explainPgError(error instanceof SessionLostError ? error.cause : error);
      const parameters = { what, ...explained };
      return unknown(actionError('state-unknown', parameters, { cause: error }));
    }
  }
}

/** Reads everything once, so that all findings of a plan agree. It does not see later changes. */
export class SqlSnapshot extends SqlReader {
  readonly #reads = new Map<string, Promise<unknown>>();

  override database(name: string): Promise<Observed<FoundDatabase>> {
    return this.readOnce(['database', name], () => super.database(name));
  }

  override role(name: string): Promise<Observed<FoundRole>> {
    return this.readOnce(['role', name], () => super.role(name));
  }

  override access(database: string, role: string): Promise<Observed<FoundPrivileges>> {
    return this.readOnce(['access', database, role], () => super.access(database, role));
  }

  override extension(name: string): Promise<Observed<string>> {
    return this.readOnce(['extension', name], () => super.extension(name));
  }

  /**
   * Another read in this session.
   * @param keyParts what is read
   */
  readOnce<T>(keyParts: readonly string[], read: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(keyParts);
    const known = this.#reads.get(key) as Promise<T> | undefined;
    const result = known ?? read();
    this.#reads.set(key, result);
    return result;
  }
}

function withParsedMarker<T extends { readonly marker: ParsedMarker | undefined }>({
  comment,
  ...row
}: WithComment<T>): T {
  return { ...row, marker: parseMarker(comment) } as unknown as T;
}
