import pg from 'pg';
import { getErrorMessage } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import {
  type ActivityFilter,
  type ActivityScope,
  listPreparedTransactions,
  type PreparedTransaction,
} from './activity.ts';
import { runAsRole } from './role-membership.ts';
import type { Session } from './session.ts';

/** What it takes to work in several databases of a server. */
export interface AdminSessionDeps {
  readonly run: RunContext;
  /** The administrator's session in `postgres`. */
  readonly reader: { readonly session: Session };
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly openDatabaseSession: (database: string) => Promise<Session>;
}

/**
 * Rolls back prepared transactions whose owner the administrator administers. They are to a drop what sessions are, but
 * outlive every session. Those of others stay; so do those in a database that cannot be entered.
 */
export async function rollBackPreparedTransactions(
  deps: AdminSessionDeps,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<void> {
  const { run, reader, openDatabaseSession } = deps;
  const found = await listPreparedTransactions(reader.session, filter, scope);
  const transactionsByDatabase = Map.groupBy(found, ({ database }) => database);
  for (const [database, transactions] of transactionsByDatabase) {
    const logFailure = (error: unknown): void => {
      run.signal.throwIfAborted();
      run.debug(`Prepared transactions in database '${database}' stay: ${getErrorMessage(error)}`);
    };
    const session = await openDatabaseSession(database).catch(logFailure);
    if (session === undefined) continue;
    try {
      for (const each of transactions) await rollBackOne(run, session, each).catch(logFailure);
    } finally {
      await session.close();
    }
  }
}

async function rollBackOne(
  run: RunContext,
  session: Session,
  { gid, owner, database }: PreparedTransaction,
): Promise<void> {
  // PostgreSQL lets only the owner end it, and only outside a transaction.
  await runAsRole(session, owner, () => session.query(`ROLLBACK PREPARED ${pg.escapeLiteral(gid)}`));
  run.info(`Rolled back prepared transaction '${gid}' of role '${owner}' in database '${database}'.`);
}
