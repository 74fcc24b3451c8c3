import type { CheckConfig, EnsureConfig, RoleConfig } from '../../inputs/types.ts';
import type { FoundRole, SqlReader } from '../../postgres/sql-reader.ts';
import { type Diff, type Finding, type Observed, present } from '../../reconcile/findings.ts';
import { isManagedRole, roleNotOwnedError } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import { hasLeftMembership, revokeLeftMembership } from './migration-membership.ts';

interface DesiredRole {
  readonly role: RoleConfig;
  /** False in `mode: drop`. */
  readonly shouldExist: boolean;
}

interface ObservedAppRole extends FoundRole {
  /** Whether the administrator is still a member of it, because a migration was interrupted. */
  readonly hasLeftMembership?: true;
}

async function observeRole(reader: SqlReader, name: string): Promise<Observed<ObservedAppRole>> {
  const observed = await reader.role(name);
  return observed.status === 'present' && (await hasLeftMembership(reader, observed.value))
    ? present({ ...observed.value, hasLeftMembership: true })
    : observed;
}

/** The application role itself; role-access.ts handles its privileges. */
export const roleHandler: ResourceHandler<DesiredRole, ObservedAppRole, SqlReader, SqlWriterDeps> = {
  resource: 'role',

  desired: ({ appRole }: EnsureConfig | CheckConfig): readonly DesiredRole[] =>
    appRole === undefined ? [] : [{ role: appRole, shouldExist: true }],

  nameOf: ({ role: { name } }) => name,

  observe: (reader, desired): Promise<readonly Observed<ObservedAppRole>[]> =>
    Promise.all(desired.map(({ role: { name } }) => observeRole(reader, name))),

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
    if (!isManagedRole(observed.value, desired))
      throw roleNotOwnedError(observed.value, desired, shouldExist ? 'use' : 'drop');
    if (shouldExist)
      return [
        ...(observed.value.mayLogIn ? [] : [loginDisabledDiff(desired)]),
        ...(observed.value.hasLeftMembership ? [leftMembershipDiff(name)] : []),
      ];
    return [
      {
        finding: { ...resourceRef, property: '', expected: 'absent', actual: 'present', kind: 'unexpected' },
        change: { ...resourceRef, action: 'delete', details: `application role of ${marker.database}` },
      },
    ];
  },

  async apply(deps, change, { role: desired }, finding): Promise<ApplyResult> {
    if (change.action === 'delete') {
      const { dropRole } = await import('./drop-role.ts');
      return await dropRole(deps, desired);
    }
    if (finding?.property === MEMBERSHIP_PROPERTY)
      return (await revokeLeftMembership(deps, desired.name, desired.marker.database))
        ? 'applied'
        : 'adopted';
    const { createRole, enableRoleLogin } = await import('./create-role.ts');
    if (change.action === 'create') return await createRole(deps, desired);
    await enableRoleLogin(deps, desired.name);
    return 'applied';
  },
};

/** The roles of a pull request that is dropped. */
export const roleTeardownHandler: ResourceHandler<
  DesiredRole,
  ObservedAppRole,
  SqlReader,
  SqlWriterDeps,
  PullRequestTeardown
> = {
  ...roleHandler,
  desired: ({ roles }) => roles.map((role) => ({ role, shouldExist: false })),
};

const MEMBERSHIP_PROPERTY: Finding['property'] = 'membership of the administrator';

function leftMembershipDiff(name: string): Diff {
  return {
    finding: {
      resource: 'role',
      name,
      property: MEMBERSHIP_PROPERTY,
      expected: 'only during a migration',
      actual: 'left by an interrupted migration',
      kind: 'changed',
    },
    change: {
      resource: 'role',
      name,
      action: 'update',
      details: 'revokes the membership of the administrator, which an interrupted migration has left',
    },
  };
}

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
