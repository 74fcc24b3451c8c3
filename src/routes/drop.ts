import type { DropConfig } from '../config/config.ts';
import { GitHubApi } from '../github/api.ts';
import { rolesOf } from '../plan/sweep.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import { SqlWriter } from '../postgres/sql-writer.ts';
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
  if (found === undefined) run.info(`Nothing to drop on server '${config.server.name}'.`);
  else {
    const plane = new DataPlane(act, azure, found);
    const session = await story.phase('Reach it', () => plane.reach());
    try {
      const reader = new SqlReader(session);
      await story.phase('Drop the database', async () => {
        const others = rolesOf(database, await reader.markedRoles()).filter(
          ({ name }) => name !== config.application?.name,
        );
        await dropOne({ ...act, config: { ...config, otherRoles: others } }, azure, plane, reader);
      });
    } finally {
      await session.close();
    }
  }
  const { number, repository } = pullRequest;
  const why = 'the workflow asked for it, as it does when the pull request is closed';
  const gitHub = new GitHubApi(config.gitHubToken, repository.name, run);
  await commentOnDrop(act, gitHub, { number, base: database.base, database: database.name, why });
}

/** One pull request's part of a server; with `dry-run` no writer is constructed, so nothing can be dropped. */
export async function dropOne(
  { run, config, story }: Act<DropConfig>,
  azure: WritableControlPlane,
  plane: DataPlane,
  reader: SqlReader,
  planners = dataPlaneInverted,
): Promise<void> {
  const writer = config.dryRun
    ? undefined
    : new SqlWriter({
        run,
        reader,
        enter: (name) => plane.enterDatabase(name),
        throughArm: (name) => azure.writer.dropDatabase(name),
        allow: (extensions) => azure.writer.allowExtensions(extensions),
        application: config.application,
        password: undefined,
        extensions: [],
      });
  await pass(story, planners, config, { reader, writer });
}
