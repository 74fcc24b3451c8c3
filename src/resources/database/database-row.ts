import pg from 'pg';
import type { Session } from '../../postgres/session.ts';

/**
 * Locks the row of a database in `pg_database` until the end of the transaction, so that what is read of it afterwards
 * stays valid. Another session that locks the row waits, and then fails with a conflict, see `retryOnConflict`. The owner
 * has this privilege already; SELECT … FOR UPDATE is not permitted in a system catalog.
 * @param session in a transaction, of the owner
 */
export const lockDatabaseRow = (session: Session, name: string): Promise<unknown> =>
  session.query(`GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(name)} TO CURRENT_USER`);
