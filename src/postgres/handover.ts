import pg from 'pg';
import type { Run } from '../waiting.ts';
import { againOnCollision } from './errors.ts';
import { asMemberOf } from './membership.ts';
import type { Session } from './session.ts';

/** Kinds of objects, by the words of pg_identify_object, whose owner ALTER … OWNER TO can change; those are its words too. */
const changeable = [
  'schema',
  'table',
  'view',
  'materialized view',
  'foreign table',
  'sequence',
  'type',
  'function',
  'procedure',
  'aggregate',
  'collation',
  'conversion',
  'operator',
  'operator class',
  'operator family',
  'text search configuration',
  'text search dictionary',
  'statistics object',
  'large object',
  'server',
];

/**
 * Every object of this database that has an owner other than the application role; `$role` is the setting that names
 * it. What belongs to an extension stays the extension's, and a sequence follows the column that owns it.
 */
const others = `
  SELECT i.type, i.identity, pg_get_userbyid(d.refobjid) AS owner
  FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
  WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
    AND pg_get_userbyid(d.refobjid) <> current_setting('azure_postgresql_action.role')
    AND i.type = ANY (current_setting('azure_postgresql_action.kinds')::text[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
      AND (e.deptype = 'e' OR e.classid = 'pg_class'::regclass AND e.deptype IN ('a', 'i')
        AND e.refclassid = 'pg_class'::regclass AND i.type = 'sequence'))
  ORDER BY d.classid = 'pg_namespace'::regclass DESC`;

/**
 * In one round trip, however many objects there are. REASSIGN OWNED would hand over every database of the server too
 * (facts.md §5). An object that cannot be handed over does not stop the others.
 */
const handOver = `
DO $handover$
DECLARE
  app text := current_setting('azure_postgresql_action.role');
  item record;
BEGIN
  FOR item IN ${others} LOOP
    BEGIN
      EXECUTE format('ALTER %s %s OWNER TO %I',
        CASE item.type WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(item.type) END, item.identity, app);
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE IN ('40P01', '40001', 'XX000') THEN RAISE; END IF;
    END;
  END LOOP;
  -- Default privileges are a role's own: what others' new objects would have granted, the application role's shall too.
  FOR item IN
    SELECT n.nspname AS schema, a.privilege_type AS privilege, a.is_grantable AS grantable, a.grantee,
      CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
        WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END AS kind
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN LATERAL aclexplode(d.defaclacl) a
    WHERE pg_get_userbyid(d.defaclrole) <> app AND a.grantee <> d.defaclrole AND d.defaclobjtype IN ('r', 'S', 'f', 'T', 'n')
  LOOP
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s GRANT %s ON %s TO %s %s', app,
      CASE WHEN item.schema IS NULL THEN '' ELSE format('IN SCHEMA %I', item.schema) END, item.privilege, item.kind,
      CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(item.grantee)) END,
      CASE WHEN item.grantable THEN 'WITH GRANT OPTION' ELSE '' END);
  END LOOP;
END
$handover$`;

/** An object that stays somebody else's. */
export interface Unmoved {
  readonly type: string;
  readonly identity: string;
  readonly owner: string;
}

/**
 * Makes the application role the owner of schema `public` and of every object in this session's database, for a clone
 * whose objects came along with their owners.
 * @param session the administrator's, in the database itself
 * @returns what could not be handed over, since the administrator does not administer its owner
 */
export async function handOverAll(run: Run, session: Session, role: string): Promise<readonly Unmoved[]> {
  return await againOnCollision(run, async () => {
    const owners = await session.query<{ owner: string }>(
      `SELECT DISTINCT pg_get_userbyid(refobjid) AS owner FROM pg_shdepend
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND refclassid = 'pg_authid'::regclass AND deptype = 'o'`,
    );
    return await asMemberOf(session, [role, ...owners.map(({ owner }) => owner)], async () => {
      await session.query(
        `SELECT set_config('azure_postgresql_action.role', $1, true), set_config('azure_postgresql_action.kinds', $2::text[]::text, true)`,
        [role, changeable],
      );
      await session.query(handOver);
      return await session.query<Unmoved & Record<string, unknown>>(others);
    });
  });
}

/**
 * Makes the application role the owner of schema `public`, where that belongs to nobody in particular: to the
 * administrator, to all of them, or to whoever owns the database.
 * @returns the owner that stays, or undefined where it is the role now
 */
export async function handOverPublic(run: Run, session: Session, role: string): Promise<string | undefined> {
  const [found] = await session.query<{ owner: string; free: boolean }>(
    `SELECT pg_get_userbyid(nspowner) AS owner,
       pg_get_userbyid(nspowner) IN ('azure_pg_admin', 'pg_database_owner', current_user) AS free
     FROM pg_namespace WHERE nspname = 'public'`,
  );
  if (found === undefined || found.owner === role) return undefined;
  if (!found.free) return found.owner;
  await againOnCollision(run, () =>
    asMemberOf(session, [role], () =>
      session.query(`ALTER SCHEMA public OWNER TO ${pg.escapeIdentifier(role)}`),
    ),
  );
  return undefined;
}
