import pg from 'pg';
import { type ActionError, fail } from '../errors.ts';
import type { Entering } from './prepared.ts';
import type { Session } from './session.ts';

/** Objects that are named of each database. */
const NAMED = 5;

/**
 * What a role owns, or what a policy says of it, as rows of pg_shdepend `s`: all that DROP OWNED may drop rather than
 * revoke. Grants ('a', 'i') and default privileges exist for the role only, so they go with it. A temporary object goes
 * with its session.
 */
const ownedBy = (role: string): string => `
  s.refclassid = 'pg_authid'::regclass AND s.refobjid = ${role} AND s.deptype NOT IN ('a', 'i')
  AND s.classid <> 'pg_default_acl'::regclass`;

/** A policy for other roles too, which only loses this one: known in its own database alone. */
const isSharedPolicy = `s.classid = 'pg_policy'::regclass
  AND EXISTS (SELECT FROM pg_policy y WHERE y.oid = s.objid AND cardinality(y.polroles) > 1)`;

const isTemporary = `coalesce(i.schema, '') ~ '^pg_temp'`;

interface Owned {
  readonly count: number;
  /** As PostgreSQL writes them, such as `table public.trips`. */
  readonly named: readonly string[];
}

/** What the role owns in the session's own database. */
export const ownedHere = (session: Session, oid: string): Promise<Owned> =>
  owned(session, 's.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())', [oid]);

/** What it owns that is the whole server's: databases, and subscriptions but for those of one database ($2). */
const ownedOnServer = (session: Session, oid: string, dropped: string | undefined): Promise<Owned> =>
  owned(
    session,
    `s.dbid = 0 AND NOT EXISTS (SELECT FROM pg_subscription u JOIN pg_database d ON d.oid = u.subdbid
       WHERE s.classid = 'pg_subscription'::regclass AND u.oid = s.objid AND d.datname = $2)`,
    [oid, dropped ?? null],
  );

async function owned(session: Session, where: string, parameters: readonly unknown[]): Promise<Owned> {
  const rows = await session.query<{ name: string; count: number }>(
    `SELECT i.type || ' ' || coalesce(i.identity, s.objid::text) AS name, count(*) OVER ()::int AS count
     FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i
     WHERE ${where} AND ${ownedBy('$1')} AND NOT ${isTemporary} AND NOT (${isSharedPolicy})
     ORDER BY s.classid = 'pg_class'::regclass DESC, s.classid, s.objid LIMIT ${NAMED}`,
    parameters,
  );
  return { count: rows[0]?.count ?? 0, named: rows.map(({ name }) => name) };
}

/** A database in which a role owns something, or has rights. */
export interface DatabaseOfRole {
  readonly name: string;
  /** How many objects, temporary ones among them. */
  readonly owned: number;
  /** Whether the administrator may enter it. */
  readonly open: boolean;
}

/** Databases in which a role owns something or has rights, by name. */
export const databasesOfRole = (
  session: Session,
  oid: string,
): Promise<readonly (DatabaseOfRole & pg.QueryResultRow)[]> =>
  session.query<DatabaseOfRole & pg.QueryResultRow>(
    `SELECT d.datname AS name, count(*) FILTER (WHERE ${ownedBy('$1')})::int AS owned,
       d.datallowconn AND has_database_privilege(d.oid, 'CONNECT') AS open
     FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1
     GROUP BY d.oid, d.datname, d.datallowconn ORDER BY d.datname`,
    [oid],
  );

/**
 * What keeps a role from being dropped, a line for each place: nothing is dropped outside the pull request's own database,
 * so what the role owns elsewhere has to be given to another or dropped by whoever knows what it is.
 * @param dropped the pull request's own database, which goes before the role; undefined where it is gone
 */
export async function ownedElsewhere(
  { reader: { session }, enter }: Entering,
  oid: string,
  dropped: string | undefined,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { name, owned, open } of await databasesOfRole(session, oid)) {
    if (name === dropped) continue;
    if (!open) lines.push(closedLine(name, owned));
    else if (owned > 0) lines.push(...(await linesIn(enter, name, oid)));
  }
  const ofServer = await ownedOnServer(session, oid, dropped);
  if (ofServer.count > 0) lines.push(`on the server itself: ${sentence(ofServer)}`);
  return lines;
}

async function linesIn(enter: Entering['enter'], name: string, oid: string): Promise<readonly string[]> {
  const inside = await enter(name);
  try {
    const owned = await ownedHere(inside, oid);
    return owned.count === 0 ? [] : [`in database '${name}': ${sentence(owned)}`];
  } finally {
    await inside.close();
  }
}

const closedLine = (name: string, owned: number): string =>
  `in database '${name}', which admin-username may not enter: ${owned === 0 ? 'rights only' : plural(owned)}`;

const plural = (count: number): string => `${count} object${count === 1 ? '' : 's'}`;

const sentence = ({ count, named }: Owned): string =>
  count > named.length ? `${plural(count)}, such as ${named.join(', ')}` : named.join(', ');

/** Why a role stays, and what to run. */
export function ownsElsewhere(role: string, lines: readonly string[], state = ''): ActionError {
  const name = pg.escapeIdentifier(role);
  return fail('drop-refused', {
    what: `Role '${role}'`,
    reason: `outside the pull request's database, where nothing is dropped, these belong to it:${lines.map((line) => `\n  - ${line}`).join('')}${state}`,
    advice: `As admin-username, run GRANT ${name} TO CURRENT_USER; then in each of these databases REASSIGN OWNED BY ${name} TO CURRENT_USER; to keep the objects (databases that it owns are reassigned too), or DROP OWNED BY ${name}; to delete them. DROP OWNED drops no database and no subscription: DROP DATABASE and DROP SUBSCRIPTION do. A policy that is for this role alone needs ALTER POLICY … TO another role, or DROP POLICY. A database that admin-username may not enter has to be opened first (ALTER DATABASE … ALLOW_CONNECTIONS true, GRANT CONNECT), or its owner runs the statement. Then run the step again.`,
  });
}
