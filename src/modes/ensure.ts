import type { FoundServer } from '../azure/reader.ts';
import { actionError, getErrorMessage } from '../common/errors.ts';
import { GitHubApi } from '../github/api.ts';
import { ActionState } from '../github/state.ts';
import type { EnsureConfig } from '../inputs/types.ts';
import { runMigration } from '../migration/run-migration.ts';
import type { LoginTarget } from '../postgres/login.ts';
import { SCRAM_VERIFIER_HINT } from '../postgres/login-errors.ts';
import { derivePassword } from '../postgres/password.ts';
import type { Session } from '../postgres/session.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { Connection } from '../publish/connection-formats.ts';
import {
  maskedEnvironment,
  publishConnection,
  writeEnvFile,
  writeRootCertificates,
} from '../publish/publish.ts';
import { formatUtc } from '../reporting/log-lines.ts';
import { extendExpiry, readExpiry } from '../resources/database/create-database.ts';
import { checkDatabaseOwner } from '../resources/database/database-handler.ts';
import { dataPlaneResources, inDatabaseResources } from '../resources/index.ts';
import { SqlWriter } from '../resources/sql-writer.ts';
import {
  type ModeContext,
  openControlPlane,
  reconcile,
  type WritableControlPlane,
  withWriter,
} from './context.ts';
import { ensureServer } from './ensure-server.ts';
import { commentOnDatabase } from './pull-request-comment.ts';
import { writeDriftReport } from './report-drift.ts';
import { ServerConnections } from './server-connections.ts';
import { terminateLockHolders } from './terminate-lock-holders.ts';

/** `mode: ensure`: control plane, reach, data plane, migrate, publish, in reading order. */
export async function ensure(ctx: ModeContext<EnsureConfig>): Promise<void> {
  const { reporter } = ctx;
  await rejectClosedPullRequest(ctx);
  warnAdminCredentialsExported(ctx);
  const azure = withWriter(ctx, openControlPlane(ctx));
  const found = await reporter.phase('Ensure the server', () => ensureServer(ctx, azure));
  const connections = new ServerConnections(ctx, azure, found);
  const target = publishedTarget(ctx, connections.administrator, found.server.id ?? '');
  const session = await reporter.phase('Reach it', () => connections.connect());
  const { appSession, expires } = await reporter
    .phase('Ensure the database', () =>
      ensureDataPlane(ctx, azure, connections, target, new SqlReader(session)),
    )
    .finally(() => session.close());
  try {
    const connection = await preparePublishedConnection(ctx, target);
    await commentOnDatabase(ctx, connection, expires);
    await migrateAndPublish(ctx, found, appSession, connection, connections);
  } finally {
    await appSession.close();
  }
}

/** What is published, as it was proved: a session in it, and when it expires. */
interface EnsureResult {
  readonly appSession: Session;
  readonly expires: Date | undefined;
}

/** Role and database, then a login as what is published, then what is inside. */
async function ensureDataPlane(
  ctx: ModeContext<EnsureConfig>,
  { writer: azureWriter }: WritableControlPlane,
  connections: ServerConnections,
  target: LoginTarget,
  reader: SqlReader,
): Promise<EnsureResult> {
  const { run, config, reporter } = ctx;
  const writer = new SqlWriter({
    run,
    reader,
    openDatabaseSession: (database) => connections.openDatabaseSession(database),
    dropDatabaseWithArm: (database) => azureWriter.dropDatabase(database),
    allowExtensions: (extensions) => azureWriter.allowExtensions(extensions),
    appRole: config.appRole,
    password: config.appRole && target.password,
    extensions: config.extensions,
  });
  await ensureDatabase(ctx, reader, writer);
  const appSession = await connectAsPublished(ctx, connections, target, writer);
  try {
    await reconcile(reporter, inDatabaseResources, config, { reader: new SqlReader(appSession), writer });
    // What this run added, another job that had read the list before may have taken away again.
    if (reporter.hasChanged('extension allow-list')) await azureWriter.allowExtensions(config.extensions);
    return { appSession, expires: await reportExpiry(ctx, reader) };
  } catch (error) {
    await appSession.close();
    throw error;
  }
}

/** A closed pull request gets no database: a re-run of an old job would raise it from the dead. */
async function rejectClosedPullRequest({ run, config }: ModeContext<EnsureConfig>): Promise<void> {
  const { pullRequest, gitHubToken } = config;
  if (pullRequest === undefined) return;
  const { number, repository, state } = pullRequest;
  const closedError = (): Error =>
    actionError('pull-request-closed', { number, repository: repository.name });
  if (state === 'closed') throw closedError();
  const observed = await new GitHubApi(gitHubToken, repository.name, run).getPullRequestState(number);
  if (observed.status === 'present' && observed.value === 'closed') throw closedError();
  if (observed.status === 'unknown')
    run.info(
      `Whether pull request #${number} is still open is not known, so what the event says is believed. ${observed.error.message}`,
    );
}

function warnAdminCredentialsExported({ run, config }: ModeContext<EnsureConfig>): void {
  const { pullRequest, appRole, publish: published } = config;
  if (pullRequest === undefined || appRole !== undefined || !published.exportEnv) return;
  run.warning(
    'Without app-username later steps, which run the pull request’s own code, get the administrator’s password. Give app-username and app-password-key.',
  );
}

/** Who later steps log in as: the application role where there is one, and always in the database that is declared. */
function publishedTarget(
  { runtime, config }: ModeContext<EnsureConfig>,
  administrator: LoginTarget,
  serverId: string,
): LoginTarget {
  const { appRole, database } = config;
  const adminTarget = { ...administrator, database: database.name };
  if (appRole === undefined) return adminTarget;
  const { name, secret } = appRole;
  const password =
    'password' in secret
      ? secret.password
      : derivePassword(secret.key, { serverId, database: database.name, role: name });
  runtime.mask(password);
  return { ...adminTarget, user: name, password };
}

/** Makes role and database, or adopts what is there after a look at its owner: what ARM made may be somebody else's. */
async function ensureDatabase(
  { runtime, run, config, reporter }: ModeContext<EnsureConfig>,
  reader: SqlReader,
  writer: SqlWriter,
): Promise<void> {
  if (config.database.marker !== undefined && !config.database.reset)
    await extendExpiry(run, reader, config.database);
  await reconcile(reporter, dataPlaneResources, config, { reader, writer });
  // What this run made is the administrator's own.
  if (reporter.hasCreated('database')) return;
  const found = await reader.database(config.database.name);
  const advice = found.status === 'present' ? checkDatabaseOwner(config, found.value) : undefined;
  if (advice !== undefined) runtime.notice(advice);
}

async function reportExpiry(
  { run, config }: ModeContext<EnsureConfig>,
  reader: SqlReader,
): Promise<Date | undefined> {
  const { database } = config;
  const expires = database.marker && (await readExpiry(reader, database));
  if (expires !== undefined)
    run.info(`Database '${database.name}' expires at ${formatUtc(expires)}, unless ensured again.`);
  return expires;
}

/** PostgreSQL's word for a wrong password, which it says before anything about the database. */
const INVALID_PASSWORD_SQL_STATE = '28P01';

/**
 * Logs in as what is about to be published, which proves it. Only a refused password of the application role leads to
 * a new one (design.md).
 */
async function connectAsPublished(
  { config, reporter }: ModeContext<EnsureConfig>,
  connections: ServerConnections,
  target: LoginTarget,
  writer: SqlWriter,
): Promise<Session> {
  const { appRole } = config;
  if (appRole === undefined) return await connections.openSession(target);
  const first = await connections.connectionDeps(target).login(APP_LOGIN_TIMEOUT_MS).result;
  if ('session' in first) return first.session;
  if (first.failure.sqlState === INVALID_PASSWORD_SQL_STATE) {
    const change = {
      resource: 'role',
      name: appRole.name,
      action: 'update',
      details: 'its password',
    } as const;
    reporter.onApplyStart(change);
    await writer.setPassword(appRole.name);
    reporter.onApplied(change);
    const second = await connections.connectionDeps(target).login(APP_LOGIN_TIMEOUT_MS).result;
    if ('session' in second) return second.session;
    const { reason, sqlState } = second.failure;
    const { user, host, database } = target;
    if (sqlState === INVALID_PASSWORD_SQL_STATE)
      throw actionError('login-failed', { user, host, database, reason, hint: SCRAM_VERIFIER_HINT });
  }
  return await connections.openSession(target);
}

/** Milliseconds for a login where another has just succeeded. */
const APP_LOGIN_TIMEOUT_MS = 3000;

/** What is published, with its secrets masked and the file of root certificates written. */
async function preparePublishedConnection(
  { runtime, config }: ModeContext<EnsureConfig>,
  target: LoginTarget,
): Promise<Connection> {
  const { host, port, database, user, password } = target;
  const sslRootCert = await writeRootCertificates(config.publish);
  const connection = { host, port, database, user, password, sslMode: config.publish.sslMode, sslRootCert };
  maskedEnvironment(runtime, config.publish, connection);
  return connection;
}

/**
 * Migrates, and publishes then, also after a failure: the migration can write to the same files of the runner, where
 * the last value wins.
 */
async function migrateAndPublish(
  ctx: ModeContext<EnsureConfig>,
  found: FoundServer,
  session: Session,
  published: Connection,
  connections: ServerConnections,
): Promise<void> {
  const { runtime, config, reporter } = ctx;
  const { user, password } = connections.administrator;
  const { migration, publish: publishing } = config;
  const state = new ActionState(runtime);
  const migrateNow = async (): Promise<void> => {
    if (migration === undefined) return;
    // A migration may read the file.
    await writeEnvFile(runtime, state, publishing, published);
    const connection = migration.runAs === 'admin' ? { ...published, user, password } : published;
    const alreadyWarned = new Set<string>();
    const onLockContended = (): Promise<readonly string[]> =>
      terminateLockHolders(ctx, connections, alreadyWarned);
    const { host, port, database } = connection;
    const migrationRun = {
      config: migration,
      server: found,
      target: {
        host,
        port,
        database,
        user: connection.user,
        password: connection.password,
        applicationName: runtime.applicationName,
      },
      variables: maskedEnvironment(runtime, publishing, connection),
    };
    await reporter.phase('Migrate', () =>
      runMigration(ctx.run, state, migrationRun, session, onLockContended),
    );
  };
  const publishNow = async (): Promise<void> => {
    await publishConnection(runtime, state, publishing, published);
    await writeRootCertificates(publishing);
    await writeDriftReport(ctx);
  };
  const [migrationOutcome] = await Promise.allSettled([migrateNow()]);
  runtime.repairCommandFiles();
  state.rewrite();
  const [publishOutcome] = await Promise.allSettled([reporter.phase('Publish the connection', publishNow)]);
  if (migrationOutcome.status === 'fulfilled') {
    if (publishOutcome.status === 'rejected') throw publishOutcome.reason;
    return;
  }
  // Why the migration failed weighs more than what it has left in the way of a file.
  if (publishOutcome.status === 'rejected') runtime.error(getErrorMessage(publishOutcome.reason));
  throw migrationOutcome.reason;
}
