import { GitHubApi, GitHubRequestError } from '../github/api.ts';
import { upsertComment } from '../github/upsert-comment.ts';
import type { DropConfig, EnsureConfig, SweepConfig } from '../inputs/types.ts';
import { type Connection, urlWithoutPassword } from '../publish/connection-formats.ts';
import { commentMarker, renderDatabaseComment, renderDroppedComment } from '../reporting/database-comment.ts';
import type { ModeContext } from './context.ts';

/** Tells on the pull request what database it has (`comment`). */
export async function commentOnDatabase(
  ctx: ModeContext<EnsureConfig>,
  connection: Connection,
  expires: Date | undefined,
): Promise<void> {
  const { config, reporter } = ctx;
  const { pullRequest, database, comment, server } = config;
  if (!comment || pullRequest === undefined) return;
  const body = renderDatabaseComment({
    ...connection,
    url: urlWithoutPassword(connection),
    expires,
    changes: reporter.changes,
  });
  const marker = commentMarker(server.name, database.base);
  const gitHub = new GitHubApi(config.gitHubToken, pullRequest.repository.name, ctx.run);
  await upsertPullRequestComment(ctx, gitHub, pullRequest.number, { marker, body, create: true });
}

/** Tells on the pull request that its database is gone, where it was told of it. */
export async function commentOnDrop(
  ctx: ModeContext<DropConfig | SweepConfig>,
  gitHub: GitHubApi,
  dropped: {
    readonly number: number;
    readonly base: string;
    readonly database: string;
    readonly why: string;
  },
): Promise<void> {
  const { config } = ctx;
  if (!config.comment || config.dryRun) return;
  const body = renderDroppedComment(dropped.database, dropped.why);
  const marker = commentMarker(config.server.name, dropped.base);
  await upsertPullRequestComment(ctx, gitHub, dropped.number, { marker, body, create: false });
}

/** A comment that cannot be written is no reason to fail: the database is as it should be. */
async function upsertPullRequestComment(
  { run }: ModeContext<EnsureConfig | DropConfig | SweepConfig>,
  gitHub: GitHubApi,
  number: number,
  comment: Parameters<typeof upsertComment>[2],
): Promise<void> {
  try {
    await upsertComment(gitHub, number, comment);
  } catch (error) {
    if (!(error instanceof GitHubRequestError)) throw error;
    run.warning(`The comment on pull request #${number} could not be kept up to date. ${error.message}`);
  }
}
