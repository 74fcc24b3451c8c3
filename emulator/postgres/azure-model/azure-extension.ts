import { ADMINISTRATOR_ROLE, SUPERUSER } from './service-roles.ts';

/**
 * The extensions that Azure offers (allowed values of `azure.extensions` in its documentation [D]), as far as the npm
 * packages have them: of those that come with PostgreSQL, all but the other languages, file_fdw, xml2 and a few examples.
 */
export const OFFERED_EXTENSIONS: readonly string[] = [
  ...['amcheck', 'bloom', 'btree_gin', 'btree_gist', 'citext', 'cube', 'dblink', 'dict_int', 'dict_xsyn'],
  ...['earthdistance', 'fuzzystrmatch', 'hstore', 'intagg', 'intarray', 'isn', 'lo', 'ltree', 'pageinspect'],
  ...['pg_buffercache', 'pg_freespacemap', 'pg_prewarm', 'pg_stat_statements', 'pg_trgm', 'pg_visibility'],
  ...['pgcrypto', 'pgrowlocks', 'pgstattuple', 'plpgsql', 'postgres_fdw', 'sslinfo', 'tablefunc'],
  ...['tsm_system_rows', 'tsm_system_time', 'unaccent', 'uuid-ossp'],
];

/** The extension by which the service itself is in every database; nobody's to create. */
export const AZURE_EXTENSION = 'azure';

/**
 * How the creation of an extension that is not on the list is refused: facts.md §5 for the message; code and hint as
 * users report them [I].
 */
export const NOT_ALLOW_LISTED_ERROR = {
  code: '0A000',
  message: (extension: string) =>
    `extension "${extension}" is not allow-listed for "${ADMINISTRATOR_ROLE}" users in Azure Database for PostgreSQL`,
  hint: 'to learn how to allow an extension or see the list of allowed extensions, please refer to https://go.microsoft.com/fwlink/?linkid=2301063',
} as const;

/**
 * facts.md §5; the code is as users report it [I]. Since 2025 the documentation also says that anyone with CREATE may
 * create a trusted extension, and users report `Because NAME isn't a trusted extension, only members of …` for the
 * others; the two sources do not agree, and this is the stricter.
 */
const MEMBERS_ONLY_ERROR = {
  code: '42501',
  message: `Only members of "${ADMINISTRATOR_ROLE}" are allowed to use CREATE EXTENSION`,
} as const;

/** Name, description and schema as dumps of Azure's databases show them [I]. */
const CONTROL_FILE = `comment = 'azure extension for PostgreSQL service'
default_version = '1.1'
relocatable = false
schema = pg_catalog
superuser = true
`;

/**
 * Azure enforces its list by a hook in the patched server, which sees every statement as it is executed, however it was
 * written. What comes closest in PostgreSQL unpatched are event triggers: they too see a statement of either protocol,
 * of a DO body, of dynamic SQL in a function, where a reader of the clients' text (see screen.ts) would have to
 * parse SQL and still miss the last two. They belong to {@link SUPERUSER} and, as members of an extension in
 * pg_catalog, which Azure has as well, they are in no dump and in nobody's way; every database has them from its
 * template. The service's own sessions are exempt.
 *
 * A trigger at the start does not know which extension is meant, so the list is checked at the end, and what was made is
 * rolled back. There every extension that has come in this transaction is looked at, thus also those that CASCADE added.
 * The list is read from the server's configuration files, which only the superuser can write: as a setting, any client
 * could SET it for its own session, which PostgreSQL unpatched allows and which has no effect here. An extension that
 * is there already is left to PostgreSQL, a notice with IF NOT EXISTS [INF].
 *
 * PostgreSQL asks of the creator of a trusted extension that it may CREATE in the database; Azure asks for membership alone
 * [INF], as administrators create extensions in databases that ARM made for the service [I]. So the privilege is lent
 * for the duration of the statement. What changes in pg_database is undone before anyone else could see it. (Not by
 * SELECT … FOR UPDATE: two that lock this row before they change it are a deadlock.)
 */
const INSTALL_SCRIPT = `
CREATE FUNCTION azure_extension_asked() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_has_role(current_user, '${ADMINISTRATOR_ROLE}', 'MEMBER') THEN
    RAISE EXCEPTION USING ERRCODE = '${MEMBERS_ONLY_ERROR.code}', MESSAGE = '${MEMBERS_ONLY_ERROR.message}';
  END IF;
END $$;

CREATE FUNCTION azure_extension_begun() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here pg_database;
BEGIN
  PERFORM set_config('azure.acl_before_loan', '', true);
  IF has_database_privilege(session_user, current_database(), 'CREATE') THEN
    RETURN;
  END IF;
  LOOP
    SELECT * INTO here FROM pg_database WHERE datname = current_database();
    UPDATE pg_database SET datacl = coalesce(here.datacl, acldefault('d', here.datdba)) ||
      makeaclitem((SELECT oid FROM pg_roles WHERE rolname = session_user), here.datdba, 'CREATE', false)
    WHERE oid = here.oid AND datacl::text IS NOT DISTINCT FROM here.datacl::text;
    EXIT WHEN FOUND;
  END LOOP;
  PERFORM set_config('azure.acl_before_loan', coalesce(here.datacl::text, 'none'), true);
END $$;

CREATE FUNCTION azure_extension_made() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  allowed text := (SELECT setting FROM pg_file_settings WHERE lower(name) = 'azure.extensions'
                   ORDER BY seqno DESC LIMIT 1);
  refused name;
BEGIN
  IF session_user = '${SUPERUSER}' THEN
    RETURN;
  END IF;
  SELECT extname INTO refused FROM pg_extension
  WHERE pg_xact_status(xmin::text::xid8) = 'in progress' AND extname <> 'plpgsql'
    AND lower(extname) NOT IN (SELECT lower(btrim(item)) FROM string_to_table(allowed, ',') item)
  ORDER BY oid DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '${NOT_ALLOW_LISTED_ERROR.code}',
      MESSAGE = format('${NOT_ALLOW_LISTED_ERROR.message('%s')}', refused), HINT = '${NOT_ALLOW_LISTED_ERROR.hint}';
  END IF;
  IF current_setting('azure.acl_before_loan') <> '' THEN
    UPDATE pg_database SET datacl = nullif(current_setting('azure.acl_before_loan'), 'none')::aclitem[]
    WHERE datname = current_database();
  END IF;
END $$;

CREATE EVENT TRIGGER azure_extension_asked ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION azure_extension_asked();
CREATE EVENT TRIGGER azure_extension_begun ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION azure_extension_begun();
CREATE EVENT TRIGGER azure_extension_made ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION azure_extension_made();
`;

/** The extension's files by name, for the directory in which PostgreSQL looks for extensions. */
export const AZURE_EXTENSION_FILES: Readonly<Record<string, string>> = {
  [`${AZURE_EXTENSION}.control`]: CONTROL_FILE,
  [`${AZURE_EXTENSION}--1.1.sql`]: INSTALL_SCRIPT,
};
