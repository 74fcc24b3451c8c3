import { ADMINISTRATOR_ROLE, SUPERUSER } from './role-model.ts';

/**
 * The extensions that Azure offers (documented as the allowed values of `azure.extensions`), as far as the npm packages
 * contain them. Of PostgreSQL's own extensions, other languages, file_fdw, xml2 and a few examples are missing.
 */
export const OFFERED_EXTENSIONS: readonly string[] = [
  ...['amcheck', 'bloom', 'btree_gin', 'btree_gist', 'citext', 'cube', 'dblink', 'dict_int', 'dict_xsyn'],
  ...['earthdistance', 'fuzzystrmatch', 'hstore', 'intagg', 'intarray', 'isn', 'lo', 'ltree', 'pageinspect'],
  ...['pg_buffercache', 'pg_freespacemap', 'pg_prewarm', 'pg_stat_statements', 'pg_trgm', 'pg_visibility'],
  ...['pgcrypto', 'pgrowlocks', 'pgstattuple', 'plpgsql', 'postgres_fdw', 'sslinfo', 'tablefunc'],
  ...['tsm_system_rows', 'tsm_system_time', 'unaccent', 'uuid-ossp'],
];

/** The extension that the service has in every database. Clients cannot create it. */
export const AZURE_EXTENSION = 'azure';

/** The error for an extension that is not on the allow-list, see docs/azure-behavior.md#extensions. */
export const NOT_ALLOW_LISTED_ERROR = {
  code: '0A000',
  message: (extension: string) =>
    `extension "${extension}" is not allow-listed for "${ADMINISTRATOR_ROLE}" users in Azure Database for PostgreSQL`,
  hint: 'to learn how to allow an extension or see the list of allowed extensions, please refer to https://go.microsoft.com/fwlink/?linkid=2301063',
} as const;

/** The sources disagree on this rule. The emulator uses the stricter one, see docs/azure-behavior.md#extensions. */
const MEMBERS_ONLY_ERROR = {
  code: '42501',
  message: (command: string) => `Only members of "${ADMINISTRATOR_ROLE}" are allowed to use ${command}`,
} as const;

/** Name, description and schema as in public dumps of databases on Azure. */
const CONTROL_FILE = `comment = 'azure extension for PostgreSQL service'
default_version = '1.1'
relocatable = false
schema = pg_catalog
superuser = true
`;

/**
 * Azure enforces the allow-list in its patched server. The emulator uses event triggers, which also run for statements
 * in DO bodies and for dynamic SQL in functions. A filter of the client's SQL would miss those. The triggers belong to
 * {@link SUPERUSER} and are members of an extension in pg_catalog, so dumps do not contain them. Every database gets
 * them from its template. They do not apply to the sessions of the service. Triggers of the same event run in the order
 * of their names.
 *
 * A trigger on ddl_command_start does not know the name of the extension. So the allow-list is checked on
 * ddl_command_end, for every extension that this transaction has created, also by CASCADE. The error then rolls back
 * the statement. The list comes from the configuration files of the server, because a client could SET the parameter in
 * its own session. For an existing extension PostgreSQL answers as usual (inferred).
 *
 * The control files call every extension trusted, because PostgreSQL would refuse a member of azure_pg_admin the others.
 * azure_trusted_extensions() has those that PostgreSQL itself trusts, see role-model.ts.
 *
 * PostgreSQL requires the privilege CREATE on the database for a trusted extension. Azure requires only the membership
 * (inferred from administrators who create extensions in databases created through ARM). So the triggers grant CREATE
 * for the duration of the statement and restore the privileges in the same transaction. They do not use SELECT … FOR
 * UPDATE, because two transactions that lock this row before they change it cause a deadlock.
 */
const installScript = (trustedExtensions: readonly string[]): string => `
CREATE FUNCTION azure_trusted_extensions() RETURNS name[] LANGUAGE sql IMMUTABLE
RETURN '{${trustedExtensions.map((name) => `"${name}"`).join(',')}}'::name[];

CREATE FUNCTION azure_check_membership() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_has_role(current_user, '${ADMINISTRATOR_ROLE}', 'MEMBER') THEN
    RAISE EXCEPTION USING ERRCODE = '${MEMBERS_ONLY_ERROR.code}',
      MESSAGE = format('${MEMBERS_ONLY_ERROR.message('%s')}', TG_TAG);
  END IF;
END $$;

CREATE FUNCTION azure_grant_create() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  current_row pg_database;
BEGIN
  PERFORM set_config('azure.acl_before_grant', '', true);
  IF has_database_privilege(session_user, current_database(), 'CREATE') THEN
    RETURN;
  END IF;
  LOOP
    SELECT * INTO current_row FROM pg_database WHERE datname = current_database();
    UPDATE pg_database SET datacl = coalesce(current_row.datacl, acldefault('d', current_row.datdba)) ||
      makeaclitem((SELECT oid FROM pg_roles WHERE rolname = session_user), current_row.datdba, 'CREATE', false)
    WHERE oid = current_row.oid AND datacl::text IS NOT DISTINCT FROM current_row.datacl::text;
    EXIT WHEN FOUND;
  END LOOP;
  PERFORM set_config('azure.acl_before_grant', coalesce(current_row.datacl::text, 'none'), true);
END $$;

CREATE FUNCTION azure_check_allow_list() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  allowed text := (SELECT setting FROM pg_file_settings WHERE lower(name) = 'azure.extensions'
                   ORDER BY seqno DESC LIMIT 1);
  rejected name;
BEGIN
  IF session_user = '${SUPERUSER}' THEN
    RETURN;
  END IF;
  SELECT extname INTO rejected FROM pg_extension
  WHERE pg_xact_status(xmin::text::xid8) = 'in progress' AND extname <> 'plpgsql'
    AND lower(extname) NOT IN (SELECT lower(btrim(item)) FROM string_to_table(allowed, ',') item)
  ORDER BY oid DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '${NOT_ALLOW_LISTED_ERROR.code}',
      MESSAGE = format('${NOT_ALLOW_LISTED_ERROR.message('%s')}', rejected), HINT = '${NOT_ALLOW_LISTED_ERROR.hint}';
  END IF;
  IF current_setting('azure.acl_before_grant') <> '' THEN
    UPDATE pg_database SET datacl = nullif(current_setting('azure.acl_before_grant'), 'none')::aclitem[]
    WHERE datname = current_database();
  END IF;
END $$;

CREATE FUNCTION azure_check_dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  allowed text := (SELECT setting FROM pg_file_settings WHERE lower(name) = 'azure.extensions'
                   ORDER BY seqno DESC LIMIT 1);
  rejected text;
BEGIN
  SELECT object_name INTO rejected FROM pg_event_trigger_dropped_objects()
  WHERE object_type = 'extension' AND session_user <> '${SUPERUSER}'
    AND lower(object_name) NOT IN (SELECT lower(btrim(item)) FROM string_to_table(allowed, ',') item) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '${NOT_ALLOW_LISTED_ERROR.code}',
      MESSAGE = format('${NOT_ALLOW_LISTED_ERROR.message('%s')}', rejected), HINT = '${NOT_ALLOW_LISTED_ERROR.hint}';
  END IF;
END $$;

CREATE EVENT TRIGGER azure_extension_1_membership ON ddl_command_start
  WHEN TAG IN ('CREATE EXTENSION', 'DROP EXTENSION')
  EXECUTE FUNCTION azure_check_membership();
CREATE EVENT TRIGGER azure_extension_2_grant_create ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION azure_grant_create();
CREATE EVENT TRIGGER azure_extension_3_allow_list ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION azure_check_allow_list();
CREATE EVENT TRIGGER azure_extension_4_dropped ON sql_drop WHEN TAG IN ('DROP EXTENSION')
  EXECUTE FUNCTION azure_check_dropped();
`;

/**
 * The files of the extension by name, for PostgreSQL's extension directory.
 * @param trustedExtensions the names of the extensions that PostgreSQL itself trusts
 */
export const azureExtensionFiles = (
  trustedExtensions: readonly string[],
): Readonly<Record<string, string>> => ({
  [`${AZURE_EXTENSION}.control`]: CONTROL_FILE,
  [`${AZURE_EXTENSION}--1.1.sql`]: installScript(trustedExtensions),
});
