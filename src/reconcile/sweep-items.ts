import type { ParsedMarker } from '../common/ownership-marker.ts';
import { pullRequestName } from '../common/resource-names.ts';
import type { DatabaseConfig, RoleConfig } from '../inputs/types.ts';
import type { Skipped } from './findings.ts';
import type { ObservedDatabase, ObservedRole } from './ownership.ts';

/** What one pull request has on a server: its database, its role, or both. */
export interface SweepItem {
  /** What it is told as: the role where the database is gone already. */
  readonly resource: 'database' | 'role';
  /** The database's name. */
  readonly name: string;
  readonly base: string;
  readonly number: number;
  readonly expires: Date | undefined;
  /** More than one where `app-username` was changed while the pull request was open. */
  readonly roles: readonly RoleConfig[];
}

type WithName<T> = T & { readonly name: string };
type WithPullRequestMarker<T> = T & { readonly marker: ParsedMarker & { readonly pullRequest: number } };

/**
 * Everything that bears a pull request's mark of this repository, put together by pull request. A mark is believed only
 * where nobody but the administrator can have written it, and where the thing is called as it would be called (law 7).
 * @returns what may be swept, and what claims to be this repository's and is not
 */
export function findSweepItems(
  repositoryId: string,
  databases: readonly WithName<ObservedDatabase>[],
  roles: readonly WithName<ObservedRole>[],
): { readonly items: readonly SweepItem[]; readonly notOwned: readonly Skipped[] } {
  const notOwned: Skipped[] = [];
  const items = new Map<string, SweepItem>();
  for (const database of claimedByRepository(repositoryId, databases)) {
    const reason = databaseRejectionReason(database);
    if (reason !== undefined) notOwned.push({ resource: 'database', name: database.name, reason });
    else items.set(database.name, toSweepItem(database));
  }
  for (const role of claimedByRepository(repositoryId, roles)) {
    const reason = roleRejectionReason(role);
    if (reason !== undefined) notOwned.push({ resource: 'role', name: role.name, reason });
    else addRole(items, role);
  }
  return { items: [...items.values()], notOwned };
}

/** Those that say that they are a pull request's of this repository. */
const claimedByRepository = <T extends { readonly marker: ParsedMarker | undefined }>(
  repositoryId: string,
  candidates: readonly T[],
): readonly WithPullRequestMarker<T>[] =>
  candidates.filter(
    (candidate): candidate is WithPullRequestMarker<T> =>
      candidate.marker?.kind === 'pull-request' && candidate.marker.repositoryId === repositoryId,
  );

const MARKER_NAME_MISMATCH = 'its mark does not fit its name';

function databaseRejectionReason({
  name,
  owner,
  isOwnedByAdmin,
  marker,
}: WithPullRequestMarker<WithName<ObservedDatabase>>): string | undefined {
  if (!isOwnedByAdmin) return `its mark is not believed, for it belongs to '${owner}'`;
  const hasExpectedName =
    marker.database === undefined && name === pullRequestName(marker.base, marker.pullRequest);
  return hasExpectedName ? undefined : MARKER_NAME_MISMATCH;
}

function roleRejectionReason({
  name,
  administered,
  marker,
}: WithPullRequestMarker<WithName<ObservedRole>>): string | undefined {
  if (!administered) return 'its mark is not believed, for it was made by somebody else';
  const hasExpectedName =
    marker.database !== undefined && name === pullRequestName(marker.base, marker.pullRequest);
  return hasExpectedName ? undefined : MARKER_NAME_MISMATCH;
}

function toSweepItem({ name, marker }: WithPullRequestMarker<WithName<ObservedDatabase>>): SweepItem {
  const { base, pullRequest: number, expires } = marker;
  return { resource: 'database', name, base, number, expires, roles: [] };
}

function addRole(
  items: Map<string, SweepItem>,
  { name, marker }: WithPullRequestMarker<WithName<ObservedRole>>,
): void {
  const { kind, repositoryId, pullRequest, base, database = '' } = marker;
  if (kind !== 'pull-request') return;
  const databaseName = pullRequestName(database, pullRequest);
  const role: RoleConfig = { name, base, marker: { kind, repositoryId, pullRequest, base, database } };
  const item = items.get(databaseName) ?? orphanedRoleItem(databaseName, database, pullRequest);
  items.set(databaseName, { ...item, roles: [...item.roles, role] });
}

/** A role whose database is gone: dropping it was interrupted in between. */
const orphanedRoleItem = (database: string, base: string, number: number): SweepItem => ({
  resource: 'role',
  name: database,
  base,
  number,
  expires: undefined,
  roles: [],
});

/** The roles that a pull request has for its database, by their marks; as {@link findSweepItems} finds them. */
export function findPullRequestRoles(
  { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
  roles: readonly WithName<ObservedRole>[],
): readonly RoleConfig[] {
  const { items } = findSweepItems(marker?.repositoryId ?? '', [], roles);
  return items.filter((item) => item.name === name).flatMap((item) => item.roles);
}

/** The databases of all pull requests of a repository, by their marks; as {@link findSweepItems} finds them. */
export function findPullRequestDatabases<T extends WithName<ObservedDatabase>>(
  repositoryId: string,
  databases: readonly T[],
): readonly T[] {
  const { items } = findSweepItems(repositoryId, databases, []);
  const names = new Set(items.map(({ name }) => name));
  return databases.filter(({ name }) => names.has(name));
}

/**
 * The names of the roles of all pull requests of a repository, by their marks.
 * @param exceptDatabase a database whose own roles are left out
 */
export const findPullRequestRoleNames = (
  repositoryId: string,
  roles: readonly WithName<ObservedRole>[],
  exceptDatabase?: string,
): readonly string[] =>
  findSweepItems(repositoryId, [], roles)
    .items.filter(({ name }) => name !== exceptDatabase)
    .flatMap((item) => item.roles.map(({ name }) => name));
