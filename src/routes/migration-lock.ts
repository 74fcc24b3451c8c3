import type { EnsureConfig } from '../config/config.ts';
import { endPullRequestSessions } from '../postgres/pull-request-sessions.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { Act } from './control-plane.ts';
import type { DataPlane } from './data-plane.ts';

/**
 * Ends what roles of other databases' pull requests hold of this database's migration lock. Only the administrator can,
 * while the lock is asked for by the role that migrates.
 */
export async function endPullRequestLocks(
  { run, config, workflow }: Act<EnsureConfig>,
  plane: DataPlane,
): Promise<void> {
  const session = await plane.enter(plane.administrator);
  try {
    const reader = new SqlReader(session);
    const found = await reader.database(config.database.name);
    if (found.status !== 'present') return;
    const { name, oid } = found.value;
    const { repositoryId } = workflow.identity;
    const entering = { run, reader, enter: (database: string) => plane.enterDatabase(database) };
    await endPullRequestSessions(entering, 'that hold the migration lock', { name, oid, repositoryId });
  } finally {
    await session.close();
  }
}
