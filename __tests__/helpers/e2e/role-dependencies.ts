/**
 * A template in which a role has every kind of right that PostgreSQL knows, and queries that compare these rights with
 * those of another role.
 */

/** Executed once for a server by its superuser. */
export const sharedSetup = (app: string): readonly string[] => [
  'CREATE ROLE legacy',
  'CREATE ROLE readers',
  `GRANT readers TO ${app}`,
  `GRANT SET ON PARAMETER log_statement TO ${app}`,
  `ALTER ROLE ${app} SET extra_float_digits = 2`,
  `ALTER ROLE ${app} SET gin_fuzzy_search_limit = 11`,
  `ALTER ROLE ${app} SET IntervalStyle = 'iso_8601'`,
];

/** Executed in the template by the superuser. `app` owns, or has a grant on, an object of every kind. */
export const everyKindOfRight = (app: string, admin: string, template: string): readonly string[] => [
  `ALTER ROLE ${app} IN DATABASE ${template} SET gin_fuzzy_search_limit = 12`,
  'CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION postgres_fdw',
  // A grant on an object that becomes a member of an extension is an initial privilege.
  `CREATE FUNCTION public.member() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION public.member() TO ${app};
   ALTER EXTENSION citext ADD FUNCTION public.member()`,
  // Owned by the application role.
  `CREATE SCHEMA own AUTHORIZATION ${app}; GRANT CREATE ON SCHEMA public TO ${app}`,
  'SET search_path = own, public',
  `SET ROLE ${app}`,
  'CREATE TABLE unforced (id int); INSERT INTO unforced VALUES (1), (2); ALTER TABLE unforced ENABLE ROW LEVEL SECURITY',
  `CREATE TABLE forced (id int); INSERT INTO forced VALUES (1), (2);
   ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
   CREATE POLICY "first row" ON forced TO ${app} USING (id = 1)`,
  `CREATE TYPE mood AS ENUM ('calm'); CREATE COLLATION plain FROM "C"; CREATE STATISTICS stats ON id, (id + 1) FROM unforced`,
  `CREATE FUNCTION same(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 OPERATOR(pg_catalog.=) $2'`,
  'CREATE OPERATOR === (leftarg = int, rightarg = int, function = same)',
  'CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple); CREATE TEXT SEARCH DICTIONARY terms (template = simple)',
  `SELECT lo_from_bytea(11, 'own')`,
  'ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC',
  'RESET ROLE',
  `CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; ALTER CONVERSION latin OWNER TO ${app}`,
  `CREATE OPERATOR FAMILY family USING btree; ALTER OPERATOR FAMILY family USING btree OWNER TO ${app}`,
  `CREATE OPERATOR CLASS class FOR TYPE int USING hash FAMILY integer_ops AS STORAGE int; ALTER OPERATOR CLASS class USING hash OWNER TO ${app}`,
  `CREATE PUBLICATION news; GRANT CREATE ON DATABASE ${template} TO ${app}; ALTER PUBLICATION news OWNER TO ${app}`,
  `CREATE LANGUAGE plown HANDLER plpgsql_call_handler; ALTER LANGUAGE plown OWNER TO ${app}`,
  `CREATE FUNCTION public.noop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION public.noop();
   ALTER FUNCTION public.noop() OWNER TO ${app}`,
  `CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER own_server FOREIGN DATA WRAPPER wrapper; ALTER SERVER own_server OWNER TO ${app}`,
  // Only a superuser can own these, at the time of the change.
  `ALTER ROLE ${app} SUPERUSER`,
  `ALTER EVENT TRIGGER watch OWNER TO ${app}; ALTER FOREIGN DATA WRAPPER wrapper OWNER TO ${app}`,
  `SET ROLE ${app}; CREATE EXTENSION tablefunc; RESET ROLE`,
  `ALTER ROLE ${app} NOSUPERUSER`,
  `CREATE SUBSCRIPTION feed CONNECTION 'dbname=elsewhere' PUBLICATION news WITH (connect = false)`,
  // Owned by the administrator, who does not have to grant what the role of a pull request gets as the new owner.
  `CREATE SCHEMA admins AUTHORIZATION ${admin}`,
  `SET ROLE ${admin}; SET search_path = admins`,
  `CREATE TABLE policed (id int, note text); INSERT INTO policed VALUES (1, 'a'), (2, 'b'), (3, 'c');
   ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
   CREATE POLICY "p; 1" ON policed FOR SELECT TO ${app}, reporting USING (id = 1);
   CREATE POLICY inherited ON policed FOR SELECT TO readers USING (id = 2);
   CREATE POLICY named ON policed FOR SELECT USING (current_user = '${app}' AND id > 3)`,
  'CREATE VIEW everything AS SELECT id FROM policed',
  `GRANT USAGE ON SCHEMA admins TO ${app}; GRANT SELECT, UPDATE (note) ON policed TO ${app}`,
  `ALTER DEFAULT PRIVILEGES IN SCHEMA admins GRANT SELECT ON TABLES TO ${app}`,
  'RESET ROLE',
  // Owned by a role that the administrator does not administer.
  'CREATE SCHEMA legacy AUTHORIZATION legacy; SET ROLE legacy; SET search_path = legacy',
  `CREATE TABLE kept (id int, note text); ALTER TABLE kept ENABLE ROW LEVEL SECURITY; CREATE POLICY of_legacy ON kept TO ${app} USING (true)`,
  `CREATE SEQUENCE counter; CREATE TYPE state AS ENUM ('old'); CREATE FUNCTION work() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_from_bytea(12, 'kept')`,
  `REVOKE EXECUTE ON FUNCTION work() FROM PUBLIC; REVOKE USAGE ON TYPE state FROM PUBLIC`,
  `GRANT USAGE ON SCHEMA legacy TO ${app}; GRANT SELECT, UPDATE (note) ON kept TO ${app}; GRANT USAGE ON SEQUENCE counter TO ${app}`,
  `GRANT USAGE ON TYPE state TO ${app}; GRANT EXECUTE ON FUNCTION work() TO ${app}; GRANT SELECT ON LARGE OBJECT 12 TO ${app}`,
  `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${app}`,
  'RESET ROLE',
  // Owned by the superuser or an extension; the administrator can grant some of it.
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO ${app}`,
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset_shared(text) TO ${admin} WITH GRANT OPTION`,
  `SET ROLE ${admin}; GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset_shared(text) TO ${app}; RESET ROLE`,
  `GRANT USAGE ON LANGUAGE plpgsql TO ${app}`,
  `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${admin} WITH GRANT OPTION`,
  `SET ROLE ${admin}; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${app}`,
  `CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; GRANT USAGE ON FOREIGN SERVER far TO ${app}`,
  `CREATE USER MAPPING FOR ${app} SERVER far OPTIONS (user 'far', password 'Of-the-far-server-1'); RESET ROLE`,
];

/**
 * The catalogs that refer to roles, from PostgreSQL's own lists, as the class and the type of dependency that
 * pg_shdepend has for them; without those that belong to the whole server or to no clone.
 */
export const ROLE_CATALOGS_SQL = `
  SELECT DISTINCT kind FROM (
    SELECT fktable::regclass || CASE WHEN fktable = 'pg_policy'::regclass THEN ' r' ELSE ' o' END FROM pg_get_catalog_foreign_keys()
    WHERE pktable = 'pg_authid'::regclass
    UNION ALL
    SELECT CASE attname WHEN 'attacl' THEN 'pg_class column a' WHEN 'initprivs' THEN 'pg_proc i' ELSE attrelid::regclass || ' a' END
    FROM pg_attribute WHERE atttypid = 'aclitem[]'::regtype AND attrelid < 16384
  ) AS k (kind)
  WHERE kind !~ '^pg_(database|tablespace|parameter_acl|auth_members|db_role_setting|subscription) '`;

/** What depends on role $1 in this database: the kind as in {@link ROLE_CATALOGS_SQL}, and the object. */
export const dependenciesSql = (role: string): string => `
  SELECT replace(d.classid::regclass::text, 'pg_largeobject', 'pg_largeobject_metadata')
      || CASE WHEN d.objsubid > 0 THEN ' column' ELSE '' END || ' ' || d.deptype::text AS kind,
    i.type || ' ' || i.identity AS object, (SELECT 'extension ' || x.extname FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
      WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e') AS extension
  FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND d.refobjid = '${role}'::regrole`;

/** Every privilege that a role has in this database in any way. */
export const privilegesSql = (role: string): string => `
  SELECT i.type || ' ' || i.identity AS object, p.privilege FROM (
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid, 0 AS objsubid, v AS privilege FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v
      WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND has_table_privilege('${role}', c.oid, v)
    UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, v FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) v
      WHERE a.attacl IS NOT NULL AND has_column_privilege('${role}', a.attrelid, a.attnum, v)
    UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, v FROM pg_class c, unnest('{SELECT,USAGE,UPDATE}'::text[]) v
      WHERE c.relkind = 'S' AND has_sequence_privilege('${role}', c.oid, v)
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, 'EXECUTE' FROM pg_proc WHERE has_function_privilege('${role}', oid, 'EXECUTE')
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, v FROM pg_namespace, unnest('{USAGE,CREATE}'::text[]) v WHERE nspname !~ '^pg_(temp|toast)' AND has_schema_privilege('${role}', oid, v)
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, 'USAGE' FROM pg_type WHERE oid >= 16384 AND typcategory <> 'A' AND has_type_privilege('${role}', oid, 'USAGE')
    UNION ALL SELECT 'pg_language'::regclass, oid, 0, 'USAGE' FROM pg_language WHERE has_language_privilege('${role}', oid, 'USAGE')
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, 'USAGE' FROM pg_foreign_server WHERE has_server_privilege('${role}', oid, 'USAGE')
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, 'USAGE' FROM pg_foreign_data_wrapper WHERE has_foreign_data_wrapper_privilege('${role}', oid, 'USAGE')
    UNION ALL SELECT 'pg_largeobject'::regclass, m.oid, 0, a.privilege_type FROM pg_largeobject_metadata m, aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) a
      WHERE a.grantee = '${role}'::regrole
  ) p CROSS JOIN LATERAL pg_identify_object(p.classid, p.objid, p.objsubid) i`;

/** A row of {@link dependenciesSql}. */
export interface Dependency {
  readonly kind: string;
  readonly object: string;
  /** The extension that the object is a member of. */
  readonly extension: string | null;
}

/** A row of {@link privilegesSql}. */
export interface Privilege {
  readonly object: string;
  readonly privilege: string;
}

/** What depends on a role, and what it may do. */
export interface Rights {
  readonly role: string;
  readonly dependencies: readonly Dependency[];
  readonly privileges: readonly Privilege[];
}

/**
 * What the role of the template has and the role of the clone has not: neither the same dependency nor the object itself,
 * or a privilege. `isListed` tells whether an object is reported.
 */
export function findLostRights(
  template: Rights,
  clone: Rights,
  isListed: (object: string) => boolean,
): readonly (Dependency | Privilege)[] {
  const carried = new Set(
    clone.dependencies.flatMap(({ kind, object }) => [
      `${kind} ${object}`,
      ...(kind.endsWith(' o') ? [object] : []),
    ]),
  );
  const effective = new Set(clone.privileges.map(({ object, privilege }) => `${object} ${privilege}`));
  const grantedObjects = new Set(template.privileges.map(({ object }) => object));
  const isGrant = ({ kind, object }: Dependency): boolean =>
    / [ai]$/.test(kind) && grantedObjects.has(object);
  const lostDependencies = template.dependencies.filter((dependency) => {
    const { kind, object, extension } = dependency;
    const ofClone = object.replace(`for role ${template.role} `, `for role ${clone.role} `);
    const isCarried = isGrant(dependency) || carried.has(`${kind} ${ofClone}`) || carried.has(object);
    return !isCarried && !isListed(object) && !(extension !== null && isListed(extension));
  });
  const lostPrivileges = template.privileges.filter(
    ({ object, privilege }) => !effective.has(`${object} ${privilege}`) && !isListed(object),
  );
  return [...lostDependencies, ...lostPrivileges];
}
