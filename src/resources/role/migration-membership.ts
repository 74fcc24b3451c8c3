import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { type ParsedMarker, serializeMarker } from '../../common/ownership-marker.ts';
import type { RunContext } from '../../common/polling.ts';
import { MIGRATION_LOCK_SQL } from '../../postgres/activity.ts';
import { type AdminSessions, withDatabaseSession } from '../../postgres/admin-sessions.ts';
import { tryMigrationLock } from '../../postgres/advisory-lock.ts';
import { formatPgError, getSqlState, retryOnConflict } from '../../postgres/pg-errors.ts';
import { grantMembership, restoreMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';
import { type FoundRole, SqlReader } from '../../postgres/sql-reader.ts';

/**
 * While a migration runs as the administrator, the administrator is a member of the application role: otherwise it can
 * neither create objects in schema `public`, which the role owns, nor change the role's objects
 * (docs/azure-behavior.md#ownership-and-grants). The sessions of the migration command need the membership, so it is
 * committed. The role's ownership marker records it in the same transaction, so a run that finds the record knows that
 * this action granted the membership, and what was granted before. The holder of the migration lock alone grants and
 * revokes it.
 */

/**
 * Makes the administrator a member of the role. Without effect if it is one already: that membership is not the action's.
 * @param session of the administrator, in any database
 * @throws `role-failed`
 */
export async function grantMigrationMembership(
  run: RunContext,
  session: Session,
  role: string,
): Promise<void> {
  await changeMembership(run, session, role, async (marker) => {
    const migrationMembership = await grantMembership(session, role);
    return migrationMembership && { ...marker, migrationMembership };
  });
}

/**
 * Revokes the membership, or restores the administrator's own grant. Without effect if no record of it exists.
 * @param session of the administrator, in any database
 * @throws `role-failed`
 */
export async function revokeMigrationMembership(
  run: RunContext,
  session: Session,
  role: string,
): Promise<void> {
  await changeMembership(run, session, role, async ({ migrationMembership, ...marker }) => {
    if (migrationMembership === undefined) return undefined;
    await restoreMembership(session, role, migrationMembership.before);
    return marker;
  });
}

/** The marker of the role of a base database. Roles of pull requests have no migrations as the administrator. */
type BaseMarker = Parameters<typeof serializeMarker>[0] & {
  readonly migrationMembership?: ParsedMarker['migrationMembership'];
};

/** @param change returns the new marker, or undefined if nothing has changed */
async function changeMembership(
  run: RunContext,
  session: Session,
  role: string,
  change: (marker: BaseMarker) => Promise<BaseMarker | undefined>,
): Promise<void> {
  const work = async (): Promise<void> => {
    const observed = await new SqlReader(session).role(role);
    if (observed.status === 'unknown') throw observed.error;
    const marker = observed.status === 'present' ? toBaseMarker(observed.value) : undefined;
    const changed = marker && (await change(marker));
    if (changed !== undefined)
      await session.query(
        `COMMENT ON ROLE ${pg.escapeIdentifier(role)} IS ${pg.escapeLiteral(serializeMarker(changed))}`,
      );
  };
  await retryOnConflict(run, () => session.transaction(work)).catch((error: unknown) => {
    if (getSqlState(error) === '') throw error;
    throw actionError(
      'role-failed',
      {
        role,
        doing: 'Changing the membership of admin-username in',
        reason: formatPgError(error),
        hint: 'Fix what PostgreSQL reports, or set migrate-as: app, then run the step again.',
      },
      { cause: error },
    );
  });
}

/** Undefined if the marker is not trusted, or is that of a pull request's role. */
function toBaseMarker({ administered, marker }: FoundRole): BaseMarker | undefined {
  if (!administered || marker?.kind !== 'base') return undefined;
  const { kind, repositoryId, base, database = '', migrationMembership } = marker;
  return { kind, repositoryId, base, database, ...(migrationMembership && { migrationMembership }) };
}

/** Whether the role's ownership marker, which only the administrator can write, names it as the application role of a database. */
export async function isApplicationRoleOf(
  session: Session,
  role: string,
  database: string,
): Promise<boolean> {
  const observed = await new SqlReader(session).role(role);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return false;
  const { administered, marker } = observed.value;
  return administered && marker?.kind === 'base' && marker.database === database;
}

const MIGRATION_LOCKED_SQL = `
  SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = $1 AND l.locktype = 'advisory' AND l.granted AND ${MIGRATION_LOCK_SQL}) AS locked`;

/**
 * Whether a migration as the administrator was interrupted and the membership remains. While a migration holds the lock,
 * the membership is in use.
 */
export async function hasLeftMembership(reader: SqlReader, { name, marker }: FoundRole): Promise<boolean> {
  if (marker?.migrationMembership === undefined) return false;
  const [row] = await reader.session.query<{ locked: boolean }>(MIGRATION_LOCKED_SQL, [marker.database]);
  if (row?.locked !== false) return false;
  // The migration may have ended, and revoked the membership, after the role was read.
  const role = await new SqlReader(reader.session).role(name);
  return role.status === 'present' && role.value.marker?.migrationMembership !== undefined;
}

/**
 * Revokes a membership that an interrupted migration has left.
 * @returns whether it was revoked; false if another run migrates, which revokes it at its end
 */
export async function revokeLeftMembership(
  admin: AdminSessions,
  role: string,
  database: string,
): Promise<boolean> {
  const { run, reader } = admin;
  const observed = await reader.database(database);
  if (observed.status === 'unknown') throw observed.error;
  // No migration can run in a database that does not exist.
  if (observed.status === 'absent') {
    await revokeMigrationMembership(run, reader.session, role);
    return true;
  }
  return await withDatabaseSession(admin, database, async (session) => {
    if (!(await tryMigrationLock(session))) return false;
    await revokeMigrationMembership(run, session, role);
    return true;
  });
}
