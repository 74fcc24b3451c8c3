import type { Config, DatabaseConfig, RoleConfig } from '../config/config.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { isBeingMade } from '../plan/ownership.ts';
import { absent, type Difference, type Observed, present, unknown } from '../plan/types.ts';
import type { FoundAccess, SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';

interface Desired {
  readonly role: RoleConfig;
  readonly database: DatabaseConfig;
}

/**
 * What the application role may do with a database that is there already: CONNECT, CREATE and TEMPORARY, and own schema
 * `public` (design.md). A database that is made gets all this in its making.
 */
export const roleAccess: Kind<Desired, FoundAccess | null, SqlReader, SqlWriter> = {
  resource: 'role',

  desired(config: Config): readonly Desired[] {
    if (config.mode === 'drop' || config.mode === 'sweep') return [];
    const { application, database } = config;
    return application && database ? [{ role: application, database }] : [];
  },

  nameOf: ({ role }) => role.name,

  observe: (reader, desired): Promise<readonly Observed<FoundAccess | null>[]> =>
    Promise.all(desired.map((each) => observeOne(reader, each))),

  diff({ role: { name }, database }, observed): readonly Difference[] {
    if (observed.status !== 'present') return [];
    const { connect, create, temporary } = observed.value ?? lacksAll;
    const lacking = [!connect && 'CONNECT', !create && 'CREATE', !temporary && 'TEMPORARY'].filter(Boolean);
    if (lacking.length === 0) return [];
    const mend = {
      resource: 'role',
      name,
      action: 'update',
      details: `${lacking.join(', ')} on database ${database.name}`,
    } as const;
    // That the role is missing is one finding, and not another for its rights.
    if (observed.value === null) return [{ mend }];
    const finding = {
      resource: 'role',
      name,
      property: `rights on database ${database.name}`,
      expected: 'CONNECT, CREATE, TEMPORARY',
      actual: `without ${lacking.join(', ')}`,
      kind: 'changed',
    } as const;
    return [{ finding, mend }];
  },

  apply: (writer, _change, { role, database }): Promise<Applied> => writer.grantAccess(role, database),
};

const lacksAll: FoundAccess = { connect: false, create: false, temporary: false };

/** Absent where the database is, or is to be made anew, and null where the role is missing: then this is no finding of its own. */
async function observeOne(
  reader: SqlReader,
  { role, database }: Desired,
): Promise<Observed<FoundAccess | null>> {
  const seen = await reader.database(database.name);
  if (seen.status === 'unknown') return unknown(seen.error);
  const made = seen.status === 'absent' || isBeingMade(seen.value, database) || !seen.value.allowsConnections;
  if (made || (database.mark !== undefined && database.reset)) return absent;
  const access = await reader.access(database.name, role.name);
  // It is made before this.
  return access.status === 'absent' ? present(null) : access;
}
