import type { CheckConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import type { FoundRole, SqlReader } from '../../postgres/sql-reader.ts';
import type { Diff, Observed } from '../../reconcile/findings.ts';
import { isManagedRole, roleNotOwnedError } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import type { SqlWriter } from '../sql-writer.ts';

/** The application role, and whether it shall be there. */
interface DesiredRole {
  readonly role: RoleConfig;
  readonly shouldExist: boolean;
}

/** The application role itself; what it may do is kept in role-access.ts. */
export const roleHandler: ResourceHandler<DesiredRole, FoundRole, SqlReader, SqlWriter> = {
  resource: 'role',

  desired: ({ appRole }: EnsureConfig | CheckConfig): readonly DesiredRole[] =>
    appRole === undefined ? [] : [{ role: appRole, shouldExist: true }],

  nameOf: ({ role: { name } }) => name,

  observe: (reader, desired): Promise<readonly Observed<FoundRole>[]> =>
    Promise.all(desired.map(({ role: { name } }) => reader.role(name))),

  diff({ role: desired, shouldExist }, observed): readonly Diff[] {
    const { name, marker } = desired;
    const resourceRef = { resource: 'role', name } as const;
    if (observed.status === 'unknown') return [];
    if (observed.status === 'absent') {
      const finding = {
        ...resourceRef,
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      } as const;
      const details = `application role of ${marker.database}`;
      return shouldExist ? [{ finding, change: { ...resourceRef, action: 'create', details } }] : [];
    }
    if (!isManagedRole(observed.value, desired)) throw roleNotOwnedError(observed.value, desired);
    if (shouldExist) return observed.value.mayLogIn ? [] : [loginDisabledDiff(desired)];
    return [
      {
        finding: { ...resourceRef, property: '', expected: 'absent', actual: 'present', kind: 'unexpected' },
        change: { ...resourceRef, action: 'delete', details: `application role of ${marker.database}` },
      },
    ];
  },

  async apply(writer, change, { role: desired }): Promise<ApplyResult> {
    if (change.action === 'delete') return await writer.dropRole(desired);
    if (change.action === 'create') return await writer.createRole(desired);
    await writer.setPassword(desired.name);
    return 'applied';
  },
};

/** The roles of a pull request that is dropped. */
export const roleTeardownHandler: ResourceHandler<
  DesiredRole,
  FoundRole,
  SqlReader,
  SqlWriter,
  PullRequestTeardown
> = {
  ...roleHandler,
  desired: ({ roles }) => roles.map((role) => ({ role, shouldExist: false })),
};

/** As a drop leaves a pull request's role that was interrupted; from a base database's somebody has taken it on purpose. */
function loginDisabledDiff({ name, marker }: RoleConfig): Diff {
  const resourceRef = { resource: 'role', name } as const;
  const finding = {
    ...resourceRef,
    property: 'login',
    expected: 'LOGIN',
    actual: 'NOLOGIN',
    kind: 'changed',
  } as const;
  const change = { ...resourceRef, action: 'update', details: 'may log in again' } as const;
  return marker.kind === 'pull-request' ? { finding, change } : { finding, change, requiresFix: true };
}
