import pg from 'pg';
import { count } from '../../common/count.ts';
import { actionError } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import type { CheckConfig, DatabaseConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import { readCurrentUser, withDatabaseSession } from '../../postgres/admin-sessions.ts';
import { getSqlState, retryOnConflict } from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';
import type { FoundPrivileges, SqlReader } from '../../postgres/sql-reader.ts';
import { absent, type Diff, type Observed, present, unknown } from '../../reconcile/findings.ts';
import { isCreationInProgress } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import { ADOPT_HINT } from '../database/adopt-objects.ts';
import {
  changeOwnerSql,
  formatObjects,
  listObjectsOfOtherRoles,
  listUnusableObjects,
  type OwnedObject,
  transferPublicSchema,
} from '../database/transfer-ownership.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';

interface DesiredRoleAccess {
  readonly role: RoleConfig;
  readonly database: DatabaseConfig;
  readonly adoptObjects: boolean;
}

/**
 * The privileges of the application role on a database that exists: CONNECT, CREATE, TEMPORARY, and the ownership of
 * schema `public`. createDatabase() sets them on a new database.
 */
export const roleAccessHandler: ResourceHandler<
  DesiredRoleAccess,
  FoundPrivileges | null,
  SqlReader,
  SqlWriterDeps
> = {
  resource: 'role',

  desired(config: EnsureConfig | CheckConfig): readonly DesiredRoleAccess[] {
    const { appRole, database, adoptObjects } = config;
    return appRole && database ? [{ role: appRole, database, adoptObjects }] : [];
  },

  nameOf: ({ role }) => role.name,

  observe: (reader, desired): Promise<readonly Observed<FoundPrivileges | null>[]> =>
    Promise.all(desired.map((each) => observeRoleAccess(reader, each))),

  diff({ role: { name }, database }, observed): readonly Diff[] {
    if (observed.status !== 'present') return [];
    const { connect, create, temporary } = observed.value ?? NO_PRIVILEGES;
    const missingPrivileges = [!connect && 'CONNECT', !create && 'CREATE', !temporary && 'TEMPORARY'].filter(
      Boolean,
    );
    if (missingPrivileges.length === 0) return [];
    const change = {
      resource: 'role',
      name,
      action: 'update',
      details: `${missingPrivileges.join(', ')} on database ${database.name}, and the ownership of ${database.marker === undefined ? 'its schema public' : 'all its objects'}`,
    } as const;
    // A missing role is one finding; its missing privileges are not another.
    if (observed.value === null) return [{ change }];
    const finding = {
      resource: 'role',
      name,
      property: `rights on database ${database.name}`,
      expected: 'CONNECT, CREATE, TEMPORARY',
      actual: `without ${missingPrivileges.join(', ')}`,
      kind: 'changed',
    } as const;
    return [{ finding, change }];
  },

  apply: (deps, _change, desired): Promise<ApplyResult> => grantAccess(deps, desired),
};

const NO_PRIVILEGES: FoundPrivileges = { connect: false, create: false, temporary: false };

/**
 * Absent when the database does not exist or will be created again, because its creation sets the privileges. The value is
 * null when the role does not exist, which is a finding of {@link roleHandler}.
 */
async function observeRoleAccess(
  reader: SqlReader,
  { role, database }: DesiredRoleAccess,
): Promise<Observed<FoundPrivileges | null>> {
  const observed = await reader.database(database.name);
  if (observed.status === 'unknown') return unknown(observed.error);
  const willBeCreated =
    observed.status === 'absent' ||
    isCreationInProgress(observed.value, database) ||
    !observed.value.allowsConnections;
  if (willBeCreated || (database.marker !== undefined && database.reset)) return absent;
  const access = await reader.access(database.name, role.name);
  // The role is created before this change is applied.
  return access.status === 'absent' ? present(null) : access;
}

/**
 * Transfers schema `public` to the role, and in a pull request's database every object of another role. Then grants the
 * privileges on the database, by which later runs recognize that the transfer is complete.
 * @throws `database-failed` when the administrator lacks the privileges for it
 */
async function grantAccess(
  deps: SqlWriterDeps,
  { role, database, adoptObjects }: DesiredRoleAccess,
): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { name, marker } = database;
  const grantTo = (grantee: string): string =>
    `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${pg.escapeIdentifier(name)} TO ${pg.escapeIdentifier(grantee)}`;
  const administrator = await readCurrentUser(reader.session);
  // A grant to the role alone would look complete to later runs, and schema public would keep its owner.
  const toGrantError = (cause: unknown): Error =>
    actionError(
      'database-failed',
      {
        database: name,
        reason: `admin-username cannot grant privileges on it to role '${role.name}'.`,
        hint: `Ask the owner to run: ${grantTo(administrator)} WITH GRANT OPTION; or choose another database.`,
      },
      { cause },
    );
  const throwGrantError = (error: unknown): never => {
    throw getSqlState(error) === '42501' ? toGrantError(error) : error;
  };
  await withDatabaseSession(deps, name, async (session) => {
    if (marker === undefined) return await transferBaseSchema(run, session, role, name, adoptObjects);
    const { carryRights } = await import('../database/carry-rights.ts');
    await carryRights(deps, session, database, role);
    // Schema public can only be transferred by a role that has CREATE on the database.
  }).catch(throwGrantError);
  await retryOnConflict(run, () => reader.session.query(grantTo(role.name))).catch(throwGrantError);
  const observed = await reader.access(name, role.name);
  // PostgreSQL only warns when it does not grant a privilege.
  if (observed.status === 'present' && !(observed.value.connect && observed.value.create))
    throw toGrantError(undefined);
  return 'applied';
}

/** Objects in a base database keep their owners. Warns about those that the application role cannot change. */
async function transferBaseSchema(
  run: RunContext,
  session: Session,
  role: RoleConfig,
  database: string,
  adoptObjects: boolean,
): Promise<void> {
  const owner = await transferPublicSchema(run, session, role.name);
  if (owner !== undefined)
    run.warning(
      `Schema public of database '${database}' is owned by '${owner}' and keeps its owner; role '${role.name}' has only the privileges on it that it was granted.`,
    );
  const administrator = await readCurrentUser(session);
  const objects = await listObjectsOfOtherRoles(session, role.name);
  for (const [objectOwner, owned] of Map.groupBy(objects, (object) => object.owner)) {
    if (objectOwner === administrator) {
      const unusableIds = (await listUnusableObjects(session, role.name, objectOwner)).map(({ id }) => id);
      // warnUnusableObjects() reports the others in every run.
      const usable = owned.filter(({ id }) => !unusableIds.includes(id));
      if (!adoptObjects && usable.length > 0)
        run.warning(
          `Database '${database}' contains ${count(usable.length, 'object')} of ${objectOwner}, which role '${role.name}' can use and cannot change: ${formatObjects(usable)}. ${ADOPT_HINT}`,
        );
    } else if (!SERVICE_ROLES.includes(objectOwner)) {
      run.warning(
        `Database '${database}' contains ${count(owned.length, 'object')} of ${objectOwner}, which role '${role.name}' cannot change: ${formatObjects(owned)}. If its migrations must change them, ${transferHint(owned, role.name, objectOwner, database)}`,
      );
    }
  }
}

/** Roles of Azure, whose objects nobody can transfer. */
const SERVICE_ROLES: readonly string[] = ['azuresu', 'azure_pg_admin'];

/** Objects whose statements a hint names. */
const MAX_STATEMENTS = 10;

/** Only a member of both owners can change an owner, so the administrator lends the role to the owner of the objects. */
function transferHint(
  objects: readonly OwnedObject[],
  roleName: string,
  ownerName: string,
  database: string,
): string {
  const [role, owner] = [pg.escapeIdentifier(roleName), pg.escapeIdentifier(ownerName)];
  const statements = objects.slice(0, MAX_STATEMENTS).map((object) => changeOwnerSql(object, roleName));
  const more = objects.length > statements.length ? ' and the same for the others' : '';
  return `run as admin-username: GRANT ${role} TO ${owner}; then in database '${database}' as ${ownerName}: ${statements.join('; ')};${more} then as admin-username: REVOKE ${role} FROM ${owner};`;
}
