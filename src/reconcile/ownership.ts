import { type ActionError, actionError } from '../common/errors.ts';
import { markersMatch, type ParsedMarker } from '../common/ownership-marker.ts';
import { creationSentinel } from '../common/resource-names.ts';
import type { DatabaseConfig, RoleConfig } from '../inputs/types.ts';

/**
 * Whose a database or a role is: the filter on everything that alters or drops (law 7). A mark alone proves nothing,
 * since whoever owns a thing can write one; so it counts only on what the administrator itself owns or administers.
 */

/** What is seen of a database that tells whose it is. */
export interface ObservedDatabase {
  readonly owner: string;
  /** Whether the owner is the administrator that looks, who alone can have written its mark. */
  readonly isOwnedByAdmin: boolean;
  readonly marker: ParsedMarker | undefined;
  readonly connectionLimit: number;
}

/** What is seen of a role that tells whose it is. */
export interface ObservedRole {
  readonly marker: ParsedMarker | undefined;
  /** Whether the administrator that looks administers it; nobody else can have written its mark. */
  readonly administered: boolean;
}

/** The seal of this database while it is being made. */
export const sentinelOf = ({ name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>): number =>
  creationSentinel(
    name,
    ...(marker === undefined ? [] : [marker.kind, marker.repositoryId, marker.pullRequest, marker.base]),
  );

/** Whether a run of ours began to make it and did not come to the end, or is at it just now. */
export const isCreationInProgress = (
  observed: ObservedDatabase,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
): boolean => observed.isOwnedByAdmin && observed.connectionLimit === sentinelOf(desired);

/** Whether it is the pull request's database that is meant, of this repository. */
export const isManagedDatabase = (
  observed: ObservedDatabase,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
): boolean =>
  desired.marker !== undefined &&
  observed.isOwnedByAdmin &&
  (markersMatch(observed.marker, desired.marker) || isCreationInProgress(observed, desired));

/** Whether it is the application role that is meant, of this repository and for this database. */
export const isManagedRole = (observed: ObservedRole, { marker }: Pick<RoleConfig, 'marker'>): boolean =>
  observed.administered && markersMatch(observed.marker, marker);

/** Why a database of this name is not touched. */
export function databaseNotOwnedError(
  observed: ObservedDatabase,
  { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
): ActionError {
  return actionError('not-ours', {
    what: `Database '${name}'`,
    reason: observed.isOwnedByAdmin
      ? describeOwner(observed.marker, marker?.repositoryId)
      : `it belongs to the role '${observed.owner}'.`,
    hint: 'Choose another database, or remove this one yourself if nobody needs it.',
  });
}

/** Why a role of this name is not touched. */
export function roleNotOwnedError(observed: ObservedRole, { name, marker }: RoleConfig): ActionError {
  return actionError('not-ours', {
    what: `Role '${name}'`,
    reason: observed.administered
      ? describeOwner(observed.marker, marker.repositoryId)
      : 'it was made by somebody else than admin-username, or before the server became PostgreSQL 16.',
    hint: 'Choose another app-username, or remove this role yourself if nobody needs it.',
  });
}

function describeOwner(marker: ParsedMarker | undefined, repositoryId: string | undefined): string {
  if (marker === undefined) return 'it bears no mark of this action, so somebody else made it.';
  if (repositoryId !== undefined && marker.repositoryId !== repositoryId)
    return `its mark says that it is of another repository (id ${marker.repositoryId}).`;
  const owner =
    marker.pullRequest === undefined ? 'of a base database' : `of pull request #${marker.pullRequest}`;
  const databaseText = marker.database === undefined ? '' : `, for database '${marker.database}'`;
  return `its mark says that it is ${owner}, made from '${marker.base}'${databaseText}.`;
}
