import type { ServerConnections } from '../connect/server-connections.ts';
import type { EnsureConfig } from '../inputs/types.ts';
import { terminatePullRequestSessions } from '../postgres/activity.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { ModeContext } from './context.ts';

/** Milliseconds for a login after others have just succeeded. */
const LOGIN_TIMEOUT_MS = 3000;

/**
 * Terminates sessions and prepared transactions of other pull requests' roles that hold or wait for the migration lock of
 * this database. Only the administrator can do this; the lock itself belongs to the role that migrates.
 * @param alreadyWarned lines that earlier warnings contain
 * @returns a line for each session or transaction that was ended
 * @throws the reason why the administrator could not log in, after one attempt
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
