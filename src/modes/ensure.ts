import type { FoundServer } from '../azure/reader.ts';
import { actionError, getErrorMessage } from '../common/errors.ts';
import type { ServerConnections } from '../connect/server-connections.ts';
import type { EnsureConfig, PullRequestConfig } from '../inputs/types.ts';
import type { EarlyLogin, LoginTarget } from '../postgres/login.ts';
import { derivePassword } from '../postgres/password.ts';
import type { Session } from '../postgres/session.ts';
import { SqlReader, SqlSnapshot } from '../postgres/sql-reader.ts';
import type { Connection } from '../publish/connection-formats.ts';
import { maskedEnvironment, publishConnection, writeEnvFile } from '../publish/publish.ts';
import { writeRootCertificates } from '../publish/root-certificates.ts';
import { uniqueDrift } from '../reconcile/findings.ts';
import { startDataPlaneReads, startInDatabaseReads } from '../resources/index.ts';
import {
  administratorLogin,
  createConnections,
  expectedHost,
  type ModeContext,
  type WritableControlPlane,
  withWriter,
} from './context.ts';
import { APP_LOGIN_TIMEOUT_MS, ensureDatabase, reportCreation } from './ensure-database.ts';
import { ensureServer } from './ensure-server.ts';
import { commentOnDatabase } from './pull-request-comment.ts';
import { type DriftResult, writeDriftReport } from './report-drift.ts';

/** `mode: ensure`: the server, a connection, the database, the migration, and the connection for later steps. */
export async function ensure(ctx: ModeContext<EnsureConfig>): Promise<void> {
  const { pullRequest } = ctx.config;
  await withWriter(ctx, async (azure) => {
    const earlyLogin = startPublishedLogin(ctx, azure);
    const snapshotOf = startSnapshots(ctx, azure, earlyLogin);
    // Asked while the reads and the first logins, which change nothing, are in progress.
    if (pullRequest !== undefined) await rejectClosedPullRequest(ctx, pullRequest);
    await ensureOpen(ctx, azure, earlyLogin, snapshotOf);
  });
}

async function ensureOpen(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
  earlyLogin: EarlyLogin | undefined,
  snapshotOf: (session: Session) => SqlSnapshot,
): Promise<void> {
  const { reporter } = ctx;
  warnAdminCredentialsExported(ctx);
  const { found, ...server } = await reporter.phase('Ensure server', () => ensureServer(ctx, azure));
  const connections = createConnections(ctx, azure, found);
  const target = publishedTarget(ctx, connections.administrator, found.server.id ?? '');
  const session = await reporter.phase('Connect', () => connections.connect());
  const mayExist = server.changes.length === 0 && !ctx.config.database.reset;
  const closed: Promise<void>[] = [];
  const { appSession, expires, notCarried, isCreationUnreported, ...database } = await reporter
    .phase('Ensure database', () =>
      ensureDatabase(ctx, azure, connections, {
        target,
        earlyLogin: earlyLogin ?? (mayExist ? azure.startLogin(target, APP_LOGIN_TIMEOUT_MS) : undefined),
        reader: new SqlReader(session),
        snapshotOf,
        isAllowListChanged: server.changes.some(({ resource }) => resource === 'extension allow-list'),
      }),
    )
    .finally(() => {
      closed.push(session.close());
    });
  const { migration } = ctx.config;
  // Only a migration needs it from here on.
  if (migration === undefined) closed.push(appSession.close());
  try {
    const connection = preparePublishedConnection(ctx, target);
    const changes = [...server.changes, ...connections.changes, ...database.changes];
    await commentOnDatabase(ctx, connection, { expires, changes, notCarried });
    await migrateAndPublish(ctx, found, appSession, connection, connections, {
      serverId: found.server.id,
      findings: uniqueDrift([...server.remaining, ...database.remaining]),
      internetOpenRules: [],
    });
    if (isCreationUnreported) await reportCreation(ctx, connections);
  } finally {
    if (migration !== undefined) closed.push(appSession.close());
    await Promise.all(closed);
  }
}

/** Prevents a re-run of an old job from creating the database of a closed pull request again. */
async function rejectClosedPullRequest(
  { run, gitHub }: ModeContext<EnsureConfig>,
  pullRequest: PullRequestConfig,
): Promise<void> {
  const { number } = pullRequest;
  const observed = await gitHub.getPullRequestState(number);
  if (observed.status === 'present' && observed.value === 'closed') throw closedError(pullRequest);
  if (observed.status === 'unknown')
    run.info(
      `Could not determine whether pull request #${number} is still open; using the state in the event. ${observed.error.message}`,
    );
}

const closedError = ({ number, repository }: PullRequestConfig): Error =>
  actionError('pull-request-closed', { number, repository: repository.name });

function warnAdminCredentialsExported({ run, config }: ModeContext<EnsureConfig>): void {
  const { pullRequest, appRole, publish: published } = config;
  if (pullRequest === undefined || appRole !== undefined || !published.exportEnv) return;
  run.warning(
    'Without app-username, later steps get the administrator’s password and run the pull request’s code. Set app-username and app-password-key.',
  );
}

/** The login for later steps: the application role if one is declared, always in the declared database. */
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

/**
 * Starts the login of the application role while the run signs in. Undefined for a database that will be dropped; if the
 * password is derived from the server's id, and its resource group is not known yet; and for the administrator, whose
 * password may be wrong, and is then tried only once.
 */
function startPublishedLogin(
  ctx: ModeContext<EnsureConfig>,
  { startLogin }: WritableControlPlane,
): EarlyLogin | undefined {
  const { appRole, database, server, signIn } = ctx.config;
  const { name, resourceGroup } = server;
  const host = expectedHost(ctx);
  if (host === undefined || appRole === undefined || database.reset) return undefined;
  if ('key' in appRole.secret && resourceGroup === undefined) return undefined;
  const serverId = `/subscriptions/${signIn.subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${name}`;
  const target = publishedTarget(ctx, administratorLogin(ctx, host, {}), serverId);
  return startLogin(target, APP_LOGIN_TIMEOUT_MS);
}

/**
 * Starts what a run that changes nothing reads in its first sessions, while Azure Resource Manager answers.
 * @returns the snapshot of a session: with these reads if they were started in it
 */
function startSnapshots(
  { config }: ModeContext<EnsureConfig>,
  { early }: WritableControlPlane,
  earlyLogin: EarlyLogin | undefined,
): (session: Session) => SqlSnapshot {
  const started: SqlSnapshot[] = [];
  // The expiry of a pull request's database is extended first.
  if (config.database.marker === undefined)
    void early?.session.then((session) => session && started.push(startDataPlaneReads(session, config)));
  void earlyLogin?.session.then((session) => session && started.push(startInDatabaseReads(session, config)));
  return (session) => started.find((each) => each.session === session) ?? new SqlSnapshot(session);
}

/** Masks the secrets of the published connection, and writes the root certificates that it names. */
function preparePublishedConnection(
  { runtime, config }: ModeContext<EnsureConfig>,
  target: LoginTarget,
): Connection {
  const { host, port, database, user, password } = target;
  const sslRootCert = writeRootCertificates(config.publish);
  const connection = { host, port, database, user, password, sslMode: config.publish.sslMode, sslRootCert };
  maskedEnvironment(runtime, config.publish, connection);
  return connection;
}

/**
 * Migrates, then publishes, even after a failed migration: a migration can write to the runner's command files, where
 * the last value counts.
 */
async function migrateAndPublish(
  ctx: ModeContext<EnsureConfig>,
  found: FoundServer,
  session: Session,
  connection: Connection,
  connections: ServerConnections,
  drift: DriftResult,
): Promise<void> {
  const { runtime, config, state, reporter } = ctx;
  const [migrated] = await Promise.allSettled([migrate(ctx, found, session, connection, connections)]);
  runtime.repairCommandFiles();
  state.rewrite();
  const [published] = await Promise.allSettled([
    reporter.phase('Publish connection', async () => {
      const variables = publishConnection(runtime, state, config.publish, connection);
      const isAdministrator = config.appRole === undefined;
      reporter.recordLogin({ user: connection.user, isAdministrator, variables });
      if (isAdministrator)
        runtime.info(
          `Later steps log in as the administrator ${connection.user}, because app-username is not set`,
        );
      writeRootCertificates(config.publish);
      await writeDriftReport(ctx, drift);
    }),
  ]);
  if (migrated.status === 'fulfilled') {
    if (published.status === 'rejected') throw published.reason;
    return;
  }
  // The migration's error is thrown; it may also be the cause of this one.
  if (published.status === 'rejected') runtime.error(getErrorMessage(published.reason));
  throw migrated.reason;
}

async function migrate(
  ctx: ModeContext<EnsureConfig>,
  found: FoundServer,
  session: Session,
  published: Connection,
  connections: ServerConnections,
): Promise<void> {
  const { runtime, run, config, state, reporter } = ctx;
  const { migration } = config;
  if (migration === undefined) return;
  const [{ runMigration }, { terminateLockHolders }] = await Promise.all([
    import('../migration/run-migration.ts'),
    import('./terminate-lock-holders.ts'),
  ]);
  // The migration may read the dotenv file.
  writeEnvFile(runtime, state, config.publish, published);
  const { administrator } = connections;
  const { user, password } = administrator;
  const connection = migration.runAs === 'admin' ? { ...published, user, password } : published;
  const { host, port, database } = connection;
  const login = { host, port, database, user: connection.user, password: connection.password };
  const migrationRun = {
    config: migration,
    server: found,
    target: { ...administrator, ...login },
    objectOwner: migration.runAs === 'admin' ? config.appRole?.name : undefined,
    variables: maskedEnvironment(runtime, config.publish, connection),
    // Only a pull request's database can be cloned again.
    template: config.pullRequest === undefined ? undefined : config.database.template,
    envPrefix: config.publish.envPrefix,
  };
  const alreadyWarned = new Set<string>();
  await reporter.phase('Migrate', async () => {
    run.info(`Running the migration command as ${connection.user}`);
    await runMigration(run, state, migrationRun, session, () =>
      terminateLockHolders(ctx, connections, alreadyWarned),
    );
  });
}
