import type { Session } from '../../postgres/session.ts';

/** Objects that are named of each database. */
const MAX_EXAMPLES = 5;

/**
 * What a role owns, and what policies say of it, as a condition on rows of pg_shdepend `s`: all that DROP OWNED may drop
 * rather than revoke. Grants ('a', 'i') and default privileges exist for the role only, so they go with it.
 * @param role the SQL expression of its oid
 */
export const ownershipDependencySql = (role: string): string => `
  s.refclassid = 'pg_authid'::regclass AND s.refobjid = ${role} AND s.deptype NOT IN ('a', 'i')
  AND s.classid <> 'pg_default_acl'::regclass`;

/** A policy for other roles too only loses this one; a temporary table's ends with its session. */
const EXCLUSIVE_POLICY_SQL = `EXISTS (SELECT FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid
  WHERE y.oid = s.objid AND cardinality(y.polroles) = 1 AND c.relpersistence <> 't')`;

const TEMPORARY_OBJECT_SQL = `coalesce(i.schema, '') ~ '^pg_temp'`;

export interface OwnedObjects {
  readonly count: number;
  /** The first ones, as PostgreSQL writes them, such as `table public.trips`. */
  readonly named: readonly string[];
  /** The kinds of all of them, such as `table`, `policy`, `user mapping`. */
  readonly types: readonly string[];
}

/**
 * What the role owns in the session's own database, and the policies that are for it alone.
 * @param isPullRequestDatabase whether the database was made for a pull request of the same repository: a policy does not count
 *   there. CREATE POLICY needs no right on the role that it names, so with one in its own database a pull request could
 *   keep the roles of all others from being dropped; and a policy for a role that goes permits nobody anything.
 */
export const findOwnedInDatabase = (
  session: Session,
  oid: string,
  isPullRequestDatabase: boolean,
): Promise<OwnedObjects> =>
  queryOwnedObjects(
    session,
    `s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND (s.classid <> 'pg_policy'::regclass OR ${isPullRequestDatabase ? 'false' : EXCLUSIVE_POLICY_SQL})`,
    [oid],
  );

/** What it owns that is the whole server's: databases, and subscriptions except those of one database. */
export const findOwnedOnServer = (
  session: Session,
  oid: string,
  excludedDatabase: string | undefined,
): Promise<OwnedObjects> =>
  queryOwnedObjects(
    session,
    `s.dbid = 0 AND NOT EXISTS (SELECT FROM pg_subscription u JOIN pg_database d ON d.oid = u.subdbid
       WHERE s.classid = 'pg_subscription'::regclass AND u.oid = s.objid AND d.datname = $2)`,
    [oid, excludedDatabase ?? null],
  );

async function queryOwnedObjects(
  session: Session,
  where: string,
  parameters: readonly unknown[],
): Promise<OwnedObjects> {
  const [row] = await session.query<{ count: number; named: string[]; types: string[] }>(
    `SELECT count(*)::int AS count, coalesce(array_agg(DISTINCT i.type), '{}') AS types,
       coalesce((array_agg(i.type || ' ' || coalesce(i.identity, s.objid::text)
         ORDER BY s.classid = 'pg_class'::regclass DESC, s.classid, s.objid))[1:${MAX_EXAMPLES}], '{}') AS named
     FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i
     WHERE ${where} AND ${ownershipDependencySql('$1')} AND NOT ${TEMPORARY_OBJECT_SQL}`,
    parameters,
  );
  return row ?? { count: 0, named: [], types: [] };
}
