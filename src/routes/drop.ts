import type { DropConfig, RoleConfig } from '../config/config.ts';
import { type ActionError, fail } from '../errors.ts';
import { GitHubApi } from '../github/api.ts';
import { isOurRole, isOursToDrop } from '../plan/ownership.ts';
import { rolesOf } from '../plan/sweep.ts';
import type { Looking } from '../postgres/databases-of-role.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import { SqlWriter } from '../postgres/sql-writer.ts';
import { belongingsElsewhere, staysFor } from '../postgres/staying-role.ts';
import { dataPlaneInverted } from '../resources/catalogue.ts';
import { commentOnDrop } from './comment.ts';
import {
  type Act,
  findServer,
  openControlPlane,
  pass,
  type WritableControlPlane,
  writable,
} from './control-plane.ts';
import { DataPlane } from './data-plane.ts';

/** `mode: drop`: the pull request's database and role, and nothing else. What is gone already is success. */
export async function drop(act: Act<DropConfig>): Promise<void> {
  const { config, story, run } = act;
  const { pullRequest, database } = config;
  const azure = writable(act, openControlPlane(act));
  const found = await story.phase('Find the server', () => findServer(act, azure));
  // Nothing is known of the database, so nothing is said of it on the pull request.
  if (found === undefined) return;
  const plane = new DataPlane(act, azure, found);
  const session = await story.phase('Reach it', () => plane.reach());
  let refused: ActionError | undefined;
  try {
    const reader = new SqlReader(session);
    refused = await story.phase('Drop the database', async () => {
      const others = rolesOf(database, await reader.markedRoles()).filter(
        ({ name }) => name !== config.application?.name,
      );
      return await dropOne({ ...act, config: { ...config, otherRoles: others } }, azure, plane, reader);
    });
  } finally {
    await session.close();
  }
  const { number, repository } = pullRequest;
  const why = 'the workflow asked for it, as it does when the pull request is closed';
  const gitHub = new GitHubApi(config.gitHubToken, repository.name, run);
  await commentOnDrop(act, gitHub, { number, base: database.base, database: database.name, why });
  if (refused !== undefined) throw refused;
}

/**
 * One pull request's part of a server; with `dry-run` no writer is constructed, so nothing can be dropped. A role that
 * owns something outside of the database stays, which is looked at before anything is dropped; the database goes.
 * @returns why a role stays or, in a dry run, would stay
 */
export async function dropOne(
  act: Act<DropConfig>,
  azure: WritableControlPlane,
  plane: DataPlane,
  reader: SqlReader,
  planners = dataPlaneInverted,
): Promise<ActionError | undefined> {
  const { run, config, story } = act;
  const enter = (name: string) => plane.enterDatabase(name);
  const staying = await stayingRoles({ run, reader, enter }, config);
  const writer = config.dryRun
    ? undefined
    : new SqlWriter({
        run,
        reader,
        enter,
        throughArm: (name) => azure.writer.dropDatabase(name),
        allow: (extensions) => azure.writer.allowExtensions(extensions),
        application: config.application,
        password: undefined,
        extensions: [],
      });
  for (const [name, { happened: reason }] of staying) story.kept({ resource: 'role', name, reason });
  await pass(story, planners, without(config, staying), { reader, writer });
  const [first, ...more] = staying.values();
  if (first === undefined || more.length === 0) return first;
  return fail('roles-refused', { failures: [first, ...more] });
}

/** By name the roles that cannot go, since they own something outside of the database, and why. */
async function stayingRoles(
  looking: Looking,
  { application, otherRoles = [], database }: DropConfig,
): Promise<ReadonlyMap<string, ActionError>> {
  const { reader } = looking;
  const seen = await reader.database(database.name);
  const dropped = seen.status === 'present' && isOursToDrop(seen.value, database) ? seen.value : undefined;
  const staying = new Map<string, ActionError>();
  for (const role of application === undefined ? otherRoles : [application, ...otherRoles]) {
    const found = await reader.role(role.name);
    if (found.status !== 'present' || !isOurRole(found.value, role)) continue;
    const { oid } = found.value;
    const { repositoryId } = role.mark;
    const belongings = await belongingsElsewhere(looking, { name: role.name, oid, repositoryId }, dropped);
    if (belongings.length > 0) staying.set(role.name, staysFor(role.name, belongings));
  }
  return staying;
}

function without(config: DropConfig, staying: ReadonlyMap<string, unknown>): DropConfig {
  const goes = ({ name }: RoleConfig): boolean => !staying.has(name);
  const { application, otherRoles = [] } = config;
  return {
    ...config,
    application: application && goes(application) ? application : undefined,
    otherRoles: otherRoles.filter(goes),
  };
}
