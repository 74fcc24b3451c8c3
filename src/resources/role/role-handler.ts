import type { CheckConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import type { FoundRole, SqlReader } from '../../postgres/sql-reader.ts';
import type { Diff, Observed } from '../../reconcile/findings.ts';
import { isManagedRole, roleNotOwnedError } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import { createRole, enableRoleLogin } from './create-role.ts';
import { dropRole } from './drop-role.ts';

interface DesiredRole {
  readonly role: RoleConfig;
  /** False in `mode: drop`. */
  readonly shouldExist: boolean;
}

/** The application role itself; role-access.ts handles its privileges. */
export const roleHandler: ResourceHandler<DesiredRole, FoundRole, SqlReader, SqlWriterDeps> = {
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

  async apply(deps, change, { role: desired }): Promise<ApplyResult> {
    if (change.action === 'delete') return await dropRole(deps, desired);
    if (change.action === 'create') return await createRole(deps, desired);
    await enableRoleLogin(deps, desired.name);
    return 'applied';
  },
};

/** The roles of a pull request that is dropped. */
export const roleTeardownHandler: ResourceHandler<
  DesiredRole,
  FoundRole,
  SqlReader,
  SqlWriterDeps,
  PullRequestTeardown
> = {
  ...roleHandler,
  desired: ({ roles }) => roles.map((role) => ({ role, shouldExist: false })),
};

/**
 * An interrupted drop leaves a pull request's role with NOLOGIN. For the role of a base database, a person may have set
 * NOLOGIN deliberately.
 */
function loginDisabledDiff({ name, marker }: RoleConfig): Diff {
  const resourceRef = { resource: 'role', name } as const;
  const finding = {
    ...resourceRef,
    property: 'login',
    expected: 'LOGIN',
    actual: 'NOLOGIN',
    kind: 'changed',
  } as const;
  const change = { ...resourceRef, action: 'update', details: 'LOGIN' } as const;
  return marker.kind === 'pull-request' ? { finding, change } : { finding, change, requiresFix: true };
}
