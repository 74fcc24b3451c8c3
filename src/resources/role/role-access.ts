import type { CheckConfig, DatabaseConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import type { FoundPrivileges, SqlReader } from '../../postgres/sql-reader.ts';
import { absent, type Diff, type Observed, present, unknown } from '../../reconcile/findings.ts';
import { isCreationInProgress } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { SqlWriter } from '../sql-writer.ts';

interface DesiredRoleAccess {
  readonly role: RoleConfig;
  readonly database: DatabaseConfig;
}

/**
 * What the application role may do with a database that is there already: CONNECT, CREATE and TEMPORARY, and own schema
 * `public` (design.md). A database that is made gets all this in its making.
 */
export const roleAccessHandler: ResourceHandler<
  DesiredRoleAccess,
  FoundPrivileges | null,
  SqlReader,
  SqlWriter
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
    // That the role is missing is one finding, and not another for its rights.
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

  apply: (writer, _change, { role, database }): Promise<ApplyResult> => writer.grantAccess(role, database),
};

const NO_PRIVILEGES: FoundPrivileges = { connect: false, create: false, temporary: false };

/** Absent where the database is, or is to be made anew, and null where the role is missing: then this is no finding of its own. */
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
  // It is made before this.
  return access.status === 'absent' ? present(null) : access;
}
