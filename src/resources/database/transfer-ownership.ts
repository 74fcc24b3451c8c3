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
 * The objects of this database, of the types in $2, that another role than $1 owns, or only those of the role $3; without
 * temporary objects, objects of extensions, and sequences that follow the owner of their table.
 */
const OBJECTS_OF_OTHER_ROLES_SQL = `
  SELECT d.classid || '/' || d.objid AS id, i.type, i.identity, pg_get_userbyid(d.refobjid) AS owner
  FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
  WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND pg_get_userbyid(d.refobjid) <> $1 AND i.type = ANY ($2)
    AND pg_get_userbyid(d.refobjid) = coalesce($3, pg_get_userbyid(d.refobjid)) AND coalesce(i.schema, '') !~ '^pg_temp'
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

/**
 * Copies the default privileges of other roles, or only those of the role $2, to the application role ($1), which creates
 * the objects from now on.
 */
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
    AND pg_get_userbyid(d.defaclrole) = coalesce($2, pg_get_userbyid(d.defaclrole))
    AND d.defaclobjtype IN ('r', 'S', 'f', 'T', 'n', 'L')`;

/** An object that another role owns. */
export interface UntransferredObject {
  /** Identifies the object in its database, also after a change of its name: the oids of its catalog and of itself. */
  readonly id: string;
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
  await changeOwners(run, session, role, objects, await listDefaultPrivileges(session, role));
  return await listObjectsOfOtherRoles(session, role);
}

/** What {@link transferObjectsOf} did with each object. */
export interface OwnershipTransfer {
  readonly transferred: readonly UntransferredObject[];
  readonly remaining: readonly UntransferredObject[];
}

/**
 * Transfers objects of the administrator in the database of this session to the application role, as
 * {@link transferAllObjects} does. Objects of other roles keep their owner.
 * @param owner the administrator
 * @param exceptIds objects that keep their owner, see {@link UntransferredObject.id}
 */
export async function transferObjectsOf(
  run: RunContext,
  session: Session,
  role: string,
  owner: string,
  exceptIds: ReadonlySet<string>,
): Promise<OwnershipTransfer> {
  const list = async (): Promise<readonly UntransferredObject[]> =>
    (await listObjectsOfOtherRoles(session, role, owner)).filter(({ id }) => !exceptIds.has(id));
  const objects = await list();
  if (objects.length === 0) return { transferred: [], remaining: [] };
  await changeOwners(run, session, role, objects, []);
  const remaining = await list();
  const remainingIds = new Set(remaining.map(({ id }) => id));
  return { transferred: objects.filter(({ id }) => !remainingIds.has(id)), remaining };
}

/**
 * Lets the default privileges of a role apply to what the application role creates from now on.
 * @param owner whose default privileges are copied
 */
export async function copyDefaultPrivileges(
  run: RunContext,
  session: Session,
  role: string,
  owner: string,
): Promise<void> {
  await changeOwners(run, session, role, [], await listDefaultPrivileges(session, role, owner));
}

async function listDefaultPrivileges(
  session: Session,
  role: string,
  owner?: string,
): Promise<readonly string[]> {
  const rows = await session.query<{ statement: string }>(DEFAULT_PRIVILEGES_SQL, [role, owner ?? null]);
  return rows.map(({ statement }) => statement);
}

/** The statement that hands an object to a role; its executor must be a member of both owners. */
export const changeOwnerSql = ({ type, identity }: UntransferredObject, role: string): string =>
  `ALTER ${ALTER_KEYWORDS[type]} ${identity} OWNER TO ${pg.escapeIdentifier(role)}`;

/** Executes what is permitted of the statements for the objects and of the other statements, as a member of all owners. */
async function changeOwners(
  run: RunContext,
  session: Session,
  role: string,
  objects: readonly UntransferredObject[],
  otherStatements: readonly string[],
): Promise<void> {
  const owners = [...new Set(objects.map(({ owner }) => owner))];
  const statements = [...objects.map((object) => changeOwnerSql(object, role)), ...otherStatements];
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

/** At most ten objects, as PostgreSQL identifies them, and how many more there are. */
export function formatObjects(objects: readonly UntransferredObject[]): string {
  const listed = objects.slice(0, 10).map(({ type, identity }) => `${type} ${identity}`);
  const rest = objects.length - listed.length;
  return `${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/**
 * The objects in the database of this session that other roles own, without objects of extensions.
 * @param owner lists only the objects of this role
 */
export const listObjectsOfOtherRoles = (
  session: Session,
  role: string,
  owner?: string,
): Promise<readonly UntransferredObject[]> =>
  session.query<UntransferredObject & pg.QueryResultRow>(OBJECTS_OF_OTHER_ROLES_SQL, [
    role,
    Object.keys(ALTER_KEYWORDS),
    owner ?? null,
  ]);

/** Objects that the role $1 can neither read, change nor create something in. */
const UNUSABLE_SQL = `
  SELECT o.* FROM (${OBJECTS_OF_OTHER_ROLES_SQL}) o
  WHERE NOT coalesce(CASE split_part(o.id, '/', 1)::oid
    WHEN 'pg_class'::regclass THEN has_table_privilege($1::name, split_part(o.id, '/', 2)::oid, 'SELECT, INSERT, UPDATE, DELETE')
      OR has_any_column_privilege($1::name, split_part(o.id, '/', 2)::oid, 'SELECT, INSERT, UPDATE')
    WHEN 'pg_namespace'::regclass THEN has_schema_privilege($1::name, split_part(o.id, '/', 2)::oid, 'USAGE, CREATE')
    ELSE true END, true)`;

/**
 * The tables, views, sequences and schemas of an owner in the database of this session on which the role has no privilege.
 */
export const listUnusableObjects = (
  session: Session,
  role: string,
  owner: string,
): Promise<readonly UntransferredObject[]> =>
  session.query<UntransferredObject & pg.QueryResultRow>(UNUSABLE_SQL, [
    role,
    Object.keys(ALTER_KEYWORDS),
    owner,
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
