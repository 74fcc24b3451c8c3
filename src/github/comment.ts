import type { GitHubApi } from './api.ts';
import { createOnce } from './create-once.ts';
import type { Comment } from './shapes.ts';

/**
 * Keeps one comment on a pull request up to date. It is known by its marker and by its author among all pages, since
 * anybody can write a marker.
 * @param marker the comment's first line, an HTML comment
 * @param body what follows it
 * @param create whether it is made where there is none
 * @throws `GitHubUnknown`
 */
export async function keepComment(
  api: GitHubApi,
  number: number,
  { marker, body, create }: { readonly marker: string; readonly body: string; readonly create: boolean },
): Promise<void> {
  const text = `${marker}\n${body}`;
  const [existing] = await ownComments(api, number, marker);
  if (existing !== undefined) {
    if (existing.body !== text) await api.updateComment(existing.id, text);
    return;
  }
  if (!create) return;
  const made = await createOnce(
    () => api.createComment(number, text),
    async () => (await ownComments(api, number, marker)).find((comment) => comment.body === text)?.id,
  );
  // Another job of the same pull request may have made one at the same time: the older one stays.
  const [first] = await ownComments(api, number, marker);
  if (first === undefined || first.id === made) return;
  await api.updateComment(first.id, text);
  await api.deleteComment(made);
}

/** The oldest first. */
async function ownComments(api: GitHubApi, number: number, marker: string): Promise<readonly Comment[]> {
  const [comments, viewer] = await Promise.all([api.comments(number), api.viewer()]);
  return comments
    .filter(({ body, author }) => author === viewer && body.split(/\r?\n/, 1)[0] === marker)
    .sort((one, other) => one.id - other.id);
}
