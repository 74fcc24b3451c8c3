import pg from 'pg';
import type { DatabaseRow } from '../types.ts';
import { ADMINISTRATOR_ROLE, SUPERUSER } from './service-roles.ts';

/**
 * Who owns a database that was made through ARM. Not known for certain: `azuresu` was reported, on servers without
 * password authentication (facts.md §5, [I]).
 */
const ARM_DATABASE_OWNER = SUPERUSER;

/** The service's own databases, in the order in which Azure lists them (facts.md §2). */
const SYSTEM_DATABASES = ['azure_maintenance', 'postgres', 'azure_sys'];

/**
 * What makes a fresh cluster one of Azure's (facts.md §5), as statements for each database in turn: owners of the
 * databases, and in all of them, template0 included, so that every later database has it, the owner of schema `public`
 * and the service's own extension (see azure-extension.ts).
 */
export function roleModelStatements(): [database: string, statements: string[]][] {
  const everywhere = [`ALTER SCHEMA public OWNER TO ${ADMINISTRATOR_ROLE}`, 'CREATE EXTENSION azure'];
  const roleModel = [
    `CREATE ROLE ${ADMINISTRATOR_ROLE} NOLOGIN`,
    // Keeps the service's own statements, some with a password in clear, out of the statement log.
    `ALTER ROLE ${SUPERUSER} SET log_statement = 'none'`,
    ...['postgres', 'template0', 'template1'].map(
      (name) => `ALTER DATABASE ${name} OWNER TO ${ADMINISTRATOR_ROLE}`,
    ),
    ...everywhere,
    `CREATE DATABASE azure_maintenance OWNER ${SUPERUSER}`,
    `CREATE DATABASE azure_sys OWNER ${SUPERUSER}`,
    'REVOKE CONNECT ON DATABASE azure_maintenance FROM PUBLIC',
  ];
  return [
    ['template1', roleModel],
    ['template0', everywhere],
    ['postgres', everywhere],
  ];
}

/** Add the server's administrator: no superuser, and a member of {@link ADMINISTRATOR_ROLE} (facts.md §5). */
export async function createAdministrator(client: pg.Client, login: string, password: string): Promise<void> {
  await client.query(
    `CREATE ROLE ${pg.escapeIdentifier(login)} LOGIN NOSUPERUSER INHERIT CREATEDB CREATEROLE
     PASSWORD ${pg.escapeLiteral(password)} IN ROLE ${ADMINISTRATOR_ROLE}`,
  );
}

/** Change a role's password, as ARM does for the administrator. */
export async function setPassword(client: pg.Client, login: string, password: string): Promise<void> {
  await client.query(`ALTER ROLE ${pg.escapeIdentifier(login)} PASSWORD ${pg.escapeLiteral(password)}`);
}

/** Every database but the two templates, in the order in which Azure lists them. */
export async function listDatabases(client: pg.Client): Promise<DatabaseRow[]> {
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
}

/** From template0, the only one that takes every encoding and collation. Both may come in any spelling PostgreSQL knows. */
export async function createDatabase(
  client: pg.Client,
  name: string,
  charset: string,
  collation: string,
): Promise<void> {
  const locale = pg.escapeLiteral(collation);
  await client.query(
    `CREATE DATABASE ${pg.escapeIdentifier(name)} OWNER ${ARM_DATABASE_OWNER} TEMPLATE template0
     ENCODING ${pg.escapeLiteral(charset)} LC_COLLATE ${locale} LC_CTYPE ${locale}`,
  );
}

/** The service may end every session that is in the way, a superuser's too. */
export async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`);
}

/** Every role but PostgreSQL's own `pg_*`: attributes by the words of `CREATE ROLE`, memberships, settings, comment. */
export async function listRoles(client: pg.Client): Promise<Record<string, Record<string, unknown>>> {
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
}
