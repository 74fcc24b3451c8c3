import type { ServerConfig } from './types.ts';

/**
 * Tag of a server whose creation is not finished: what a creation cannot take with it (parameters, a maintenance window)
 * comes after it, and a run that is killed before that leaves it undone. The creation sets the tag, its last
 * request removes it. The value is the numeric id of the repository, whose next run finishes the creation.
 *
 * Azure reserves names that begin with azure, microsoft or windows.
 */
export const CREATION_TAG = 'gha-unfinished-creation';

type Tags = Readonly<Record<string, string>> | undefined;

/** Tags that a resource can have. */
export const MAX_TAGS = 50;

/** Whether there is something to do once the server is created, so that it needs the tag until then. */
export const hasPostCreationSteps = ({ parameters, maintenanceWindow }: ServerConfig): boolean =>
  parameters.size > 0 || (maintenanceWindow !== undefined && maintenanceWindow !== 'system-managed');

/**
 * The tags of a new server: the declared ones, with ours where the creation has more to do.
 * @param repositoryId undefined: never with ours
 */
export function newServerTags(
  server: ServerConfig,
  repositoryId: string | undefined,
): ReadonlyMap<string, string> {
  const { tags } = server;
  return repositoryId !== undefined && hasPostCreationSteps(server)
    ? new Map([...tags, [CREATION_TAG, repositoryId]])
    : tags;
}

/** The repository whose run has not finished a server's creation; undefined for every other server. */
export const unfinishedCreationOwner = (tags: Tags): string | undefined =>
  Object.entries(tags ?? {}).find(([name]) => isCreationTag(name))?.[1];

/** The tags without ours; others' are kept. */
export const withoutCreationTag = (tags: Tags): Record<string, string> =>
  Object.fromEntries(Object.entries(tags ?? {}).filter(([name]) => !isCreationTag(name)));

/** Azure's tag names know no case. */
export const isCreationTag = (name: string): boolean => name.toLowerCase() === CREATION_TAG;
