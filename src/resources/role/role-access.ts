import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import type { CheckConfig, DatabaseConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import { withDatabaseSession } from '../../postgres/admin-sessions.ts';
import { getSqlState, retryOnConflict } from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';
import type { FoundPrivileges, SqlReader } from '../../postgres/sql-reader.ts';
import { absent, type Diff, type Observed, present, unknown } from '../../reconcile/findings.ts';
import { isCreationInProgress } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import {
  listObjectsOfOtherRoles,
  transferAllObjects,
  transferPublicSchema,
  warnUntransferredObjects,
} from '../database/transfer-ownership.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';

interface DesiredRoleAccess {
  readonly role: RoleConfig;
  readonly database: DatabaseConfig;
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
    const { appRole, database } = config;
    return appRole && database ? [{ role: appRole, database }] : [];
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
      details: `${missingPrivileges.join(', ')} on database ${database.name}`,
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
async function grantAccess(deps: SqlWriterDeps, { role, database }: DesiredRoleAccess): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { name, marker } = database;
  const grant = `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${pg.escapeIdentifier(name)} TO ${pg.escapeIdentifier(role.name)}`;
  const toGrantError = (cause: unknown): Error =>
    actionError(
      'database-failed',
      {
        database: name,
        reason: `admin-username cannot grant privileges on it to role '${role.name}'.`,
        hint: `Ask the owner to run: ${grant}; or choose another database.`,
      },
      { cause },
    );
  await withDatabaseSession(deps, name, async (session) => {
    if (marker === undefined) await transferBaseSchema(run, session, role, name);
    else warnUntransferredObjects(run, name, await transferAllObjects(run, session, role.name));
  }).catch((error: unknown) => {
    // Schema public can only be transferred by a role that has CREATE on the database.
    throw getSqlState(error) === '42501' ? toGrantError(error) : error;
  });
  await retryOnConflict(run, () => reader.session.query(grant)).catch((error: unknown) => {
    // Other failures are not a matter of privileges: the end of the run, a lost session.
    throw getSqlState(error) === '42501' ? toGrantError(error) : error;
  });
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
): Promise<void> {
  const owner = await transferPublicSchema(run, session, role.name);
  if (owner !== undefined)
    run.warning(
      `Schema public of database '${database}' is owned by '${owner}' and keeps its owner; role '${role.name}' has only the privileges on it that it was granted.`,
    );
  const others = (await listObjectsOfOtherRoles(session, role.name)).filter(({ type }) => type !== 'schema');
  if (others.length > 0)
    run.warning(
      `Database '${database}' contains ${others.length} objects of other roles (such as ${others[0]?.type} ${others[0]?.identity} of ${others[0]?.owner}), which role '${role.name}' cannot change. If its migrations must change them, ask their owner to run ALTER … OWNER TO.`,
    );
}
