import type { RunContext } from '../common/polling.ts';
import type { Session } from './session.ts';
import type { SqlReader } from './sql-reader.ts';

/** The sessions of one server's administrator. */
export interface AdminSessions {
  readonly run: RunContext;
  /** Reads in the session in database `postgres`. */
  readonly reader: SqlReader;
  /** Opens a session in another database; the caller closes it. */
  readonly openDatabaseSession: (database: string) => Promise<Session>;
}

/** Runs `work` in a session of the administrator in this database, and closes the session. */
export async function withDatabaseSession<T>(
  { openDatabaseSession }: Pick<AdminSessions, 'openDatabaseSession'>,
  database: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openDatabaseSession(database);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The administrator of the session, for statements that name it. */
export async function readCurrentUser(session: Session): Promise<string> {
  const [row] = await session.query<{ name: string }>('SELECT current_user AS name');
  return row?.name ?? '';
}
