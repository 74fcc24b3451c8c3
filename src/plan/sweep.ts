import type { DatabaseConfig, RoleConfig } from '../config/config.ts';
import type { ReadMark } from '../config/marks.ts';
import { pullRequestName } from '../config/names.ts';
import type { SeenDatabase, SeenRole } from './ownership.ts';
import type { Kept } from './types.ts';

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

type Named<T> = T & { readonly name: string };
type OfPullRequest<T> = T & { readonly mark: ReadMark & { readonly pullRequest: number } };

/**
 * Everything that bears a pull request's mark of this repository, put together by pull request. A mark is believed only
 * where nobody but the administrator can have written it, and where the thing is called as it would be called (law 7).
 * @returns what may be swept, and what claims to be this repository's and is not
 */
export function sweepItems(
  repositoryId: string,
  databases: readonly Named<SeenDatabase>[],
  roles: readonly Named<SeenRole>[],
): { readonly items: readonly SweepItem[]; readonly foreign: readonly Kept[] } {
  const foreign: Kept[] = [];
  const items = new Map<string, SweepItem>();
  for (const database of ofRepository(repositoryId, databases)) {
    const reason = whyForeignDatabase(database);
    if (reason !== undefined) foreign.push({ resource: 'database', name: database.name, reason });
    else items.set(database.name, itemOf(database));
  }
  for (const role of ofRepository(repositoryId, roles)) {
    const reason = whyForeignRole(role);
    if (reason !== undefined) foreign.push({ resource: 'role', name: role.name, reason });
    else addRole(items, role);
  }
  return { items: [...items.values()], foreign };
}

/** Those that say that they are a pull request's of this repository. */
const ofRepository = <T extends { readonly mark: ReadMark | undefined }>(
  repositoryId: string,
  things: readonly T[],
): readonly OfPullRequest<T>[] =>
  things.filter(
    (thing): thing is OfPullRequest<T> =>
      thing.mark?.kind === 'pull-request' && thing.mark.repositoryId === repositoryId,
  );

const misnamed = 'its mark does not fit its name';

function whyForeignDatabase({
  name,
  owner,
  ownedByUs,
  mark,
}: OfPullRequest<Named<SeenDatabase>>): string | undefined {
  if (!ownedByUs) return `its mark is not believed, for it belongs to '${owner}'`;
  const fits = mark.database === undefined && name === pullRequestName(mark.base, mark.pullRequest);
  return fits ? undefined : misnamed;
}

function whyForeignRole({ name, administered, mark }: OfPullRequest<Named<SeenRole>>): string | undefined {
  if (!administered) return 'its mark is not believed, for it was made by somebody else';
  const fits = mark.database !== undefined && name === pullRequestName(mark.base, mark.pullRequest);
  return fits ? undefined : misnamed;
}

function itemOf({ name, mark }: OfPullRequest<Named<SeenDatabase>>): SweepItem {
  const { base, pullRequest: number, expires } = mark;
  return { resource: 'database', name, base, number, expires, roles: [] };
}

function addRole(items: Map<string, SweepItem>, { name, mark }: OfPullRequest<Named<SeenRole>>): void {
  const { kind, repositoryId, pullRequest, base, database = '' } = mark;
  if (kind !== 'pull-request') return;
  const of = pullRequestName(database, pullRequest);
  const role: RoleConfig = { name, base, mark: { kind, repositoryId, pullRequest, base, database } };
  const item = items.get(of) ?? orphan(of, database, pullRequest);
  items.set(of, { ...item, roles: [...item.roles, role] });
}

/** A role whose database is gone: dropping it was interrupted in between. */
const orphan = (database: string, base: string, number: number): SweepItem => ({
  resource: 'role',
  name: database,
  base,
  number,
  expires: undefined,
  roles: [],
});

/** The roles that a pull request has for its database, by their marks; as {@link sweepItems} finds them. */
export function rolesOf(
  { name, mark }: Pick<DatabaseConfig, 'name' | 'mark'>,
  roles: readonly Named<SeenRole>[],
): readonly RoleConfig[] {
  const { items } = sweepItems(mark?.repositoryId ?? '', [], roles);
  return items.filter((item) => item.name === name).flatMap((item) => item.roles);
}

/** The databases of all pull requests of a repository, by their marks; as {@link sweepItems} finds them. */
export function pullRequestDatabases<T extends Named<SeenDatabase>>(
  repositoryId: string,
  databases: readonly T[],
): readonly T[] {
  const { items } = sweepItems(repositoryId, databases, []);
  const names = new Set(items.map(({ name }) => name));
  return databases.filter(({ name }) => names.has(name));
}

/**
 * The names of the roles of all pull requests of a repository, by their marks.
 * @param except a database whose own roles are left out
 */
export const pullRequestRoleNames = (
  repositoryId: string,
  roles: readonly Named<SeenRole>[],
  except?: string,
): readonly string[] =>
  sweepItems(repositoryId, [], roles)
    .items.filter(({ name }) => name !== except)
    .flatMap((item) => item.roles.map(({ name }) => name));
