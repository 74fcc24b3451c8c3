import { type Comment, createOnce, type GitHubApi } from './api.ts';

/** What was done with the comment. `none`: it does not exist, and was not to be created. */
export interface CommentOutcome {
  readonly action: 'created' | 'updated' | 'unchanged' | 'none';
  /** Undefined if GitHub does not return it. */
  readonly url: string | undefined;
}

/**
 * Creates or updates one comment on a pull request. Anyone can write the marker, so the comment is found by its marker
 * and its author, on all pages.
 * @param marker first line of the comment, an HTML comment
 * @param body text after the marker
 * @param create whether to create the comment if it does not exist
 * @throws `GitHubRequestError`
 */
export async function upsertComment(
  api: GitHubApi,
  number: number,
  { marker, body, create }: { readonly marker: string; readonly body: string; readonly create: boolean },
): Promise<CommentOutcome> {
  const content = `${marker}\n${body}`;
  const [existing] = await findOwnComments(api, number, marker);
  if (existing !== undefined) {
    if (existing.body === content) return { action: 'unchanged', url: existing.url };
    await api.updateComment(existing.id, content);
    return { action: 'updated', url: existing.url };
  }
  if (!create) return { action: 'none', url: undefined };
  const created = await createOnce(
    () => api.createComment(number, content),
    async () => (await findOwnComments(api, number, marker)).find((comment) => comment.body === content)?.id,
  );
  // Another job of the same pull request may have created one at the same time: both keep the older one.
  const [oldest] = await findOwnComments(api, number, marker);
  if (oldest === undefined || oldest.id === created) return { action: 'created', url: oldest?.url };
  await api.updateComment(oldest.id, content);
  await api.deleteComment(created);
  return { action: 'updated', url: oldest.url };
}

/** The oldest first. */
async function findOwnComments(api: GitHubApi, number: number, marker: string): Promise<readonly Comment[]> {
  const [comments, viewer] = await Promise.all([api.listComments(number), api.getViewerLogin()]);
  return comments
    .filter(({ body, author }) => author === viewer && body.split(/\r?\n/, 1)[0] === marker)
    .sort((one, other) => one.id - other.id);
}
