import pg from 'pg';
import type { RunContext } from '../../common/polling.ts';
import { sanitizeText } from '../../common/sanitize.ts';
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
  language: 'LANGUAGE',
  server: 'SERVER',
};

/** The types whose owner ALTER … OWNER TO can change without a superuser. */
export const TRANSFERABLE_TYPES: readonly string[] = Object.keys(ALTER_KEYWORDS);

/**
 * The objects of this database, of the types in $2, that another role than $1 owns, or only those of the role $3; without
 * temporary objects, objects of extensions, sequences that follow the owner of their table, and functions of event
 * triggers: the owner could replace such a function, which then runs as the administrator with its next DDL statement.
 */
const OBJECTS_OF_OTHER_ROLES_SQL = `
  SELECT d.classid || '/' || d.objid AS id, i.type, i.identity, pg_get_userbyid(d.refobjid) AS owner, EXISTS (SELECT FROM pg_class c
      WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relrowsecurity AND NOT c.relforcerowsecurity) AS "isExemptFromPolicies",
    EXISTS (SELECT FROM pg_proc p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid AND p.prosecdef)
    OR EXISTS (SELECT FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid
        JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid AND p.refclassid = 'pg_class'::regclass
        JOIN pg_class t ON t.oid = p.refobjid AND t.relrowsecurity
      WHERE d.classid = 'pg_class'::regclass AND v.oid = d.objid AND v.relkind = 'v'
        AND NOT coalesce(v.reloptions::text[] && '{security_invoker=true,security_invoker=on,security_invoker=1,security_invoker=yes}', false))
      AS "readsPoliciesAsOwner"
  FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
  WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND pg_get_userbyid(d.refobjid) <> $1 AND i.type = ANY ($2)
    AND pg_get_userbyid(d.refobjid) = coalesce($3, pg_get_userbyid(d.refobjid)) AND coalesce(i.schema, '') !~ '^pg_temp'
    AND NOT (d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT evtfoid FROM pg_event_trigger))
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
      AND (e.deptype = 'e' OR e.classid = 'pg_class'::regclass AND e.deptype IN ('a', 'i')
        AND e.refclassid = 'pg_class'::regclass AND i.type = 'sequence'))
  ORDER BY d.classid = 'pg_namespace'::regclass DESC, d.classid, d.objid`;

/** Objects in one transaction: each takes locks, and all sessions share a few thousand (max_locks_per_transaction). */
const BATCH_SIZE = 300;

/**
 * Executes the statements of one batch in one round trip. A statement that is not permitted does not stop the others,
 * and its error is kept. An error that a retry can solve stops them: a conflict, a lack of resources, a failure of the
 * server.
 */
const EXECUTE_BATCH_SQL = `
DO $batch$
DECLARE
  statement text;
  position int := -1;
  message text;
  failures jsonb := '{}';
BEGIN
  FOREACH statement IN ARRAY current_setting('azure_postgresql_action.statements')::text[] LOOP
    position := position + 1;
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) IN ('25', '40', '53', '54', '55', '57', '58', 'XX') THEN RAISE; END IF;
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
      failures := failures || jsonb_build_object(position, message);
    END;
  END LOOP;
  PERFORM set_config('azure_postgresql_action.failures', failures::text, true);
END
$batch$`;

/** A statement about an object, which the owner of the object can execute. */
export interface ObjectStatement extends OwnedObject {
  readonly statement: string;
}

/** Identifies an object among all objects of a database. */
export const objectKey = ({ type, identity }: Pick<OwnedObject, 'type' | 'identity'>): string =>
  `${type} ${identity}`;

/**
 * Executes statements as a member of `role` and of the owners.
 * @returns PostgreSQL's message for each object whose statement is not permitted, by {@link objectKey}
 */
export async function executeAsOwners(
  run: RunContext,
  session: Session,
  role: string,
  statements: readonly ObjectStatement[],
): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>();
  for (let offset = 0; offset < statements.length; offset += BATCH_SIZE) {
    const batch = statements.slice(offset, offset + BATCH_SIZE);
    const roles = [...new Set([role, ...batch.map(({ owner }) => owner)])];
    const [row] = await retryOnConflict(run, () =>
      withRoleMembership(session, roles, async () => {
        await session.query(
          `SELECT set_config('azure_postgresql_action.statements', $1::text[]::text, true)`,
          [batch.map(({ statement }) => statement)],
        );
        await session.query(EXECUTE_BATCH_SQL);
        return await session.query<{ failures: Record<string, string> }>(
          `SELECT current_setting('azure_postgresql_action.failures')::jsonb AS failures`,
        );
      }),
    );
    for (const [position, message] of Object.entries(row?.failures ?? {})) {
      const failed = batch[Number(position)];
      if (failed !== undefined) failures.set(objectKey(failed), message);
    }
  }
  return failures;
}

/** An object, as pg_identify_object names it, and its owner. */
export interface OwnedObject {
  readonly type: string;
  readonly identity: string;
  readonly owner: string;
}

/** An object that another role owns. */
export interface ObjectOfOtherRole extends OwnedObject {
  /** Identifies the object in its database, also after a change of its name: the oids of its catalog and of itself. */
  readonly id: string;
  /** Whether row-level security does not apply to the owner. */
  readonly isExemptFromPolicies: boolean;
  /** A view of a table with row-level security, or a SECURITY DEFINER function: it reads with the rights of its owner. */
  readonly readsPoliciesAsOwner: boolean;
}

/**
 * Transfers schema `public` and every object in the database of this session to the application role. It transfers
 * each object separately, because REASSIGN OWNED would also transfer every database on the server
 * (docs/azure-behavior.md#ownership-and-grants). Two things keep the role's rights within those of `predecessors`:
 *
 * - Row-level security is forced on the tables of other roles, because policies do not apply to an owner.
 * - Foreign servers of other roles keep their owner, who can read the passwords for PUBLIC in them.
 * @param session of the administrator, in the database itself
 * @param predecessors roles that the application role stands for in this database
 * @param policiesApply whether policies apply to these roles, which they do not with BYPASSRLS
 * @returns PostgreSQL's message for each object that keeps its owner, by {@link objectKey}
 */
export async function transferAllObjects(
  run: RunContext,
  session: Session,
  role: string,
  { predecessors, policiesApply }: { predecessors: readonly string[]; policiesApply: boolean },
): Promise<ReadonlyMap<string, string>> {
  const isOwn = ({ owner }: OwnedObject): boolean => predecessors.includes(owner);
  const objects = (await listObjectsOfOtherRoles(session, role)).filter(
    (object) => object.type !== 'server' || isOwn(object),
  );
  const forced = objects.filter((object) => policiesApply && object.isExemptFromPolicies && !isOwn(object));
  const failures = await changeOwners(run, session, role, objects, forced);
  const readers = objects.filter((object) => !isOwn(object));
  warnPolicyReaders(run, role, readers, forced, failures);
  return failures;
}

/** Warns about objects that had another owner, and that read tables whose row-level security is forced now. */
function warnPolicyReaders(
  run: RunContext,
  role: string,
  objects: readonly ObjectOfOtherRole[],
  forced: readonly ObjectOfOtherRole[],
  failures: ReadonlyMap<string, string>,
): void {
  const isTransferred = (object: OwnedObject): boolean => !failures.has(objectKey(object));
  const readers = objects.filter((object) => object.readsPoliciesAsOwner && isTransferred(object));
  if (readers.length > 0 && forced.some(isTransferred))
    run.warning(
      `These objects read with the rights of their owner, who was another role and is '${role}' now. Rows of tables with row-level security that only their former owner can read are missing in their results: ${joinBounded(readers.map(describeFormerOwner))}.`,
    );
}

/** What {@link transferObjectsOf} did. */
export interface OwnershipTransfer {
  readonly transferred: readonly ObjectOfOtherRole[];
  /** PostgreSQL's message for each object that keeps its owner, by {@link objectKey}. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * Transfers objects of one role, in the database of this session, to the application role.
 * @param owner the administrator
 * @param exceptIds objects that keep their owner, see {@link ObjectOfOtherRole.id}
 * @param forcePolicies whether row-level security is forced, so that it applies to the application role as before
 */
export async function transferObjectsOf(
  run: RunContext,
  session: Session,
  role: string,
  owner: string,
  { exceptIds, forcePolicies }: { exceptIds: ReadonlySet<string>; forcePolicies: boolean },
): Promise<OwnershipTransfer> {
  const objects = (await listObjectsOfOtherRoles(session, role, owner)).filter(
    ({ id }) => !exceptIds.has(id),
  );
  const forced = objects.filter((object) => forcePolicies && object.isExemptFromPolicies);
  const failures = await changeOwners(run, session, role, objects, forced);
  warnPolicyReaders(run, role, objects, forced, failures);
  return { transferred: objects.filter((object) => !failures.has(objectKey(object))), failures };
}

/** The statement that hands an object to a role; its executor must be a member of both owners. */
export const changeOwnerSql = ({ type, identity }: OwnedObject, role: string): string =>
  `ALTER ${ALTER_KEYWORDS[type]} ${identity} OWNER TO ${pg.escapeIdentifier(role)}`;

/**
 * Changes the owner of the objects, and forces row-level security on some of them.
 * @returns PostgreSQL's message for each object that keeps its owner, by {@link objectKey}
 */
async function changeOwners(
  run: RunContext,
  session: Session,
  role: string,
  objects: readonly ObjectOfOtherRole[],
  forced: readonly ObjectOfOtherRole[],
): Promise<ReadonlyMap<string, string>> {
  const statements = objects.map((object) => {
    // Both take effect or none: a later run could not know that another role was the owner.
    const force = forced.includes(object) ? `ALTER TABLE ${object.identity} FORCE ROW LEVEL SECURITY; ` : '';
    return { ...object, statement: `${force}${changeOwnerSql(object, role)}` };
  });
  const failures = await executeAsOwners(run, session, role, statements);
  const forcedNames = forced.filter((object) => !failures.has(objectKey(object))).map(describeFormerOwner);
  if (forcedNames.length > 0)
    run.info(
      `Row-level security is forced on tables that '${role}' now owns, so that their policies apply to it as before: ${joinBounded(forcedNames)}.`,
    );
  return failures;
}

/** Warns about objects that keep their owner, with PostgreSQL's message for each. */
export function warnUntransferredObjects(
  run: RunContext,
  database: string,
  failures: ReadonlyMap<string, string>,
): void {
  if (failures.size === 0) return;
  const listed = joinBounded([...failures].map(([object, message]) => `${object} (${message})`));
  run.warning(
    `In database '${database}' some objects could not be handed to the application role and keep their owner: ${listed}.`,
  );
}

/** At most ten objects, as PostgreSQL identifies them, and how many more there are. */
export function formatObjects(objects: readonly OwnedObject[]): string {
  const listed = objects.slice(0, 10).map(({ type, identity }) => `${type} ${identity}`);
  const rest = objects.length - listed.length;
  return `${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

const describeFormerOwner = ({ type, identity, owner }: OwnedObject): string =>
  `${type} ${identity} (before of '${owner}')`;

/** At most ten items of a list, and how many more there are. */
const joinBounded = (items: readonly string[]): string =>
  sanitizeText(
    [...items.slice(0, 10), ...(items.length > 10 ? [`and ${items.length - 10} more`] : [])].join('; '),
  );

/**
 * The objects in the database of this session that other roles own, without objects of extensions.
 * @param owner lists only the objects of this role
 */
export const listObjectsOfOtherRoles = (
  session: Session,
  role: string,
  owner?: string,
): Promise<readonly ObjectOfOtherRole[]> =>
  session.query<ObjectOfOtherRole & pg.QueryResultRow>(OBJECTS_OF_OTHER_ROLES_SQL, [
    role,
    TRANSFERABLE_TYPES,
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
): Promise<readonly ObjectOfOtherRole[]> =>
  session.query<ObjectOfOtherRole & pg.QueryResultRow>(UNUSABLE_SQL, [role, TRANSFERABLE_TYPES, owner]);

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
