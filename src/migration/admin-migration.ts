import type { RunContext } from '../common/polling.ts';
import { MAX_OWNED_BEFORE, type MigrationState } from '../github/state.ts';
import { tryMigrationLock } from '../postgres/advisory-lock.ts';
import type { LoginTarget } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import {
  formatObjects,
  listObjectsOfOtherRoles,
  transferObjectsOf,
  warnUntransferredObjects,
} from '../resources/database/transfer-ownership.ts';
import {
  grantMigrationMembership,
  isApplicationRoleOf,
  revokeMigrationMembership,
} from '../resources/role/migration-membership.ts';
import { withSeparateSession } from './migration-sessions.ts';

/**
 * `migrate-as: admin` with an application role: the administrator can change what the role owns while the migration runs,
 * and what the migration creates belongs to the role afterwards.
 */

/** Milliseconds for the statements before a migration. */
const PREPARE_TIMEOUT_MS = 60_000;

/**
 * The ids of what the administrator owns in the database before the migration.
 * @param target the administrator's login to the database
 */
export const listOwnedBefore = (target: LoginTarget, role: string): Promise<readonly string[]> =>
  withSeparateSession(target, PREPARE_TIMEOUT_MS, async (session) =>
    (await listObjectsOfOtherRoles(session, role, target.user)).map(({ id }) => id),
  );

/** Makes the administrator a member of the role; the caller has saved that in the action's state. @throws `role-failed` */
export const beginAdminMigration = (run: RunContext, target: LoginTarget, role: string): Promise<void> =>
  withSeparateSession(target, PREPARE_TIMEOUT_MS, (session) => grantMigrationMembership(run, session, role));

/** What {@link finishAdminMigration} needs to know about a migration. */
export interface AdminMigration {
  readonly role: string;
  readonly administrator: string;
  readonly database: string;
  /** Undefined if it is not known; then no object is transferred. */
  readonly ownedBefore: readonly string[] | undefined;
}

/**
 * Revokes the membership, then hands to the role what the administrator owns now and did not own before the migration.
 * @param session of the administrator, in the database, whose migration lock the caller holds
 */
export async function finishAdminMigration(
  run: RunContext,
  session: Session,
  { role, administrator, database, ownedBefore }: AdminMigration,
): Promise<void> {
  await revokeMigrationMembership(run, session, role);
  if (ownedBefore === undefined)
    return run.warning(
      `What the interrupted migration created in database '${database}' may belong to ${administrator}, who owned more than ${MAX_OWNED_BEFORE} objects before. With adopt-objects: true the next run hands all of them to role '${role}'.`,
    );
  const { transferred, failures } = await transferObjectsOf(run, session, role, administrator, {
    exceptIds: new Set(ownedBefore),
    forcePolicies: false,
  });
  if (transferred.length > 0)
    run.info(
      `Handed to role '${role}' what the migration created as ${administrator}: ${formatObjects(transferred)}.`,
    );
  warnUntransferredObjects(run, database, failures);
}

/** What post does after a killed migration: the same, unless another migration holds the lock. */
export async function finishInterruptedMigration(
  run: RunContext,
  session: Session,
  { objectOwner, user, database, ownedBefore }: MigrationState,
): Promise<void> {
  if (objectOwner === undefined) return;
  // A later step can change the state, and must not choose who gets the objects of the administrator.
  if (!(await isApplicationRoleOf(session, objectOwner, database)))
    return run.warning(
      `What the interrupted migration created in database '${database}' keeps its owner, because the ownership marker of role '${objectOwner}' does not name this database. With adopt-objects: true the next run hands it to the application role.`,
    );
  if (await tryMigrationLock(session))
    return await finishAdminMigration(run, session, {
      role: objectOwner,
      administrator: user,
      database,
      ownedBefore,
    });
  run.warning(
    `Another migration of database '${database}' is running, so ${user} keeps what the interrupted one created. The next run revokes its membership in role '${objectOwner}'. With adopt-objects: true it also hands the objects to the role.`,
  );
}
