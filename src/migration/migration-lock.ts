import type { ServerConnections } from '../connect/server-connections.ts';
import type { EnsureConfig } from '../inputs/types.ts';
import type { ModeContext } from '../modes/context.ts';
import { terminatePullRequestSessions } from '../postgres/activity.ts';
import { SqlReader } from '../postgres/sql-reader.ts';

/** Milliseconds for a login where others have just succeeded. */
const LOGIN_TIMEOUT_MS = 3000;

/**
 * Ends sessions and prepared transactions of other databases' pull requests that hold or await this database's migration
 * lock. Only the administrator can, while the lock is asked for by the role that migrates.
 * @param alreadyWarned lines that a warning has named already
 * @returns a line for each that was ended
 * @throws why the administrator could not log in, which is tried once
 */
export async function terminateLockHolders(
  { run, config, runtime }: ModeContext<EnsureConfig>,
  connections: ServerConnections,
  alreadyWarned: Set<string>,
): Promise<readonly string[]> {
  const result = await connections.login(connections.administrator, LOGIN_TIMEOUT_MS).result;
  if ('failure' in result)
    throw new Error(`'${connections.administrator.user}' could not log in: ${result.failure.reason}`);
  try {
    const reader = new SqlReader(result.session);
    const found = await reader.database(config.database.name);
    if (found.status !== 'present') return [];
    const { name, oid } = found.value;
    return await terminatePullRequestSessions(
      { run, reader, openDatabaseSession: (database) => connections.openDatabaseSession(database) },
      'of other roles, that hold or await the migration lock',
      { name, oid, repositoryId: runtime.runIdentity.repositoryId },
      alreadyWarned,
    );
  } finally {
    await result.session.close();
  }
}
