import type { DropConfig, EnsureConfig, SweepConfig } from '../config/config.ts';
import { GitHubApi, GitHubUnknown } from '../github/api.ts';
import { keepComment } from '../github/comment.ts';
import { commentMarker, databaseComment, droppedComment } from '../plan/comment.ts';
import { type Connection, urlWithoutPassword } from '../postgres/connection.ts';
import type { Act } from './control-plane.ts';

/** Tells on the pull request what database it has (`comment`). */
export async function commentOnDatabase(
  act: Act<EnsureConfig>,
  connection: Connection,
  expires: Date | undefined,
): Promise<void> {
  const { config, story } = act;
  const { pullRequest, database, comment, server } = config;
  if (!comment || pullRequest === undefined) return;
  const body = databaseComment({
    ...connection,
    url: urlWithoutPassword(connection),
    expires,
    changes: story.changes,
  });
  const marker = commentMarker(server.name, database.base);
  const gitHub = new GitHubApi(config.gitHubToken, pullRequest.repository.name, act.run);
  await tell(act, gitHub, pullRequest.number, { marker, body, create: true });
}

/** Tells on the pull request that its database is gone, where it was told of it. */
export async function commentOnDrop(
  act: Act<DropConfig | SweepConfig>,
  gitHub: GitHubApi,
  dropped: {
    readonly number: number;
    readonly base: string;
    readonly database: string;
    readonly why: string;
  },
): Promise<void> {
  const { config } = act;
  if (!config.comment || config.dryRun) return;
  const body = droppedComment(dropped.database, dropped.why);
  const marker = commentMarker(config.server.name, dropped.base);
  await tell(act, gitHub, dropped.number, { marker, body, create: false });
}

/** A comment that cannot be written is no reason to fail: the database is as it should be. */
async function tell(
  { run }: Act<EnsureConfig | DropConfig | SweepConfig>,
  gitHub: GitHubApi,
  number: number,
  comment: Parameters<typeof keepComment>[2],
): Promise<void> {
  try {
    await keepComment(gitHub, number, comment);
  } catch (error) {
    if (!(error instanceof GitHubUnknown)) throw error;
    run.warning(`The comment on pull request #${number} could not be kept up to date. ${error.message}`);
  }
}
