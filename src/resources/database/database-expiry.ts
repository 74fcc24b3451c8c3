import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { serializeMarker } from '../../common/ownership-marker.ts';
import type { RunContext } from '../../common/polling.ts';
import type { DatabaseConfig } from '../../inputs/types.ts';
import { retryOnConflict } from '../../postgres/pg-errors.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { isCreationInProgress, isManagedDatabase } from '../../reconcile/ownership.ts';

/** The statement that writes the ownership marker of a pull request's database, with its expiry. */
export function markerCommentSql({ name, marker, expiresInMs }: DatabaseConfig, now: Date): string {
  const expires = expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs);
  const text = marker === undefined ? '' : serializeMarker(marker, expires);
  return `COMMENT ON DATABASE ${pg.escapeIdentifier(name)} IS ${pg.escapeLiteral(text)}`;
}

/**
 * Extends the expiry of a pull request's database that exists. Call it before all other work on the database, so that
 * no sweep drops the database in the meantime.
 */
export async function extendExpiry(
  run: RunContext,
  reader: SqlReader,
  desired: DatabaseConfig,
): Promise<void> {
  const observed = await reader.database(desired.name);
  if (
    observed.status !== 'present' ||
    !isManagedDatabase(observed.value, desired) ||
    isCreationInProgress(observed.value, desired)
  )
    return;
  if (desired.expiresInMs === undefined && observed.value.marker?.expires === undefined) return;
  const now = await reader.now();
  await retryOnConflict(run, () => reader.session.query(markerCommentSql(desired, now)));
}

/**
 * Reads when a pull request's database expires, from its ownership marker; undefined if it does not.
 * @throws `database-failed` when the database no longer exists
 */
export async function readExpiry(reader: SqlReader, desired: DatabaseConfig): Promise<Date | undefined> {
  const observed = await reader.database(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'present' && isManagedDatabase(observed.value, desired))
    return observed.value.marker?.expires;
  const reason = 'another job dropped it during this run.';
  const hint = 'If the pull request is still open, run the step again.';
  throw actionError('database-failed', { database: desired.name, reason, hint });
}
