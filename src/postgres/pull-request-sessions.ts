import pg from 'pg';
import { pullRequestRoleNames } from '../plan/sweep.ts';
import { type Entering, rollBackPrepared } from './prepared.ts';
import { endSessions, firstSeen, holders, type Those } from './sessions.ts';
import type { SqlReader } from './sql-reader.ts';

/** A database, and the repository whose pull requests' roles have nothing to do in it. */
export interface ProtectedDatabase {
  readonly name: string;
  readonly oid: string;
  /** GitHub's numeric id. */
  readonly repositoryId: string;
}

/** What keeps roles of pull requests out of a database, with the statements. */
export function closeToPublic(database: string): string {
  const on = `CONNECT ON DATABASE ${pg.escapeIdentifier(database)}`;
  return `Close it to PUBLIC: for each role that needs it GRANT ${on} TO ROLE; then REVOKE ${on} FROM PUBLIC;`;
}

/**
 * Ends sessions and prepared transactions of pull requests' roles of this repository where they hold up others: in a
 * database that is open to PUBLIC every role may connect, keep a template from being copied, and take any advisory lock.
 * Roles whose own database it is are left alone; so is every role that the administrator did not make for a pull request.
 * @param warned lines that a warning has named already; those that are named now are added
 * @returns a line for each that was ended
 */
export async function endPullRequestSessions(
  entering: Entering & { readonly reader: SqlReader },
  those: Those,
  { name, oid, repositoryId }: ProtectedDatabase,
  warned: Set<string>,
): Promise<readonly string[]> {
  const { run, reader } = entering;
  const roles = pullRequestRoleNames(repositoryId, await reader.markedRoles(), name);
  if (roles.length === 0) return [];
  const scope = { oid, roles };
  const found = await holders(reader.session, those, scope);
  if (found.length === 0) return [];
  await endSessions(run, reader.session, those, scope);
  await rollBackPrepared(entering, those, scope);
  const unnamed = firstSeen(found, warned);
  if (unnamed.length > 0)
    run.warning(
      `Ended what roles of pull requests held open in database '${name}', which is not theirs: ${unnamed.join('; ')}. If PUBLIC may connect to it, every role of the server may. ${closeToPublic(name)}`,
    );
  return found;
}
