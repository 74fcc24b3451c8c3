import type pg from 'pg';
import { count } from '../../common/count.ts';
import type { RunContext } from '../../common/polling.ts';
import type { CheckConfig, EnsureConfig } from '../../inputs/types.ts';
import { withDatabaseSession } from '../../postgres/admin-sessions.ts';
import type { SqlReader, SqlSnapshot } from '../../postgres/sql-reader.ts';
import type { Diff, Observed } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import {
  executeAsOwners,
  formatObjects,
  listObjectsOfOtherRoles,
  listUnusableObjects,
  type ObjectOfOtherRole,
  type ObjectStatement,
  type OwnedObject,
  transferObjectsOf,
  warnUntransferredObjects,
} from './transfer-ownership.ts';

/** The application role that gets the objects of the administrator in its database. */
interface ObjectOwner {
  readonly role: string;
  readonly database: string;
  readonly administrator: string;
}

const toObjectOwner = ({ appRole, database, administrator }: EnsureConfig | CheckConfig): ObjectOwner[] =>
  appRole && database && administrator
    ? [{ role: appRole.name, database: database.name, administrator: administrator.username }]
    : [];

/**
 * `adopt-objects`: what the administrator owns in the database is handed to the application role. Objects of other roles
 * and extensions keep their owner. The reader's session is in the database itself.
 */
export const adoptedObjectsHandler: ResourceHandler<
  ObjectOwner,
  readonly ObjectOfOtherRole[],
  SqlReader,
  SqlWriterDeps
> = {
  resource: 'role',

  desired: (config: EnsureConfig | CheckConfig) => (config.adoptObjects ? toObjectOwner(config) : []),

  nameOf: ({ role }) => role,

  observe: (reader, desired): Promise<readonly Observed<readonly ObjectOfOtherRole[]>[]> =>
    Promise.all(
      desired.map(({ role, administrator }) =>
        reader.observe(`an object of role '${administrator}'`, async () => [
          await listObjectsOfOtherRoles(reader.session, role, administrator),
        ]),
      ),
    ),

  diff({ role, database, administrator }, observed): readonly Diff[] {
    const objects = observed.status === 'present' ? observed.value : [];
    if (objects.length === 0) return [];
    const described = `${count(objects.length, 'object')} of ${administrator} in database ${database}: ${formatObjects(objects)}`;
    return [
      {
        finding: {
          resource: 'role',
          name: role,
          property: `owner of the objects of ${administrator}`,
          expected: role,
          actual: described,
          kind: 'changed',
        },
        change: { resource: 'role', name: role, action: 'update', details: `ownership of ${described}` },
      },
    ];
  },

  async apply(deps, _change, { role, database, administrator }): Promise<ApplyResult> {
    const { DEFAULT_PRIVILEGES_SQL } = await import('./base-role-rights.ts');
    const { transferred, failures } = await withDatabaseSession(deps, database, async (session) => {
      const options = { exceptIds: new Set<string>(), forcePolicies: true };
      const transfer = await transferObjectsOf(deps.run, session, role, administrator, options);
      const defaults = await session.query<ObjectStatement & pg.QueryResultRow>(DEFAULT_PRIVILEGES_SQL, [
        role,
        administrator,
      ]);
      await executeAsOwners(deps.run, session, role, defaults);
      return transfer;
    });
    warnUntransferredObjects(deps.run, database, failures);
    return transferred.length > 0 ? 'applied' : 'adopted';
  },
};

/**
 * The objects of the administrator that the application role cannot use at all; none with `adopt-objects`.
 * @param snapshot in a session of the application role, in its database
 */
export async function readUnusableObjects(
  snapshot: SqlSnapshot,
  config: EnsureConfig,
): Promise<readonly OwnedObject[]> {
  const [owner] = config.adoptObjects ? [] : toObjectOwner(config);
  if (owner === undefined) return [];
  const { role, administrator } = owner;
  return await snapshot.readOnce(['unusable objects', role, administrator], () =>
    listUnusableObjects(snapshot.session, role, administrator),
  );
}

/** Warns about {@link readUnusableObjects}: migrations and the application would fail with `permission denied`. */
export async function warnUnusableObjects(
  run: RunContext,
  snapshot: SqlSnapshot,
  config: EnsureConfig,
): Promise<void> {
  const objects = await readUnusableObjects(snapshot, config);
  if (objects.length === 0) return;
  const { database, administrator, appRole } = config;
  run.warning(
    `Database '${database.name}' contains ${count(objects.length, 'object')} of ${administrator.username} that role '${appRole?.name}' cannot use: ${formatObjects(objects)}. ${ADOPT_HINT}`,
  );
}

/** What a user does about objects of the administrator that the application role needs. */
export const ADOPT_HINT =
  'If the application or its migrations need them, set adopt-objects: true, which hands to the role what the administrator owns in this database.';
