import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { formatDuration, type RunContext, retry } from '../../common/polling.ts';
import { describeBlockers, revokePublicConnectHint, takeUnseen } from '../../postgres/activity.ts';
import { formatPgError, getSqlState, LOCK_NOT_AVAILABLE } from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';

/** Milliseconds for sessions in a template to end; PostgreSQL itself waits five seconds in each attempt. */
const TEMPLATE_IN_USE_TIMEOUT_MS = 30_000;

/**
 * Bytes from which FILE_COPY is the faster strategy. FILE_COPY performs two checkpoints. WAL_LOG writes every page
 * twice, so its time grows about four times as fast (`npm run bench -- clone-strategies`;
 * docs/azure-behavior.md#cloning-databases).
 */
export const FILE_COPY_MIN_BYTES = 128 * 1024 * 1024;

/** The STRATEGY clause for a clone of this template; empty before PostgreSQL 15, which has no such option. */
export async function cloneStrategyClause(session: Session, template: string): Promise<string> {
  const [row] = await session.query<{ version: number; size: string | null }>(
    // The size needs CONNECT or pg_read_all_stats. Without them, the server's default strategy is used.
    `SELECT current_setting('server_version_num')::int AS version,
       CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
         THEN pg_database_size(oid) END AS size
     FROM pg_database WHERE datname = $1`,
    [template],
  );
  if (row === undefined || row.version < 150_000 || row.size === null) return '';
  return Number(row.size) >= FILE_COPY_MIN_BYTES ? 'STRATEGY file_copy' : 'STRATEGY wal_log';
}

/**
 * Retries `copy` while sessions use the template (55006), for {@link TEMPLATE_IN_USE_TIMEOUT_MS}. Sessions of pull
 * requests' roles of this repository are ended right before each attempt, because a connection pool opens new ones
 * immediately. Other sessions are only awaited.
 * @param terminatePullRequestSessions ends those sessions, and returns a line for each
 * @throws `template-in-use`, which names the sessions, and states whether ended ones reconnected
 */
export async function retryWhileInUse<T>(
  run: RunContext,
  session: Session,
  template: string,
  copy: () => Promise<T>,
  terminatePullRequestSessions: (oid: string) => Promise<readonly string[]>,
): Promise<T> {
  let hasLogged = false;
  let timesEnded = 0;
  const endedBefore = new Set<string>();
  const attempt = async (): Promise<T> => {
    const ended = await terminatePullRequestSessions(await findDatabaseOid(session, template));
    // A session that could not be ended is listed again, but has not reconnected.
    if (takeUnseen(ended, endedBefore).length > 0) timesEnded += 1;
    return await copy();
  };
  const getRetryReason = async (error: unknown, elapsedMs: number): Promise<string> => {
    const blockers = await findBlockers(session, await findDatabaseOid(session, template), error);
    if ('sessions' in blockers && elapsedMs >= TEMPLATE_IN_USE_TIMEOUT_MS) {
      const parameters = {
        template,
        after: formatDuration(elapsedMs),
        timesEnded,
        hint: revokePublicConnectHint(template),
      };
      throw actionError('template-in-use', { ...parameters, ...blockers }, { cause: error });
    }
    const reason = Object.values(blockers).flat().join('; ');
    if (!hasLogged) run.info(`Waiting for template '${template}': ${reason}`);
    hasLogged = true;
    return reason;
  };
  const options = { pauses: () => 500, log: 'debug' } as const;
  return await retry(run, `cloning template '${template}'`, attempt, getRetryReason, options);
}

/** Returns 0, which is the oid of no database, when the database does not exist. */
async function findDatabaseOid(session: Session, database: string): Promise<string> {
  const [row] = await session.query<{ oid: string }>(
    'SELECT oid::text AS oid FROM pg_database WHERE datname = $1',
    [database],
  );
  return row?.oid ?? '0';
}

/**
 * What prevents the copy of a template: sessions and prepared transactions in it, or a lock, such as that of another
 * job that copies it for minutes. Only the end of the run limits the wait for a lock.
 * @throws every other error unchanged
 */
async function findBlockers(
  session: Session,
  oid: string,
  error: unknown,
): Promise<{ readonly sessions: readonly string[] } | { readonly locks: readonly string[] }> {
  const state = getSqlState(error);
  if (state === '55006') return { sessions: await describeBlockers(session, 'in the database', { oid }) };
  if (state === LOCK_NOT_AVAILABLE)
    return { locks: await describeBlockers(session, 'that lock the database', { oid }) };
  throw error;
}

/** The roles whose privileges on the template are not copied to the clone. */
interface RoleMapping {
  /** The application role of the template. */
  readonly templateRole: string | undefined;
  /** The application role of the clone, which gets the settings that `templateRole` has for itself and in the template. */
  readonly cloneRole: string | undefined;
  /** Roles of other pull requests, also when the template is their own database. */
  readonly others: readonly string[];
}

/** Copies the grants on the template to the clone, which CREATE DATABASE does not (docs/azure-behavior.md#cloning-databases). */
export async function copyGrants(
  session: Session,
  template: string,
  clone: string,
  { templateRole, cloneRole, others }: RoleMapping,
): Promise<void> {
  const rows = await session.query<{ grantee: string; privilege: string; grantable: boolean }>(
    `SELECT r.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
     FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE d.datname = $1 AND a.grantee <> d.datdba AND NOT r.rolsuper AND r.rolname <> current_user
       AND r.rolname <> ALL ($2)`,
    [template, [templateRole, cloneRole, ...others].filter((name) => name !== undefined)],
  );
  const database = pg.escapeIdentifier(clone);
  for (const { grantee, privilege, grantable } of rows) {
    const option = grantable ? ' WITH GRANT OPTION' : '';
    await session.query(
      `GRANT ${privilege} ON DATABASE ${database} TO ${pg.escapeIdentifier(grantee)}${option}`,
    );
  }
}

/**
 * Copies the settings of ALTER DATABASE … SET from the template to the clone, and those of ALTER ROLE … SET, with or
 * without IN DATABASE, from `templateRole` to `cloneRole` in the clone. Warns about settings that the administrator has no permission to set.
 */
export async function copySettings(
  run: RunContext,
  session: Session,
  template: string,
  clone: string,
  { templateRole, cloneRole }: Omit<RoleMapping, 'others'>,
): Promise<void> {
  const rows = await session.query<{ setting: string; ofRole: boolean; isText: boolean }>(
    `SELECT c.setting, s.setrole <> 0 AS "ofRole", coalesce((SELECT p.vartype = 'string' FROM pg_settings p
       WHERE lower(p.name) = lower(split_part(c.setting, '=', 1))), true) AS "isText"
     FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
       LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
     WHERE d.datname = $1 AND s.setrole = 0 OR r.rolname = $2 AND (d.datname = $1 OR s.setdatabase = 0 AND $2 <> $3)
     ORDER BY s.setdatabase <> 0`, // Those of the role in the template are set last, because they have precedence.
    [template, cloneRole === undefined ? null : (templateRole ?? null), cloneRole ?? null],
  );
  for (const { setting, ofRole, isText } of rows) {
    const separatorIndex = setting.indexOf('=');
    const name = setting.slice(0, separatorIndex);
    const value = setting.slice(separatorIndex + 1);
    const variable = name.split('.').map(pg.escapeIdentifier).join('.');
    const alterTarget = ofRole
      ? `ROLE ${pg.escapeIdentifier(cloneRole ?? '')} IN DATABASE ${pg.escapeIdentifier(clone)}`
      : `DATABASE ${pg.escapeIdentifier(clone)}`;
    try {
      // Not in effect in this session: a statement_timeout could end the statement that sets it.
      if (!isText) await session.query(`ALTER ${alterTarget} SET ${variable} TO ${pg.escapeLiteral(value)}`);
      else
        await session.transaction(async () => {
          // FROM CURRENT keeps the quoting of lists, which cannot be derived from the stored text.
          await session.query('SELECT pg_catalog.set_config($1, $2, true)', [name, value]);
          await session.query(`ALTER ${alterTarget} SET ${variable} FROM CURRENT`);
        });
    } catch (error) {
      // Only a refused setting is left out; a lost session or a read-only server is an error.
      if (getSqlState(error) === '') throw error;
      run.warning(
        `The setting '${name}' of template '${template}' was not set on its clone: ${formatPgError(error)}`,
      );
    }
  }
}
