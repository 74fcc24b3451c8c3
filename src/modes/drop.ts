import { type ActionError, actionError } from '../common/errors.ts';
import type { ServerConnections } from '../connect/server-connections.ts';
import type { DatabaseConfig, DropConfig, RoleConfig, SweepConfig } from '../inputs/types.ts';
import type { AdminSessions } from '../postgres/admin-sessions.ts';
import { type FoundDatabase, SqlReader } from '../postgres/sql-reader.ts';
import { findRolesOfDatabase, isManagedDatabase, isManagedRole } from '../reconcile/ownership.ts';
import { TEARDOWN_POLICY } from '../reconcile/policy.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import type { PullRequestTeardown } from '../reconcile/teardown.ts';
import { allowExtensions } from '../resources/extension/allow-list.ts';
import { teardownResources } from '../resources/index.ts';
import { findRoleBlockers, roleBlockedError } from '../resources/role/role-blockers.ts';
import type { SqlWriterDeps } from '../resources/sql-writer-deps.ts';
import { createConnections, type ModeContext, type WritableControlPlane, withWriter } from './context.ts';
import { commentOnDrop } from './pull-request-comment.ts';
import { findReadyServer } from './ready-server.ts';

/** `mode: drop`: deletes the pull request's database and roles. Succeeds if they do not exist. */
export const drop = (ctx: ModeContext<DropConfig>): Promise<void> =>
  withWriter(ctx, (azure) => dropWith(ctx, azure));

async function dropWith(ctx: ModeContext<DropConfig>, azure: WritableControlPlane): Promise<void> {
  const { config, reporter } = ctx;
  const found = await reporter.phase('Find server', () => findReadyServer(ctx, azure));
  // The state of the database is unknown, so the pull request gets no comment about it.
  if (found === undefined) return;
  const connections = createConnections(ctx, azure, found);
  const session = await reporter.phase('Connect', () => connections.connect());
  const blockedError = await reporter
    .phase('Drop database', async () => {
      const reader = new SqlReader(session);
      const teardown = {
        database: config.database,
        roles: await listRolesToDrop(config, reader),
        expiredBy: undefined,
      };
      return await dropPullRequest(ctx, azure, connections, reader, teardown);
    })
    .finally(() => session.close());
  const { name, base } = config.database;
  const reason = 'the workflow requested it, for example because the pull request is closed';
  await commentOnDrop(ctx, { number: config.pullRequest.number, base, name, reason });
  if (blockedError !== undefined) throw blockedError;
}

/** The role that the inputs name, and roles of the same database that earlier inputs named. */
async function listRolesToDrop(
  { appRole, database }: DropConfig,
  reader: SqlReader,
): Promise<readonly RoleConfig[]> {
  const markedRoles = findRolesOfDatabase(database, await reader.markedRoles());
  if (appRole === undefined) return markedRoles;
  return [appRole, ...markedRoles.filter(({ name }) => name !== appRole.name)];
}

/**
 * Deletes what one pull request has on the server. A dry run constructs no writer. A role that owns objects outside of
 * the database is skipped, which is checked before anything is deleted; the database is still deleted.
 * @param reader of the administrator's session in `postgres`
 * @returns why roles are skipped; undefined if none is
 */
export async function dropPullRequest(
  { run, config, reporter }: ModeContext<DropConfig | SweepConfig>,
  azure: WritableControlPlane,
  connections: ServerConnections,
  reader: SqlReader,
  teardown: PullRequestTeardown,
): Promise<ActionError | undefined> {
  const admin: AdminSessions = {
    run,
    reader,
    openDatabaseSession: (name) => connections.openDatabaseSession(name),
  };
  const blockedRoles = await findBlockedRoles(admin, teardown);
  for (const [name, { summary: reason }] of blockedRoles)
    reporter.recordSkipped({ resource: 'role', name, reason });
  const writer: SqlWriterDeps | undefined = config.dryRun
    ? undefined
    : {
        ...admin,
        dropDatabaseWithArm: (name) => azure.writer.dropDatabase(name),
        allowExtensions: (extensions) => allowExtensions(azure.writer, extensions),
        appPassword: undefined,
      };
  const roles = teardown.roles.filter(({ name }) => !blockedRoles.has(name));
  await reconcile(reporter, teardownResources, {
    desired: { ...teardown, roles },
    policy: TEARDOWN_POLICY,
    reader,
    writer,
  });
  const [first, ...more] = blockedRoles.values();
  if (first === undefined || more.length === 0) return first;
  return actionError('roles-failed', { failures: [first, ...more] });
}

/** The roles that own objects outside of the database, by name, and why each cannot be deleted. */
async function findBlockedRoles(
  admin: AdminSessions,
  { database, roles }: PullRequestTeardown,
): Promise<ReadonlyMap<string, ActionError>> {
  const { reader } = admin;
  const droppedDatabase = database && (await findManagedDatabase(reader, database));
  const blockedRoles = new Map<string, ActionError>();
  for (const role of roles) {
    const found = await reader.role(role.name);
    if (found.status !== 'present' || !isManagedRole(found.value, role)) continue;
    const { oid } = found.value;
    const { repositoryId } = role.marker;
    const blockers = await findRoleBlockers(admin, { name: role.name, oid, repositoryId }, droppedDatabase);
    if (blockers.length > 0) blockedRoles.set(role.name, roleBlockedError(role.name, blockers));
  }
  return blockedRoles;
}

async function findManagedDatabase(
  reader: SqlReader,
  database: Pick<DatabaseConfig, 'name' | 'marker'>,
): Promise<FoundDatabase | undefined> {
  const observed = await reader.database(database.name);
  return observed.status === 'present' && isManagedDatabase(observed.value, database)
    ? observed.value
    : undefined;
}
