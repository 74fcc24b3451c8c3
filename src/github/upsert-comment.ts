import type { GitHubApi } from './api.ts';
import { createOnce } from './create-once.ts';
import type { Comment } from './responses.ts';

/**
 * Keeps one comment on a pull request up to date. It is known by its marker and by its author among all pages, since
 * anybody can write a marker.
 * @param marker the comment's first line, an HTML comment
 * @param body what follows it
 * @param create whether it is made where there is none
 * @throws `GitHubRequestError`
 */
export async function upsertComment(
  api: GitHubApi,
  number: number,
  { marker, body, create }: { readonly marker: string; readonly body: string; readonly create: boolean },
): Promise<void> {
  const content = `${marker}\n${body}`;
  const [existing] = await findOwnComments(api, number, marker);
  if (existing !== undefined) {
    if (existing.body !== content) await api.updateComment(existing.id, content);
    return;
  }
  if (!create) return;
  const created = await createOnce(
    () => api.createComment(number, content),
    async () => (await findOwnComments(api, number, marker)).find((comment) => comment.body === content)?.id,
  );
  // Another job of the same pull request may have made one at the same time: the older one stays.
  const [oldest] = await findOwnComments(api, number, marker);
  if (oldest === undefined || oldest.id === created) return;
  await api.updateComment(oldest.id, content);
  await api.deleteComment(created);
}

/** The oldest first. */
async function findOwnComments(api: GitHubApi, number: number, marker: string): Promise<readonly Comment[]> {
  const [comments, viewer] = await Promise.all([api.listComments(number), api.getViewerLogin()]);
  return comments
    .filter(({ body, author }) => author === viewer && body.split(/\r?\n/, 1)[0] === marker)
    .sort((one, other) => one.id - other.id);
}
