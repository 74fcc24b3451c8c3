import type { Config, RoleConfig } from '../config/config.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { foreignRole, isOurRole } from '../plan/ownership.ts';
import type { Difference, Observed } from '../plan/types.ts';
import type { FoundRole, SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';

/** The application role, and whether it shall be there. */
interface Desired {
  readonly role: RoleConfig;
  readonly wanted: boolean;
}

/** The application role itself; what it may do is kept in role-access.ts. */
export const role: Kind<Desired, FoundRole, SqlReader, SqlWriter> = {
  resource: 'role',

  desired(config: Config): readonly Desired[] {
    if (config.mode === 'sweep') return [];
    const others = config.mode === 'drop' ? (config.otherRoles ?? []) : [];
    const roles = config.application === undefined ? others : [config.application, ...others];
    return roles.map((each) => ({ role: each, wanted: config.mode !== 'drop' }));
  },

  nameOf: ({ role: { name } }) => name,

  observe: (reader, desired): Promise<readonly Observed<FoundRole>[]> =>
    Promise.all(desired.map(({ role: { name } }) => reader.role(name))),

  diff({ role: desired, wanted }, observed): readonly Difference[] {
    const { name, mark } = desired;
    const thing = { resource: 'role', name } as const;
    if (observed.status === 'unknown') return [];
    if (observed.status === 'absent') {
      const finding = {
        ...thing,
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      } as const;
      const details = `application role of ${mark.database}`;
      return wanted ? [{ finding, mend: { ...thing, action: 'create', details } }] : [];
    }
    if (!isOurRole(observed.value, desired)) throw foreignRole(observed.value, desired);
    if (wanted) return observed.value.mayLogIn ? [] : [lockedOut(desired)];
    return [
      {
        finding: { ...thing, property: '', expected: 'absent', actual: 'present', kind: 'unexpected' },
        mend: { ...thing, action: 'delete', details: `application role of ${mark.database}` },
      },
    ];
  },

  async apply(writer, change, { role: desired }): Promise<Applied> {
    if (change.action === 'delete') return await writer.dropRole(desired);
    if (change.action === 'create') return await writer.createRole(desired);
    await writer.setPassword(desired.name);
    return 'applied';
  },
};

/** As a drop leaves a pull request's role that was interrupted; from a base database's somebody has taken it on purpose. */
function lockedOut({ name, mark }: RoleConfig): Difference {
  const thing = { resource: 'role', name } as const;
  const finding = {
    ...thing,
    property: 'login',
    expected: 'LOGIN',
    actual: 'NOLOGIN',
    kind: 'changed',
  } as const;
  const mend = { ...thing, action: 'update', details: 'may log in again' } as const;
  return mark.kind === 'pull-request' ? { finding, mend } : { finding, mend, deliberate: true };
}
