/**
 * Tag of a server whose creation is not finished. Parameters and a maintenance window cannot be part of the creation
 * request, and a run that is killed before it sets them leaves the creation unfinished. The creation request sets the
 * tag, and the last request removes it. The value is the numeric id of the repository whose next run finishes the
 * creation.
 *
 * Azure reserves names that begin with azure, microsoft or windows.
 */
export const CREATION_TAG = 'gha-unfinished-creation';

type Tags = Readonly<Record<string, string>> | undefined;

/** Azure ignores the case of tag names. */
export const isCreationTag = (name: string): boolean => name.toLowerCase() === CREATION_TAG;

/** Id of the repository whose run has not finished the server's creation; undefined for every other server. */
export const unfinishedCreationOwner = (tags: Tags): string | undefined =>
  Object.entries(tags ?? {}).find(([name]) => isCreationTag(name))?.[1];

export const withoutCreationTag = (tags: Tags): Record<string, string> =>
  Object.fromEntries(Object.entries(tags ?? {}).filter(([name]) => !isCreationTag(name)));
