import pg from 'pg';
import type { RunContext } from '../../common/polling.ts';
import { retryOnConflict } from '../../postgres/pg-errors.ts';
import { withRoleMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';

/** The keyword of ALTER … OWNER TO for each object type of pg_identify_object. */
const ALTER_KEYWORDS: Readonly<Record<string, string>> = {
  schema: 'SCHEMA',
  table: 'TABLE',
  view: 'VIEW',
  'materialized view': 'MATERIALIZED VIEW',
  'foreign table': 'FOREIGN TABLE',
  sequence: 'SEQUENCE',
  type: 'TYPE',
  function: 'ROUTINE',
  procedure: 'ROUTINE',
  aggregate: 'ROUTINE',
  collation: 'COLLATION',
  conversion: 'CONVERSION',
  operator: 'OPERATOR',
  'operator class': 'OPERATOR CLASS',
  'operator family': 'OPERATOR FAMILY',
  'text search configuration': 'TEXT SEARCH CONFIGURATION',
  'text search dictionary': 'TEXT SEARCH DICTIONARY',
  'statistics object': 'STATISTICS',
  'large object': 'LARGE OBJECT',
  publication: 'PUBLICATION',
  server: 'SERVER',
};

/**
 * The objects of this database, of the types in $2, that another role than $1 owns; without objects of extensions, and
 * without sequences that follow the owner of their table.
 */
const OBJECTS_OF_OTHER_ROLES_SQL = `
  SELECT i.type, i.identity, pg_get_userbyid(d.refobjid) AS owner
  FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
  WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND pg_get_userbyid(d.refobjid) <> $1 AND i.type = ANY ($2)
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
      AND (e.deptype = 'e' OR e.classid = 'pg_class'::regclass AND e.deptype IN ('a', 'i')
        AND e.refclassid = 'pg_class'::regclass AND i.type = 'sequence'))
  ORDER BY d.classid = 'pg_namespace'::regclass DESC, d.classid, d.objid`;

/** Objects in one transaction: each takes locks, and all sessions share a few thousand (max_locks_per_transaction). */
const BATCH_SIZE = 300;

/**
 * Executes the statements of one batch in one round trip. A statement that is not permitted does not stop the others. An
 * error that a retry can solve does: a conflict, a lack of resources, a failure of the server.
 */
const EXECUTE_BATCH_SQL = `
DO $batch$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY current_setting('azure_postgresql_action.statements')::text[] LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) IN ('25', '40', '53', '54', '55', '57', '58', 'XX') THEN RAISE; END IF;
    END;
  END LOOP;
END
$batch$`;

/** Copies the default privileges of other roles to the application role ($1), which creates the objects from now on. */
const DEFAULT_PRIVILEGES_SQL = `
  SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s GRANT %s ON %s TO %s %s', $1::text,
    CASE WHEN n.nspname IS NULL THEN '' ELSE format('IN SCHEMA %I', n.nspname) END, a.privilege_type,
    CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
      WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END) AS statement
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) a
  WHERE pg_get_userbyid(d.defaclrole) <> $1 AND a.grantee <> d.defaclrole
    AND d.defaclobjtype IN ('r', 'S', 'f', 'T', 'n', 'L')`;

/** An object that another role owns. */
export interface UntransferredObject {
  readonly type: string;
  readonly identity: string;
  readonly owner: string;
}

/**
 * Transfers schema `public` and every object in the database of this session to the application role. It transfers
 * each object separately, because REASSIGN OWNED would also transfer every database on the server
 * (docs/azure-behavior.md#ownership-and-grants).
 * @param session of the administrator, in the database itself
 * @returns the objects that keep their owner, such as those whose owner the administrator does not administer
 */
export async function transferAllObjects(
  run: RunContext,
  session: Session,
  role: string,
): Promise<readonly UntransferredObject[]> {
  const objects = await listObjectsOfOtherRoles(session, role);
  const owners = [...new Set(objects.map(({ owner }) => owner))];
  const ownerStatements = objects.map(
    ({ type, identity }) => `ALTER ${ALTER_KEYWORDS[type]} ${identity} OWNER TO ${pg.escapeIdentifier(role)}`,
  );
  const privilegeStatements = await session.query<{ statement: string }>(DEFAULT_PRIVILEGES_SQL, [role]);
  const statements = [...ownerStatements, ...privilegeStatements.map(({ statement }) => statement)];
  for (let offset = 0; offset < statements.length; offset += BATCH_SIZE) {
    const batch = statements.slice(offset, offset + BATCH_SIZE);
    await retryOnConflict(run, () =>
      withRoleMembership(session, [role, ...owners], async () => {
        await session.query(
          `SELECT set_config('azure_postgresql_action.statements', $1::text[]::text, true)`,
          [batch],
        );
        await session.query(EXECUTE_BATCH_SQL);
      }),
    );
  }
  return await listObjectsOfOtherRoles(session, role);
}

/** Warns about objects that keep their owner. */
export function warnUntransferredObjects(
  run: RunContext,
  database: string,
  untransferred: readonly UntransferredObject[],
): void {
  if (untransferred.length === 0) return;
  const listed = untransferred
    .slice(0, 10)
    .map(({ type, identity, owner }) => `${type} ${identity} of ${owner}`);
  const rest =
    untransferred.length > listed.length ? ` and ${untransferred.length - listed.length} more` : '';
  run.warning(
    `In database '${database}' some objects could not be transferred to the application role and keep their owner: ${listed.join(', ')}${rest}. Usually, admin-username does not administer that owner.`,
  );
}

/** The objects in the database of this session that other roles own, without objects of extensions. */
export const listObjectsOfOtherRoles = (
  session: Session,
  role: string,
): Promise<readonly UntransferredObject[]> =>
  session.query<UntransferredObject & pg.QueryResultRow>(OBJECTS_OF_OTHER_ROLES_SQL, [
    role,
    Object.keys(ALTER_KEYWORDS),
  ]);

/**
 * Transfers schema `public` to the application role, if the administrator, `azure_pg_admin` or the owner of the
 * database owns the schema.
 * @returns the role that keeps it, or undefined if the application role owns it
 */
export async function transferPublicSchema(
  run: RunContext,
  session: Session,
  role: string,
): Promise<string | undefined> {
  const [schema] = await session.query<{ owner: string; transferable: boolean }>(
    `SELECT pg_get_userbyid(nspowner) AS owner,
       pg_get_userbyid(nspowner) IN ('azure_pg_admin', 'pg_database_owner', current_user) AS transferable
     FROM pg_namespace WHERE nspname = 'public'`,
  );
  if (schema === undefined || schema.owner === role) return undefined;
  if (!schema.transferable) return schema.owner;
  await retryOnConflict(run, () =>
    withRoleMembership(session, [role], () =>
      session.query(`ALTER SCHEMA public OWNER TO ${pg.escapeIdentifier(role)}`),
    ),
  );
  return undefined;
}
