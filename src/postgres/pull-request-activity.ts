import pg from 'pg';
import { findPullRequestRoleNames } from '../reconcile/sweep-items.ts';
import { type ActivityFilter, describeActivity, takeUnseen, terminateSessions } from './activity.ts';
import { type AdminSessionDeps, rollBackPreparedTransactions } from './prepared-transactions.ts';
import type { SqlReader } from './sql-reader.ts';

/** A database, and the repository whose pull requests' roles have nothing to do in it. */
export interface ProtectedDatabase {
  readonly name: string;
  readonly oid: string;
  /** GitHub's numeric id. */
  readonly repositoryId: string;
}

/** What keeps roles of pull requests out of a database, with the statements. */
export function revokePublicConnectHint(database: string): string {
  const on = `CONNECT ON DATABASE ${pg.escapeIdentifier(database)}`;
  return `Close it to PUBLIC: for each role that needs it GRANT ${on} TO ROLE; then REVOKE ${on} FROM PUBLIC;`;
}

/**
 * Ends sessions and prepared transactions of pull requests' roles of this repository where they hold up others: in a
 * database that is open to PUBLIC every role may connect, keep a template from being copied, and take any advisory lock.
 * Roles whose own database it is are left alone; so is every role that the administrator did not make for a pull request.
 * @param alreadyWarned lines that a warning has named already; those that are named now are added
 * @returns a line for each that was ended
 */
export async function terminatePullRequestSessions(
  deps: AdminSessionDeps & { readonly reader: SqlReader },
  filter: ActivityFilter,
  { name, oid, repositoryId }: ProtectedDatabase,
  alreadyWarned: Set<string>,
): Promise<readonly string[]> {
  const { run, reader } = deps;
  const roles = findPullRequestRoleNames(repositoryId, await reader.markedRoles(), name);
  if (roles.length === 0) return [];
  const scope = { oid, roles };
  const found = await describeActivity(reader.session, filter, scope);
  if (found.length === 0) return [];
  await terminateSessions(run, reader.session, filter, scope);
  await rollBackPreparedTransactions(deps, filter, scope);
  const newHolders = takeUnseen(found, alreadyWarned);
  if (newHolders.length > 0)
    run.warning(
      `Ended what roles of pull requests held open in database '${name}', which is not theirs: ${newHolders.join('; ')}. If PUBLIC may connect to it, every role of the server may. ${revokePublicConnectHint(name)}`,
    );
  return found;
}
