import type pg from 'pg';
import { ActionError } from '../../common/errors.ts';
import { waitFor } from '../../common/polling.ts';
import type { AdminSessionDeps } from '../../postgres/prepared-transactions.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { findPullRequestDatabases } from '../../reconcile/sweep-items.ts';
import { ownershipDependencySql } from './owned-objects.ts';

/** What it takes to look for a role in all databases of a server. */
export type RoleLookupDeps = AdminSessionDeps & { readonly reader: SqlReader };

/** A role of a pull request. */
export interface PullRequestRole {
  readonly name: string;
  readonly oid: string;
  /** GitHub's numeric id of the repository that the role was made for. */
  readonly repositoryId: string;
}

/** A database in which a role owns something, or has rights. */
export interface RoleDatabase {
  readonly name: string;
  readonly oid: string;
  /** How many objects and policies, temporary objects and policies for other roles too among them. */
  readonly owned: number;
  /** Whether it was made for a pull request of the role's repository. */
  readonly ofPullRequest: boolean;
}

/** Databases in which a role owns something or has rights, by name. */
export async function listRoleDatabases(
  reader: SqlReader,
  { oid, repositoryId }: PullRequestRole,
): Promise<readonly RoleDatabase[]> {
  const rows = await reader.session.query<Omit<RoleDatabase, 'ofPullRequest'> & pg.QueryResultRow>(
    `SELECT d.datname AS name, d.oid::text AS oid, count(*) FILTER (WHERE ${ownershipDependencySql('$1')})::int AS owned
     FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1
     GROUP BY d.oid, d.datname ORDER BY d.datname`,
    [oid],
  );
  const pullRequestOids = new Set(
    findPullRequestDatabases(repositoryId, await reader.markedDatabases()).map((database) => database.oid),
  );
  return rows.map((row) => ({ ...row, ofPullRequest: pullRequestOids.has(row.oid) }));
}

/** Milliseconds for another job to drop a pull request's database that it has closed to connections. */
const DATABASE_DROP_TIMEOUT_MS = 60_000;

/**
 * Does something in a database of a role. The database may be another pull request's, which another job or another part
 * of the same sweep may drop at any moment: whatever fails then is no failure.
 * @returns what the work returns; `gone` where the database was dropped, `closed` where the administrator may not enter
 */
export async function withRoleDatabase<T>(
  deps: RoleLookupDeps,
  database: RoleDatabase,
  work: (session: Session) => Promise<T>,
): Promise<T | 'gone' | 'closed'> {
  const { run, openDatabaseSession } = deps;
  const state = await waitForDatabaseState(deps, database);
  if (state !== 'open') return state;
  try {
    const session = await openDatabaseSession(database.name);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  } catch (error) {
    run.signal.throwIfAborted();
    const stateAfterFailure = await waitForDatabaseState(deps, database);
    if (stateAfterFailure === 'open') throw error;
    return stateAfterFailure;
  }
}

/** Whether the administrator may enter it. One of a pull request that is closed is being dropped, which is waited for. */
export async function waitForDatabaseState(
  { run, reader }: RoleLookupDeps,
  { name, oid, ofPullRequest }: RoleDatabase,
): Promise<'open' | 'closed' | 'gone'> {
  const state = await readDatabaseState(reader.session, oid);
  if (state !== 'closed' || !ofPullRequest) return state;
  const poll = async () => {
    const now = await readDatabaseState(reader.session, oid);
    return now === 'closed' ? undefined : now;
  };
  return await waitFor(run, `another job to drop database '${name}'`, poll, {
    timeoutMs: DATABASE_DROP_TIMEOUT_MS,
  }).catch((error: unknown) => {
    if (error instanceof ActionError && error.code === 'timed-out') return 'closed' as const;
    throw error;
  });
}

async function readDatabaseState(session: Session, oid: string): Promise<'open' | 'closed' | 'gone'> {
  const [row] = await session.query<{ open: boolean }>(
    `SELECT datallowconn AND has_database_privilege(oid, 'CONNECT') AS open FROM pg_database WHERE oid = $1`,
    [oid],
  );
  if (row === undefined) return 'gone';
  return row.open ? 'open' : 'closed';
}
