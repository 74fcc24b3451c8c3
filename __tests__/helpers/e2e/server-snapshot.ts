import type { EmulatorHarness } from './emulator-harness.ts';
import { adminLogin, query } from './postgres-client.ts';

/**
 * The content of a server's system catalogs: rows by subject, for each database with its name as prefix. Objects are
 * identified by name, not by oid, and sorted, so that the snapshots of an unchanged server are equal.
 */
export type ServerSnapshot = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/** A sorted list of grants; NULL, which means the default grants, stays NULL. */
const acl = (column: string): string =>
  `CASE WHEN ${column} IS NOT NULL THEN ARRAY(SELECT item::text FROM unnest(${column}) item ORDER BY 1) END AS acl`;

const owner = (column: string): string => `pg_get_userbyid(${column}) AS owner`;

/** A join that gives the grants with which initdb or an extension created an object, as `i.initprivs`. */
const initialGrants = (catalog: string, oid: string, column = '0'): string =>
  `LEFT JOIN pg_init_privs i ON (i.objoid, i.classoid, i.objsubid) = (${oid}, '${catalog}'::regclass, ${column})`;

/** Queries for what all databases share; `$` is replaced by the array of excluded names. */
const serverQueries: Readonly<Record<string, string>> = {
  databases: `SELECT datname AS name, ${owner('datdba')}, ${acl('datacl')}, datconnlimit, datallowconn, datistemplate,
      datcollate, pg_encoding_to_char(encoding) AS encoding, shobj_description(oid, 'pg_database') AS comment
    FROM pg_database WHERE datname <> ALL ($)`,
  roles: `SELECT rolname AS name, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
      rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig, shobj_description(oid, 'pg_authid') AS comment
    FROM pg_roles WHERE rolname <> ALL ($)`,
  memberships: `SELECT pg_get_userbyid(roleid) AS role, pg_get_userbyid(member) AS member,
      pg_get_userbyid(grantor) AS grantor, admin_option, inherit_option, set_option
    FROM pg_auth_members
    WHERE pg_get_userbyid(roleid) <> ALL ($) AND pg_get_userbyid(member) <> ALL ($)`,
  settings: `SELECT d.datname AS database, r.rolname AS role, s.setconfig
    FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE coalesce(d.datname, '') <> ALL ($) AND coalesce(r.rolname, '') <> ALL ($)`,
  parameters: `SELECT parname AS name, ${acl('paracl')} FROM pg_parameter_acl`,
};

/** Queries for one database; from PostgreSQL's own objects only those with changed grants. */
const databaseQueries: Readonly<Record<string, string>> = {
  schemas: `SELECT nspname AS name, ${owner('nspowner')}, ${acl('nspacl')},
      obj_description(oid, 'pg_namespace') AS comment
    FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'`,
  relations: `SELECT c.oid::regclass::text AS name, c.relkind, ${owner('relowner')}, ${acl('relacl')},
      c.relrowsecurity, c.reloptions, obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace ${initialGrants('pg_class', 'c.oid')}
    WHERE n.nspname !~ '^pg_(toast|temp)' AND (c.oid >= 16384 OR relacl IS DISTINCT FROM i.initprivs)`,
  columns: `SELECT attrelid::regclass::text AS relation, attname AS name, format_type(atttypid, atttypmod) AS type,
      ${acl('attacl')}, col_description(attrelid, attnum) AS comment
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid ${initialGrants('pg_class', 'attrelid', 'attnum')}
    WHERE attnum > 0 AND NOT attisdropped AND relkind <> 't'
      AND (attrelid >= 16384 OR attacl IS DISTINCT FROM i.initprivs)`,
  functions: `SELECT p.oid::regprocedure::text AS name, ${owner('proowner')}, ${acl('proacl')}, prosecdef, proconfig,
      md5(prosrc) AS body
    FROM pg_proc p ${initialGrants('pg_proc', 'p.oid')}
    WHERE p.oid >= 16384 OR proacl IS DISTINCT FROM i.initprivs`,
  types: `SELECT t.oid::regtype::text AS name, ${owner('typowner')}, ${acl('typacl')}
    FROM pg_type t ${initialGrants('pg_type', 't.oid')}
    WHERE t.oid >= 16384 OR typacl IS DISTINCT FROM i.initprivs`,
  'default privileges': `SELECT ${owner('defaclrole')}, defaclnamespace::regnamespace::text AS schema,
      defaclobjtype, ${acl('defaclacl')}
    FROM pg_default_acl`,
  'large objects': `SELECT ${owner('lomowner')}, ${acl('lomacl')}, count(*)::int AS number
    FROM pg_largeobject_metadata GROUP BY lomowner, lomacl`,
  extensions: `SELECT extname AS name, extversion, ${owner('extowner')}, extnamespace::regnamespace::text AS schema
    FROM pg_extension`,
  languages: `SELECT lanname AS name, ${owner('lanowner')}, ${acl('lanacl')} FROM pg_language`,
  servers: `SELECT srvname AS name, ${owner('srvowner')}, ${acl('srvacl')}, srvoptions FROM pg_foreign_server`,
  publications: `SELECT pubname AS name, ${owner('pubowner')} FROM pg_publication`,
  policies: `SELECT polrelid::regclass::text AS relation, polname AS name,
      ARRAY(SELECT pg_get_userbyid(r) FROM unnest(polroles) r ORDER BY 1) AS roles
    FROM pg_policy`,
  triggers: `SELECT tgrelid::regclass::text AS relation, pg_get_triggerdef(oid) AS definition
    FROM pg_trigger WHERE NOT tgisinternal`,
  'event triggers': `SELECT evtname AS name, ${owner('evtowner')}, evtenabled FROM pg_event_trigger`,
  'rest of what roles own or are granted': `
    SELECT i.type, i.identity, s.deptype, pg_get_userbyid(s.refobjid) AS role
    FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i
    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND s.refclassid = 'pg_authid'::regclass AND i.type <> 'large object'`,
};

/**
 * Reads, as the administrator, every database that accepts its connections: owners, grants, default privileges, settings,
 * roles, memberships with their grantors and options, comments.
 * @param excluded names of databases and roles to leave out, such as those of a pull request
 */
export async function takeSnapshot(
  emulator: EmulatorHarness,
  host: string,
  excluded: readonly string[] = [],
): Promise<ServerSnapshot> {
  const names = `ARRAY[${excluded.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')}]::text[]`;
  const maintenanceLogin = adminLogin(host);
  const [server] = await query(
    emulator,
    maintenanceLogin,
    combineQueries(serverQueries).replaceAll('$', () => names),
  );
  const databases = await query(
    emulator,
    maintenanceLogin,
    `SELECT datname AS name FROM pg_database
     WHERE datallowconn AND has_database_privilege(oid, 'CONNECT') AND datname <> ALL (${names}) ORDER BY datname`,
  );
  const snapshotEntries = Object.entries(server ?? {});
  for (const { name } of databases) {
    const [row] = await query(emulator, adminLogin(host, String(name)), combineQueries(databaseQueries));
    snapshotEntries.push(
      ...Object.entries(row ?? {}).map(
        ([subject, rows]) => [`${name}: ${subject}`, rows] as [string, unknown],
      ),
    );
  }
  return Object.fromEntries(snapshotEntries) as ServerSnapshot;
}

/** Combines queries into one that returns each result as a JSON column, so that one session is enough. */
function combineQueries(queries: Readonly<Record<string, string>>): string {
  const columns = Object.entries(queries).map(
    ([subject, sql]) =>
      `(SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY to_jsonb(x)::text COLLATE "C"), '[]') FROM (${sql}) x) AS "${subject}"`,
  );
  return `SELECT ${columns.join(',\n')}`;
}
