import pg from 'pg';
import type { Cluster } from '../cluster/cluster.ts';
import type { DatabaseRow, ServerDatabases, ServerRoles } from '../types.ts';
import { ADMINISTRATOR_ROLE, SUPERUSER, SYSTEM_DATABASES } from './role-model.ts';

/**
 * Recorded only for servers without password authentication; see docs/azure-behavior.md#databases-created-through-arm.
 */
const ARM_DATABASE_OWNER = SUPERUSER;

/** The databases of one server, through sessions of the service. */
export class Databases implements ServerDatabases {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  list(): Promise<DatabaseRow[]> {
    return this.#cluster.withSession(async (client) => {
      const { rows } = await client.query<DatabaseRow>(
        `SELECT datname AS name, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS charset,
                datcollate AS collation, shobj_description(oid, 'pg_database') AS comment, datacl::text[] AS acl,
                (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0) AS settings,
                datconnlimit AS "connectionLimit"
         FROM pg_database d WHERE datname <> ALL ('{template0,template1}')
         ORDER BY array_position($1::text[], datname::text), oid`,
        [SYSTEM_DATABASES],
      );
      return rows;
    });
  }

  async create(name: string, charset: string, collation: string): Promise<void> {
    const locale = pg.escapeLiteral(collation);
    // Only template0 permits every encoding and collation.
    const sql = `CREATE DATABASE ${pg.escapeIdentifier(name)} OWNER ${ARM_DATABASE_OWNER} TEMPLATE template0
     ENCODING ${pg.escapeLiteral(charset)} LC_COLLATE ${locale} LC_CTYPE ${locale}`;
    await this.#cluster.withSession((client) => client.query(sql));
  }

  async drop(name: string): Promise<void> {
    const sql = `DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`;
    await this.#cluster.withSession((client) => client.query(sql));
  }
}

/** The roles of one server, through sessions of the service. */
export class Roles implements ServerRoles {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  list(): Promise<Record<string, Record<string, unknown>>> {
    return this.#cluster.withSession(async (client) => {
      const { rows } = await client.query<{ name: string } & Record<string, unknown>>(
        `SELECT rolname AS name, rolcanlogin AS login, rolsuper AS superuser, rolinherit AS inherit,
                rolcreatedb AS createdb, rolcreaterole AS createrole, rolreplication AS replication,
                rolbypassrls AS bypassrls, rolconnlimit AS "connectionLimit", rolvaliduntil AS "validUntil",
                rolconfig AS settings, shobj_description(r.oid, 'pg_authid') AS comment,
                ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid GROUP BY 1 ORDER BY 1)
                  AS "memberOf"
         FROM pg_roles r WHERE rolname !~ '^pg_' ORDER BY rolname`,
      );
      return Object.fromEntries(rows.map(({ name, ...attributes }) => [name, attributes]));
    });
  }

  /** Create the administrator of the server. */
  async addAdministrator(login: string, password: string): Promise<void> {
    const sql = `CREATE ROLE ${pg.escapeIdentifier(login)} LOGIN NOSUPERUSER INHERIT CREATEDB CREATEROLE
     PASSWORD ${pg.escapeLiteral(password)} IN ROLE ${ADMINISTRATOR_ROLE}`;
    await this.#cluster.withSession((client) => client.query(sql));
  }

  async setPassword(login: string, password: string): Promise<void> {
    const sql = `ALTER ROLE ${pg.escapeIdentifier(login)} PASSWORD ${pg.escapeLiteral(password)}`;
    await this.#cluster.withSession((client) => client.query(sql));
  }
}
