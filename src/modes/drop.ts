import { type ActionError, actionError } from '../common/errors.ts';
import { GitHubApi } from '../github/api.ts';
import type { DropConfig, RoleConfig } from '../inputs/types.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import { isManagedDatabase, isManagedRole } from '../reconcile/ownership.ts';
import { findPullRequestRoles } from '../reconcile/sweep-items.ts';
import { teardownResources } from '../resources/index.ts';
import { findRoleBlockers, roleBlockedError } from '../resources/role/role-blockers.ts';
import type { RoleLookupDeps } from '../resources/role/role-databases.ts';
import { SqlWriter } from '../resources/sql-writer.ts';
import {
  findReadyServer,
  type ModeContext,
  openControlPlane,
  reconcile,
  type WritableControlPlane,
  withWriter,
} from './context.ts';
import { commentOnDrop } from './pull-request-comment.ts';
import { ServerConnections } from './server-connections.ts';

/** `mode: drop`: the pull request's database and role, and nothing else. What is gone already is success. */
export async function drop(ctx: ModeContext<DropConfig>): Promise<void> {
  const { config, reporter, run } = ctx;
  const { pullRequest, database } = config;
  const azure = withWriter(ctx, openControlPlane(ctx));
  const found = await reporter.phase('Find the server', () => findReadyServer(ctx, azure));
  // Nothing is known of the database, so nothing is said of it on the pull request.
  if (found === undefined) return;
  const connections = new ServerConnections(ctx, azure, found);
  const session = await reporter.phase('Reach it', () => connections.connect());
  let blockedError: ActionError | undefined;
  try {
    const reader = new SqlReader(session);
    blockedError = await reporter.phase('Drop the database', async () => {
      const others = findPullRequestRoles(database, await reader.markedRoles()).filter(
        ({ name }) => name !== config.appRole?.name,
      );
      return await dropPullRequest(
        { ...ctx, config: { ...config, otherRoles: others } },
        azure,
        connections,
        reader,
      );
    });
  } finally {
    await session.close();
  }
  const { number, repository } = pullRequest;
  const why = 'the workflow asked for it, as it does when the pull request is closed';
  const gitHub = new GitHubApi(config.gitHubToken, repository.name, run);
  await commentOnDrop(ctx, gitHub, { number, base: database.base, database: database.name, why });
  if (blockedError !== undefined) throw blockedError;
}

/**
 * One pull request's part of a server; with `dry-run` no writer is constructed, so nothing can be dropped. A role that
 * owns something outside of the database stays, which is looked at before anything is dropped; the database goes.
 * @returns why a role stays or, in a dry run, would stay
 */
export async function dropPullRequest(
  ctx: ModeContext<DropConfig>,
  azure: WritableControlPlane,
  connections: ServerConnections,
  reader: SqlReader,
  planners = teardownResources,
): Promise<ActionError | undefined> {
  const { run, config, reporter } = ctx;
  const openDatabaseSession = (name: string) => connections.openDatabaseSession(name);
  const blockedRoles = await findBlockedRoles({ run, reader, openDatabaseSession }, config);
  const writer = config.dryRun
    ? undefined
    : new SqlWriter({
        run,
        reader,
        openDatabaseSession,
        dropDatabaseWithArm: (name) => azure.writer.dropDatabase(name),
        allowExtensions: (extensions) => azure.writer.allowExtensions(extensions),
        appRole: config.appRole,
        password: undefined,
        extensions: [],
      });
  for (const [name, { summary: reason }] of blockedRoles)
    reporter.recordSkipped({ resource: 'role', name, reason });
  await reconcile(reporter, planners, excludeRoles(config, blockedRoles), { reader, writer });
  const [first, ...more] = blockedRoles.values();
  if (first === undefined || more.length === 0) return first;
  return actionError('roles-failed', { failures: [first, ...more] });
}

/** By name the roles that cannot go, since they own something outside of the database, and why. */
async function findBlockedRoles(
  deps: RoleLookupDeps,
  { appRole, otherRoles = [], database }: DropConfig,
): Promise<ReadonlyMap<string, ActionError>> {
  const { reader } = deps;
  const observed = await reader.database(database.name);
  const droppedDatabase =
    observed.status === 'present' && isManagedDatabase(observed.value, database) ? observed.value : undefined;
  const blockedRoles = new Map<string, ActionError>();
  for (const role of appRole === undefined ? otherRoles : [appRole, ...otherRoles]) {
    const found = await reader.role(role.name);
    if (found.status !== 'present' || !isManagedRole(found.value, role)) continue;
    const { oid } = found.value;
    const { repositoryId } = role.marker;
    const blockers = await findRoleBlockers(deps, { name: role.name, oid, repositoryId }, droppedDatabase);
    if (blockers.length > 0) blockedRoles.set(role.name, roleBlockedError(role.name, blockers));
  }
  return blockedRoles;
}

function excludeRoles(config: DropConfig, blockedRoles: ReadonlyMap<string, unknown>): DropConfig {
  const canDrop = ({ name }: RoleConfig): boolean => !blockedRoles.has(name);
  const { appRole, otherRoles = [] } = config;
  return {
    ...config,
    appRole: appRole && canDrop(appRole) ? appRole : undefined,
    otherRoles: otherRoles.filter(canDrop),
  };
}
