import pg from 'pg';
import type { Session } from './session.ts';

/**
 * Does something in one transaction as a member of other roles, which the administrator is not by itself, although it
 * may make itself one of those that it administers (facts.md §5). The memberships end with the transaction: committed is
 * only what was done, so nobody ever sees them, and no interruption leaves them behind (law 3).
 * @param roles names; those that this session has already, or may not give itself, are left as they are
 */
export async function withRoleMembership<T>(
  session: Session,
  roles: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  return await session.transaction(async () => {
    const memberships = await listGrantableMemberships(session, roles);
    for (const membership of memberships) await session.query(grantSql(membership));
    const result = await work();
    for (const membership of memberships) await session.query(revokeSql(membership));
    return result;
  });
}

/**
 * Does something as another role, outside a transaction, as ROLLBACK PREPARED has to be. Nobody sees the membership that
 * this takes, and no interruption leaves it behind: SET LOCAL hides the role that SET has chosen until the transaction
 * ends, so the administrator itself revokes in the transaction in which it granted, and the role counts from COMMIT on.
 * @throws PostgreSQL's 42501 where this session may not become that role
 */
export async function runAsRole<T>(session: Session, role: string, work: () => Promise<T>): Promise<T> {
  await session.transaction(async () => {
    const memberships = await listGrantableMemberships(session, [role]);
    for (const membership of memberships) await session.query(grantSql(membership));
    await session.query(`SET ROLE ${pg.escapeIdentifier(role)}`);
    await session.query('SET LOCAL ROLE none');
    for (const membership of memberships) await session.query(revokeSql(membership));
  });
  try {
    return await work();
  } finally {
    await session.query('RESET ROLE');
  }
}

interface TemporaryMembership {
  readonly role: string;
  /** Since PostgreSQL 16 a membership comes without its rights (INHERIT) and without SET ROLE, each given apart. */
  readonly apart: boolean;
  /** The grant that this administrator had given itself before, which ours changes; null for none. */
  readonly before: { readonly inherit_option?: boolean; readonly set_option?: boolean } | null;
}

const grantSql = ({ role, apart }: TemporaryMembership): string =>
  `GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER${apart ? ' WITH INHERIT TRUE, SET TRUE' : ''}`;

const revokeSql = ({ role, before }: TemporaryMembership): string =>
  before === null
    ? `REVOKE ${pg.escapeIdentifier(role)} FROM CURRENT_USER`
    : `GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER WITH INHERIT ${before.inherit_option ?? true}, SET ${before.set_option ?? true}`;

/**
 * Those that can be lent: not what this session has or is, nor what it may not grant. Since PostgreSQL 16 that takes
 * ADMIN OPTION with the rights of who holds it; to be the administrator of an administrator is not enough.
 */
async function listGrantableMemberships(
  session: Session,
  roles: readonly string[],
): Promise<readonly TemporaryMembership[]> {
  return await session.query<TemporaryMembership & pg.QueryResultRow>(
    // As JSON, since the options are columns only where they exist.
    `SELECT r.rolname AS role, version >= 160000 AS apart, to_jsonb(m) AS before
     FROM pg_roles r CROSS JOIN (SELECT current_setting('server_version_num')::int AS version) v
       JOIN pg_roles me ON me.rolname = current_user
       LEFT JOIN pg_auth_members m ON version >= 160000 AND m.roleid = r.oid AND m.member = me.oid AND m.grantor = me.oid
     WHERE r.rolname = ANY($1) AND NOT r.rolsuper AND r.oid <> me.oid AND NOT pg_has_role(r.oid, me.oid, 'MEMBER')
       AND NOT CASE WHEN version >= 160000
         THEN pg_has_role(r.oid, 'USAGE') AND pg_has_role(r.oid, 'SET') ELSE pg_has_role(r.oid, 'USAGE') END
       AND CASE WHEN version >= 160000
         THEN EXISTS (SELECT FROM pg_auth_members a
           WHERE a.roleid = r.oid AND a.admin_option AND pg_has_role(a.member, 'USAGE'))
         ELSE r.rolname !~ '^pg_' END
     ORDER BY r.rolname`,
    [roles],
  );
}
