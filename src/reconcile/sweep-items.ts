import type { RoleConfig } from '../inputs/types.ts';
import type { Skipped } from './findings.ts';
import {
  findPullRequestDatabases,
  findPullRequestRoles,
  type ObservedDatabase,
  type ObservedRole,
} from './ownership.ts';

/** What one pull request has on a server: a database, its roles, or both. */
export interface SweepItem {
  /** How the item is reported: as a role when its database no longer exists. */
  readonly resource: 'database' | 'role';
  /** The database's name. */
  readonly name: string;
  readonly base: string;
  readonly number: number;
  readonly expires: Date | undefined;
  /** More than one when `app-username` was changed while the pull request was open. */
  readonly roles: readonly RoleConfig[];
}

/**
 * Groups the databases and roles that the action created for pull requests of this repository, one item for each
 * database.
 * @param databases those with a marker
 * @param roles those with a marker
 * @returns `notOwned`: what has a marker of this repository that is not trusted
 */
export function findSweepItems(
  repositoryId: string,
  databases: readonly (ObservedDatabase & { readonly name: string })[],
  roles: readonly (ObservedRole & { readonly name: string })[],
): { readonly items: readonly SweepItem[]; readonly notOwned: readonly Skipped[] } {
  const foundDatabases = findPullRequestDatabases(repositoryId, databases);
  const foundRoles = findPullRequestRoles(repositoryId, roles);
  const items = new Map<string, SweepItem>();
  for (const { name, marker } of foundDatabases.owned) {
    const { base, pullRequest: number, expires } = marker;
    items.set(name, { resource: 'database', name, base, number, expires, roles: [] });
  }
  for (const { databaseName, ...role } of foundRoles.owned) {
    const { database: base, pullRequest: number } = role.marker;
    // An interrupted drop removes the database and leaves its role.
    const item = items.get(databaseName) ?? {
      resource: 'role',
      name: databaseName,
      base,
      number,
      expires: undefined,
      roles: [],
    };
    items.set(databaseName, { ...item, roles: [...item.roles, role] });
  }
  return {
    items: [...items.values()],
    notOwned: [...foundDatabases.notOwned, ...foundRoles.notOwned],
  };
}
