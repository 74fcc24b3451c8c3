import { actionError, getErrorSummary } from '../common/errors.ts';
import type { ServerConnections } from '../connect/server-connections.ts';
import type { AppRoleConfig, EnsureConfig } from '../inputs/types.ts';
import type { EarlyLogin, LoginTarget } from '../postgres/login.ts';
import { expiredPasswordHint, SCRAM_VERIFIER_HINT } from '../postgres/login-errors.ts';
import { formatPgError, getSqlState } from '../postgres/pg-errors.ts';
import type { Session } from '../postgres/session.ts';
import { type SqlReader, SqlSnapshot } from '../postgres/sql-reader.ts';
import type { Change, NotCarried } from '../reconcile/findings.ts';
import { isCreationUnreported } from '../reconcile/ownership.ts';
import { ensurePolicy } from '../reconcile/policy.ts';
import { type ReconcileOutcome, reconcile } from '../reconcile/reconcile.ts';
import { formatUtc } from '../reporting/log-lines.ts';
import { warnUnusableObjects } from '../resources/database/adopt-objects.ts';
import { extendExpiry, readExpiry } from '../resources/database/database-expiry.ts';
import { checkDatabaseOwner } from '../resources/database/database-handler.ts';
import { allowExtensions } from '../resources/extension/allow-list.ts';
import { dataPlaneResources, inDatabaseResources } from '../resources/index.ts';
import type { SqlWriterDeps } from '../resources/sql-writer-deps.ts';
import type { ModeContext, WritableControlPlane } from './context.ts';

/** The published database. */
interface EnsuredDatabase extends ReconcileOutcome {
  /** A session with the published login, which proves that it works. */
  readonly appSession: Session;
  readonly expires: Date | undefined;
  /** For the comment on the pull request; empty without one. */
  readonly notCarried: readonly NotCarried[];
  /** Whether no run has reported its creation yet, see {@link reportCreation}. */
  readonly isCreationUnreported: boolean;
}

interface EnsureDatabaseOptions {
  /** The login that is published. */
  readonly target: LoginTarget;
  /** The same login, started earlier. It counts only if the database and the role are as they were then. */
  readonly earlyLogin: EarlyLogin | undefined;
  /** Reads in the administrator's session in `postgres`. */
  readonly reader: SqlReader;
  /** The snapshot of a session, perhaps with reads that were started before Azure had answered. */
  readonly snapshotOf: (session: Session) => SqlSnapshot;
  /** Whether this run has added to the server's extension allow-list. */
  readonly isAllowListChanged: boolean;
}

/** Ensures role, database and extensions. */
export async function ensureDatabase(
  ctx: ModeContext<EnsureConfig>,
  { writer: azureWriter }: WritableControlPlane,
  connections: ServerConnections,
  { target, earlyLogin, reader, snapshotOf, isAllowListChanged }: EnsureDatabaseOptions,
): Promise<EnsuredDatabase> {
  const { run, config, reporter } = ctx;
  const policy = ensurePolicy(config);
  const writer: SqlWriterDeps = {
    run,
    reader,
    openDatabaseSession: (database) => connections.openDatabaseSession(database),
    dropDatabaseWithArm: (database) => azureWriter.dropDatabase(database),
    allowExtensions: (extensions) => allowExtensions(azureWriter, extensions),
    appPassword: config.appRole && target.password,
  };
  if (config.database.marker !== undefined && !config.database.reset)
    await extendExpiry(run, reader, config.database);
  const snapshot = snapshotOf(reader.session);
  const options = { desired: config, policy, reader: snapshot, writer };
  const created = await reconcile(reporter, dataPlaneResources, options);
  const isUnchanged = created.plannedChanges.length === 0;
  const observed = await (isUnchanged ? snapshot : reader).database(config.database.name);
  if (observed.status === 'unknown') throw observed.error;
  const found = observed.status === 'present' ? observed.value : undefined;
  const ownerHint = found && checkDatabaseOwner(config, found);
  if (ownerHint !== undefined) ctx.runtime.notice(ownerHint);
  if (!isUnchanged) earlyLogin?.discard();
  const { session: appSession, changes: passwordChanges } = await connectAsPublished(
    ctx,
    connections,
    { target, earlyLogin: isUnchanged ? earlyLogin : undefined },
    writer,
  );
  try {
    const before = snapshotOf(appSession);
    const extended = await reconcile(reporter, inDatabaseResources, {
      desired: config,
      policy,
      reader: before,
      writer,
    });
    const after = extended.plannedChanges.length === 0 ? before : new SqlSnapshot(appSession);
    await warnUnusableObjects(run, after, config);
    // Another job that read the allow-list before this run's change may have overwritten it.
    if (isAllowListChanged) await allowExtensions(azureWriter, config.extensions);
    return {
      appSession,
      expires: await reportExpiry(ctx, reader),
      notCarried: await findNotCarried(ctx, appSession),
      isCreationUnreported: found !== undefined && isCreationUnreported(found, config.database),
      changes: [...created.changes, ...passwordChanges, ...extended.changes],
      remaining: [...created.remaining, ...extended.remaining],
    };
  } catch (error) {
    await appSession.close();
    throw error;
  }
}

/**
 * Reports the creation of the database if no run has done so: this run has created it, or an earlier run did and failed
 * or was killed. Of several jobs only one reports it. Called at the end of a run that has succeeded.
 */
export async function reportCreation(
  { run, config, reporter }: ModeContext<EnsureConfig>,
  connections: ServerConnections,
): Promise<void> {
  const { database } = config;
  const claim = async (): Promise<boolean> => {
    const { claimCreation } = await import('../resources/database/create-database.ts');
    const session = await connections.openSession(connections.administrator);
    return await claimCreation(run, session, database).finally(() => session.close());
  };
  const isClaimed = await claim().catch((error: unknown) => {
    run.signal.throwIfAborted();
    run.warning(
      `This run reports the creation of database '${database.name}', and a later run may report it again, because its connection limit could not be set to -1: ${getErrorSummary(error)}`,
    );
    return true;
  });
  if (reporter.reportDatabaseCreation(database.name, isClaimed)) return;
  run.info(
    isClaimed
      ? `Reporting the creation of database '${database.name}': the run that created it failed or was killed.`
      : `Another job has reported the creation of database '${database.name}'.`,
  );
}

/** Milliseconds for a login right after another one has succeeded. */
export const APP_LOGIN_TIMEOUT_MS = 3000;

/** PostgreSQL's SQLSTATE for a wrong password, which it checks before anything about the database. */
const INVALID_PASSWORD_SQL_STATE = '28P01';

/** Logs in with the published login. Sets the application role's password only if PostgreSQL rejects the current one. */
async function connectAsPublished(
  { config, reporter }: ModeContext<EnsureConfig>,
  connections: ServerConnections,
  { target, earlyLogin }: Pick<EnsureDatabaseOptions, 'target' | 'earlyLogin'>,
  writer: SqlWriterDeps,
): Promise<{ readonly session: Session; readonly changes: readonly Change[] }> {
  const { appRole } = config;
  const attempt = earlyLogin?.resume(target);
  const early = await attempt?.result;
  if (early !== undefined && 'session' in early) return { session: early.session, changes: [] };
  if (appRole === undefined) return { session: await connections.openSession(target), changes: [] };
  const first = early ?? (await connections.login(target, APP_LOGIN_TIMEOUT_MS).result);
  if ('session' in first) return { session: first.session, changes: [] };
  if (first.failure.sqlState !== INVALID_PASSWORD_SQL_STATE)
    return { session: await connections.openSession(target), changes: [] };
  const change = passwordChange(appRole);
  reporter.recordPlannedChange(change);
  reporter.onApplyStart(change);
  const { setRolePassword } = await import('../resources/role/create-role.ts');
  await setRolePassword(writer, appRole.name);
  reporter.onApplied(change);
  const second = await connections.login(target, APP_LOGIN_TIMEOUT_MS).result;
  if ('session' in second) return { session: second.session, changes: [change] };
  const { reason, sqlState } = second.failure;
  const { user, host, database } = target;
  if (sqlState === INVALID_PASSWORD_SQL_STATE)
    throw actionError('login-failed', {
      user,
      host,
      database,
      reason,
      hint: await explainRefusedPassword(writer, user),
    });
  return { session: await connections.openSession(target), changes: [change] };
}

/** Why PostgreSQL refuses the password that was just set. */
async function explainRefusedPassword({ reader }: SqlWriterDeps, user: string): Promise<string> {
  const [role] = await reader.session.query<{ validUntil: string }>(
    `SELECT rolvaliduntil::text AS "validUntil" FROM pg_roles WHERE rolname = $1 AND rolvaliduntil < now()`,
    [user],
  );
  return role === undefined ? SCRAM_VERIFIER_HINT : expiredPasswordHint(user, role.validUntil);
}

const passwordChange = ({ name }: AppRoleConfig): Change => ({
  resource: 'role',
  name,
  action: 'update',
  details: 'its password',
});

/** What the clone does not carry, which the comment lists at every push. A lock of a migration can prevent the query. */
async function findNotCarried(
  { config }: ModeContext<EnsureConfig>,
  session: Session,
): Promise<readonly NotCarried[]> {
  const { appRole, database, comment, administrator } = config;
  const { template } = database;
  if (!comment || appRole === undefined || template === undefined) return [];
  const { listNotCarried } = await import('../resources/database/carry-rights.ts');
  const { name: role, base } = appRole;
  try {
    return await listNotCarried(session, { role, base, administrator: administrator.username, template });
  } catch (error) {
    if (getSqlState(error) === '') throw error;
    return [{ subject: 'unknown', reason: `the catalogs could not be read: ${formatPgError(error)}` }];
  }
}

async function reportExpiry(
  { run, config }: ModeContext<EnsureConfig>,
  reader: SqlReader,
): Promise<Date | undefined> {
  const { database } = config;
  const expires = database.marker && (await readExpiry(reader, database));
  if (expires !== undefined)
    run.info(
      `Database '${database.name}' expires at ${formatUtc(expires)}, unless a later run extends this.`,
    );
  return expires;
}
