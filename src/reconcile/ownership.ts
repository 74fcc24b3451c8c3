import { type ActionError, actionError } from '../common/errors.ts';
import { markersMatch, type ParsedMarker, type PullRequestRoleMarker } from '../common/ownership-marker.ts';
import { creationSentinel, pullRequestName } from '../common/resource-names.ts';
import type { DatabaseConfig, RoleConfig } from '../inputs/types.ts';
import type { Skipped } from './findings.ts';

/**
 * Decides whether this action manages a database or a role, before anything alters or drops it. The owner of an object
 * can write any comment on it, so an ownership marker counts only on what the administrator itself owns or administers.
 */

/** The properties of a database that ownership depends on. */
export interface ObservedDatabase {
  readonly owner: string;
  /** Whether the administrator of this session owns it; then no other role can have written its marker. */
  readonly isOwnedByAdmin: boolean;
  readonly marker: ParsedMarker | undefined;
  readonly connectionLimit: number;
}

/** The properties of a role that ownership depends on. */
export interface ObservedRole {
  readonly marker: ParsedMarker | undefined;
  /** Whether only the administrator of this session administers it; then no other role can have written its marker. */
  readonly administered: boolean;
}

/** The connection limit that marks this database as not fully created; see {@link creationSentinel}. */
export const sentinelOf = ({ name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>): number =>
  creationSentinel(
    name,
    ...(marker === undefined ? [] : [marker.kind, marker.repositoryId, marker.pullRequest, marker.base]),
  );

/** Whether a run of this action is creating the database, or was interrupted while it did. */
export const isCreationInProgress = (
  observed: ObservedDatabase,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
): boolean => observed.isOwnedByAdmin && observed.connectionLimit === sentinelOf(desired);

/**
 * The connection limit of a complete database whose creation no run has reported yet: no run that created it, or found it
 * in this state, has succeeded so far.
 */
export const unreportedCreationOf = (desired: Pick<DatabaseConfig, 'name' | 'marker'>): number =>
  sentinelOf(desired) + 1;

/** Whether the database is complete, and no run has reported its creation yet; see {@link unreportedCreationOf}. */
export const isCreationUnreported = (
  observed: ObservedDatabase,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
): boolean => observed.isOwnedByAdmin && observed.connectionLimit === unreportedCreationOf(desired);

/** Whether it is the desired database of a pull request of this repository. Always false for a base database. */
export const isManagedDatabase = (
  observed: ObservedDatabase,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
): boolean =>
  desired.marker !== undefined &&
  observed.isOwnedByAdmin &&
  (markersMatch(observed.marker, desired.marker) || isCreationInProgress(observed, desired));

/** Whether it is the desired application role, of this repository and for this database. */
export const isManagedRole = (observed: ObservedRole, { marker }: Pick<RoleConfig, 'marker'>): boolean =>
  observed.administered && markersMatch(observed.marker, marker);

/** What a run would do to something that the action does not manage: use it in `ensure`, or drop it. */
type Intent = 'use' | 'drop';

/** The error for a database that has the desired name and is not managed by this action. */
export function databaseNotOwnedError(
  observed: ObservedDatabase,
  { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
  intent: Intent,
): ActionError {
  const isOtherOwner = !observed.isOwnedByAdmin;
  return actionError('not-owned', {
    what: `Database '${name}'`,
    outcome: OUTCOMES[intent],
    reason: isOtherOwner
      ? `it is owned by role '${observed.owner}', not by admin-username.`
      : describeOwner(observed.marker, marker?.repositoryId),
    hint: isOtherOwner
      ? `If earlier runs used '${observed.owner}' as admin-username, use it in this step too, with its admin-password. Otherwise ${OTHER_NAME_HINTS.database[intent]}`
      : ownMarkerHint(observed.marker, marker?.repositoryId, 'database', intent),
  });
}

/** The error for a role that has the desired name and is not managed by this action. */
export function roleNotOwnedError(
  observed: ObservedRole,
  { name, marker }: RoleConfig,
  intent: Intent,
): ActionError {
  return actionError('not-owned', {
    what: `Role '${name}'`,
    outcome: OUTCOMES[intent],
    reason: observed.administered
      ? describeOwner(observed.marker, marker.repositoryId)
      : 'it was created by another role than admin-username, or before the server was upgraded to PostgreSQL 16.',
    hint: observed.administered
      ? ownMarkerHint(observed.marker, marker.repositoryId, 'role', intent)
      : `If earlier runs used another admin-username, use it in this step too, with its admin-password. Otherwise ${OTHER_NAME_HINTS.role[intent]}`,
  });
}

const OUTCOMES: Readonly<Record<Intent, string>> = {
  use: 'already exists and was not changed',
  drop: 'was not dropped',
};

/** What to do about a name that something else has, as the end of a sentence. */
const OTHER_NAME_HINTS: Readonly<Record<'database' | 'role', Readonly<Record<Intent, string>>>> = {
  database: {
    use: 'choose another database, or drop this one manually if it is no longer needed.',
    drop: 'check the inputs database and pull-request-number, or drop this database manually if it is no longer needed.',
  },
  role: {
    use: 'choose another app-username, or drop this role manually if it is no longer needed.',
    drop: 'check the inputs app-username and pull-request-number, or drop this role manually if it is no longer needed.',
  },
};

/** For something that the administrator owns, and whose marker does not match. */
function ownMarkerHint(
  marker: ParsedMarker | undefined,
  repositoryId: string | undefined,
  resource: 'database' | 'role',
  intent: Intent,
): string {
  const hint = OTHER_NAME_HINTS[resource][intent];
  const isOfOtherRepository =
    marker !== undefined && repositoryId !== undefined && marker.repositoryId !== repositoryId;
  if (intent === 'drop' && isOfOtherRepository) return `Run mode: drop in that repository. Otherwise ${hint}`;
  return hint.replace(/^./, (first) => first.toUpperCase());
}

function describeOwner(marker: ParsedMarker | undefined, repositoryId: string | undefined): string {
  if (marker === undefined)
    return 'it has no ownership marker (a comment of this action on it), so this action did not create it.';
  if (repositoryId !== undefined && marker.repositoryId !== repositoryId)
    return `its ownership marker (the comment on it) names another repository (id ${marker.repositoryId}).`;
  const { pullRequest, database = marker.base } = marker;
  const purpose = pullRequest === undefined ? '' : `pull request #${pullRequest} and `;
  return `its ownership marker (the comment on it) states that this action created it for ${purpose}database '${database}'.`;
}

type Named<T> = T & { readonly name: string };
type PullRequestMarker = ParsedMarker & { readonly pullRequest: number };

/** A role that the action created for a pull request. */
export interface OwnedPullRequestRole extends RoleConfig {
  readonly marker: PullRequestRoleMarker;
  /** The name of the pull request's database that the role is for. */
  readonly databaseName: string;
}

/**
 * The databases that the action created for pull requests of this repository: those that the administrator owns, with a
 * marker that matches the name.
 * @param databases those with a marker
 * @returns `notOwned`: databases whose marker names this repository and is not trusted
 */
export function findPullRequestDatabases<T extends Named<ObservedDatabase>>(
  repositoryId: string,
  databases: readonly T[],
): {
  readonly owned: readonly (T & { readonly marker: PullRequestMarker })[];
  readonly notOwned: readonly Skipped[];
} {
  const owned: (T & { readonly marker: PullRequestMarker })[] = [];
  const notOwned: Skipped[] = [];
  for (const database of databases) {
    const { name, owner, isOwnedByAdmin, marker } = database;
    if (!isPullRequestMarker(marker, repositoryId)) continue;
    const isNameExpected =
      marker.database === undefined && name === pullRequestName(marker.base, marker.pullRequest);
    if (isOwnedByAdmin && isNameExpected) owned.push({ ...database, marker });
    else {
      const reason = isOwnedByAdmin
        ? MARKER_NAME_MISMATCH
        : `its ownership marker is not trusted, because role '${owner}' owns it`;
      notOwned.push({ resource: 'database', name, reason });
    }
  }
  return { owned, notOwned };
}

/**
 * The roles that the action created for pull requests of this repository: those that the administrator created, with a
 * marker that matches the name.
 * @param roles those with a marker
 * @returns `notOwned`: roles whose marker names this repository and is not trusted
 */
export function findPullRequestRoles(
  repositoryId: string,
  roles: readonly Named<ObservedRole>[],
): { readonly owned: readonly OwnedPullRequestRole[]; readonly notOwned: readonly Skipped[] } {
  const owned: OwnedPullRequestRole[] = [];
  const notOwned: Skipped[] = [];
  for (const { name, administered, marker: parsed } of roles) {
    if (!isPullRequestMarker(parsed, repositoryId)) continue;
    const { pullRequest, base, database } = parsed;
    if (administered && database !== undefined && name === pullRequestName(base, pullRequest)) {
      const marker = { kind: 'pull-request', repositoryId, pullRequest, base, database } as const;
      owned.push({ name, base, marker, databaseName: pullRequestName(database, pullRequest) });
    } else {
      const reason = administered
        ? MARKER_NAME_MISMATCH
        : 'its ownership marker is not trusted, because another role created it';
      notOwned.push({ resource: 'role', name, reason });
    }
  }
  return { owned, notOwned };
}

const isPullRequestMarker = (
  marker: ParsedMarker | undefined,
  repositoryId: string,
): marker is PullRequestMarker => marker?.kind === 'pull-request' && marker.repositoryId === repositoryId;

const MARKER_NAME_MISMATCH = 'its ownership marker does not match its name';

/**
 * The roles that the action created for this pull request's database, regardless of the `app-username` at that time.
 */
export const findRolesOfDatabase = (
  { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
  roles: readonly Named<ObservedRole>[],
): readonly RoleConfig[] =>
  marker === undefined
    ? []
    : findPullRequestRoles(marker.repositoryId, roles).owned.filter(
        ({ databaseName }) => databaseName === name,
      );

/**
 * The names of the roles that the action created for pull requests of this repository.
 * @param exceptDatabase a database whose own roles are left out
 */
export const findPullRequestRoleNames = (
  repositoryId: string,
  roles: readonly Named<ObservedRole>[],
  exceptDatabase?: string,
): readonly string[] =>
  findPullRequestRoles(repositoryId, roles)
    .owned.filter(({ databaseName }) => databaseName !== exceptDatabase)
    .map(({ name }) => name);
