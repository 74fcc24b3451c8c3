import type { Run } from '../waiting.ts';
import { againOnCollision } from './errors.ts';
import { asMemberOf } from './membership.ts';
import type { Session } from './session.ts';

/** Which sessions, as conditions on `a` (pg_stat_activity) with one parameter. */
const which = {
  'in the database': 'a.datname = $1',
  'of the role': 'a.usename = $1',
  /** Those that have changed something and not said COMMIT. */
  'of the role, in the midst of a change': 'a.usename = $1 AND a.backend_xid IS NOT NULL',
  /** From outside too: ALTER ROLE … IN DATABASE, by any role and about itself, locks the database until it ends. */
  'that lock the database': `a.usename <> current_user AND a.pid IN (
     SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.objid
     WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND l.granted AND d.datname = $1)`,
} as const;

/**
 * Ends sessions of roles that the administrator administers, itself included; superusers' and others' are beyond it.
 * @param name of the database or role
 */
export async function endSessions(
  run: Run,
  session: Session,
  those: keyof typeof which,
  name: string,
): Promise<void> {
  const inside = (condition: string): string =>
    `FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
     WHERE NOT r.rolsuper AND a.pid <> pg_backend_pid() AND ${condition}`;
  const broad = those === 'of the role, in the midst of a change' ? 'of the role' : those;
  const roles = await session.query<{ role: string }>(
    `SELECT DISTINCT r.rolname AS role ${inside(which[broad])}`,
    [name],
  );
  if (roles.length === 0) return;
  const names = roles.map(({ role }) => role);
  await againOnCollision(run, () =>
    asMemberOf(session, names, () =>
      // Only a member sees whether a session is in the midst of something.
      session.query(
        `SELECT pg_terminate_backend(a.pid) ${inside(which[those])}
           AND (r.rolname = current_user OR pg_has_role(r.oid, 'USAGE'))`,
        [name],
      ),
    ),
  );
}

/** A line for each session in a database, as far as this role may see. */
export async function sessionsIn(session: Session, database: string): Promise<readonly string[]> {
  return await linesOf(session, 'in the database', database);
}

/** A line for each session that locks a database, wherever it is. */
export async function sessionsLocking(session: Session, database: string): Promise<readonly string[]> {
  return await linesOf(session, 'that lock the database', database);
}

async function linesOf(
  session: Session,
  those: keyof typeof which,
  name: string,
): Promise<readonly string[]> {
  const rows = await session.query<{ line: string }>(
    `SELECT format('%s of role %s, process %s%s%s', coalesce(nullif(a.application_name, ''), 'a session'),
       coalesce(a.usename, a.backend_type, 'unknown'), a.pid, ', from ' || host(a.client_addr),
       ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC') AS line
     FROM pg_stat_activity a WHERE ${which[those]} ORDER BY a.backend_start, a.pid LIMIT 20`,
    [name],
  );
  return rows.length > 0 ? rows.map(({ line }) => line) : ['one that has ended just now'];
}
