import pg from 'pg';
import { messageOf } from '../errors.ts';
import type { Run } from '../waiting.ts';
import { asRole } from './membership.ts';
import type { Session } from './session.ts';
import { type PreparedTransaction, preparedTransactions, type Scope, type Those } from './sessions.ts';

/** What it takes to work in several databases of a server. */
export interface Entering {
  readonly run: Run;
  /** The administrator's session in `postgres`. */
  readonly reader: { readonly session: Session };
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly enter: (database: string) => Promise<Session>;
}

/**
 * Rolls back prepared transactions whose owner the administrator administers. They are to a drop what sessions are, but
 * outlive every session. Those of others stay; so do those in a database that cannot be entered.
 */
export async function rollBackPrepared(entering: Entering, those: Those, scope: Scope): Promise<void> {
  const { run, reader, enter } = entering;
  const found = await preparedTransactions(reader.session, those, scope);
  const inTheirDatabases = Map.groupBy(found, ({ database }) => database);
  for (const [database, transactions] of inTheirDatabases) {
    const failed = (error: unknown): void => {
      run.signal.throwIfAborted();
      run.debug(`Prepared transactions in database '${database}' stay: ${messageOf(error)}`);
    };
    const inside = await enter(database).catch(failed);
    if (inside === undefined) continue;
    try {
      for (const each of transactions) await rollBack(run, inside, each).catch(failed);
    } finally {
      await inside.close();
    }
  }
}

async function rollBack(
  run: Run,
  inside: Session,
  { gid, owner, database }: PreparedTransaction,
): Promise<void> {
  // PostgreSQL lets only the owner end it, and only outside a transaction.
  await asRole(inside, owner, () => inside.query(`ROLLBACK PREPARED ${pg.escapeLiteral(gid)}`));
  run.info(`Rolled back prepared transaction '${gid}' of role '${owner}' in database '${database}'.`);
}
