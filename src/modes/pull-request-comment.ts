import { GitHubRequestError } from '../github/api.ts';
import { upsertComment } from '../github/upsert-comment.ts';
import type { DropConfig, EnsureConfig, SweepConfig } from '../inputs/types.ts';
import { type Connection, urlWithoutPassword } from '../publish/connection-formats.ts';
import {
  commentMarker,
  type DatabaseCommentData,
  renderDatabaseComment,
  renderDroppedComment,
} from '../reporting/database-comment.ts';
import type { ModeContext } from './context.ts';

/** Creates or updates the comment about the pull request's database (`comment`). */
export async function commentOnDatabase(
  ctx: ModeContext<EnsureConfig>,
  connection: Connection,
  content: Pick<DatabaseCommentData, 'expires' | 'changes' | 'notCarried'>,
): Promise<void> {
  const { pullRequest, database, comment, server } = ctx.config;
  if (!comment || pullRequest === undefined) return;
  const body = renderDatabaseComment({
    ...connection,
    url: urlWithoutPassword(connection),
    connectUrl: ctx.runtime.documentationUrl('docs/pull-requests.md#connect-as-a-person'),
    ...content,
  });
  const marker = commentMarker(server.name, database.base);
  await upsertPullRequestComment(ctx, pullRequest.number, { marker, body, create: true });
}

export interface DroppedDatabase {
  /** Number of the pull request. */
  readonly number: number;
  readonly base: string;
  readonly name: string;
  readonly reason: string;
}

/** Updates the comment, if there is one, after the pull request's database has been dropped. */
export async function commentOnDrop(
  ctx: ModeContext<DropConfig | SweepConfig>,
  { number, base, name, reason }: DroppedDatabase,
): Promise<void> {
  const { config } = ctx;
  if (!config.comment || config.dryRun) return;
  const body = renderDroppedComment(name, reason);
  const marker = commentMarker(config.server.name, base);
  await upsertPullRequestComment(ctx, number, { marker, body, create: false });
}

/** Only warns if the comment cannot be written, because the database is in the desired state. */
async function upsertPullRequestComment(
  { run, gitHub }: ModeContext<EnsureConfig | DropConfig | SweepConfig>,
  number: number,
  comment: Parameters<typeof upsertComment>[2],
): Promise<void> {
  try {
    const { action, url } = await upsertComment(gitHub, number, comment);
    if (action === 'none') return;
    const text = action === 'unchanged' ? 'Unchanged' : action === 'created' ? 'Wrote' : 'Updated';
    run.info(`${text} the comment on pull request #${number}${url === undefined ? '' : `: ${url}`}`);
  } catch (error) {
    if (!(error instanceof GitHubRequestError)) throw error;
    run.warning(`The comment on pull request #${number} could not be updated. ${error.message}`);
  }
}
