import pg from 'pg';
import type { MembershipOptions } from '../common/ownership-marker.ts';
import type { Session } from './session.ts';

/**
 * Runs `work` in one transaction as a member of other roles, which the administrator can grant to itself
 * (docs/azure-behavior.md#ownership-and-grants). The memberships are revoked in the same transaction, so no other session
 * sees them, and an interruption leaves none.
 * @param roles names; without effect for roles that the session already has or cannot grant to itself
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
 * Runs `work` as another role and outside a transaction, as ROLLBACK PREPARED requires. The membership that this needs is
 * granted and revoked in one transaction, so no other session sees it, and an interruption leaves none: SET LOCAL hides
 * the role of SET until the transaction ends, so the administrator revokes, and the role applies from COMMIT on.
 * @throws PostgreSQL's 42501 when the session cannot become that role
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

/**
 * Makes the administrator a member of a role until {@link restoreMembership}; in the transaction of the caller.
 * @returns its own grant of the role before; undefined if it was a member already, or cannot become one
 */
export async function grantMembership(
  session: Session,
  role: string,
): Promise<{ readonly before: MembershipOptions | null } | undefined> {
  const [membership] = await listGrantableMemberships(session, [role]);
  if (membership === undefined) return undefined;
  await session.query(grantSql(membership));
  const { before } = membership;
  return {
    before: before && { inherit: before.inherit_option ?? true, set: before.set_option ?? true },
  };
}

/** Restores what {@link grantMembership} returned. */
export async function restoreMembership(
  session: Session,
  role: string,
  before: MembershipOptions | null,
): Promise<void> {
  const options = before && { inherit_option: before.inherit, set_option: before.set };
  await session.query(revokeSql({ role, before: options }));
}

interface TemporaryMembership {
  readonly role: string;
  /** Since PostgreSQL 16, INHERIT and SET are options of the grant. */
  readonly hasGrantOptions: boolean;
  /** The administrator's own grant, which the temporary grant changes; null if there is no such grant. */
  readonly before: { readonly inherit_option?: boolean; readonly set_option?: boolean } | null;
}

const grantSql = ({ role, hasGrantOptions }: TemporaryMembership): string =>
  `GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER${hasGrantOptions ? ' WITH INHERIT TRUE, SET TRUE' : ''}`;

const revokeSql = ({ role, before }: Pick<TemporaryMembership, 'role' | 'before'>): string =>
  before === null
    ? `REVOKE ${pg.escapeIdentifier(role)} FROM CURRENT_USER`
    : `GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER WITH INHERIT ${before.inherit_option ?? true}, SET ${before.set_option ?? true}`;

/**
 * The memberships that the session can grant to itself and does not have. Since PostgreSQL 16 this needs ADMIN OPTION on
 * the role, directly or through a role whose privileges the session has.
 */
async function listGrantableMemberships(
  session: Session,
  roles: readonly string[],
): Promise<readonly TemporaryMembership[]> {
  return await session.query<TemporaryMembership & pg.QueryResultRow>(
    // As JSON, because older versions do not have the columns of the options.
    `SELECT r.rolname AS role, version >= 160000 AS "hasGrantOptions", to_jsonb(m) AS before
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
