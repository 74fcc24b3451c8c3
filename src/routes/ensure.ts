import type { FoundServer } from '../azure/reader.ts';
import type { EnsureConfig } from '../config/config.ts';
import { fail, messageOf } from '../errors.ts';
import { GitHubApi } from '../github/api.ts';
import { Journal } from '../github/journal.ts';
import { utc } from '../plan/comment.ts';
import type { Connection } from '../postgres/connection.ts';
import type { LoginTarget } from '../postgres/login.ts';
import { verifierAdvice } from '../postgres/login-failures.ts';
import { expiryOf, renew } from '../postgres/making.ts';
import { derivedPassword } from '../postgres/password.ts';
import type { Session } from '../postgres/session.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import { SqlWriter } from '../postgres/sql-writer.ts';
import { environmentFor, publish, writeEnvFile, writeRootBundle } from '../publish.ts';
import { dataPlane, insideDatabase } from '../resources/catalogue.ts';
import { ownerAdvice } from '../resources/database.ts';
import { commentOnDatabase } from './comment.ts';
import { type Act, openControlPlane, pass, type WritableControlPlane, writable } from './control-plane.ts';
import { DataPlane } from './data-plane.ts';
import { writeDriftReport } from './drift.ts';
import { ensureServer } from './ensure-server.ts';
import { runMigration } from './migration.ts';
import { endPullRequestLocks } from './migration-lock.ts';

/** `mode: ensure`: control plane, reach, data plane, migrate, publish, in reading order. */
export async function ensure(act: Act<EnsureConfig>): Promise<void> {
  const { story } = act;
  await refuseClosed(act);
  warnOfAdministrator(act);
  const azure = writable(act, openControlPlane(act));
  const found = await story.phase('Ensure the server', () => ensureServer(act, azure));
  const plane = new DataPlane(act, azure, found);
  const target = connectionTarget(act, plane.administrator, found.server.id ?? '');
  const session = await story.phase('Reach it', () => plane.reach());
  const { inside, expires } = await story
    .phase('Ensure the database', () => ensureDataPlane(act, azure, plane, target, new SqlReader(session)))
    .finally(() => session.close());
  try {
    const connection = await connectionOf(act, target);
    await commentOnDatabase(act, connection, expires);
    await migrateAndPublish(act, found, inside, connection, plane);
  } finally {
    await inside.close();
  }
}

/** What is published, as it was proved: a session in it, and when it expires. */
interface Ensured {
  readonly inside: Session;
  readonly expires: Date | undefined;
}

/** Role and database, then a login as what is published, then what is inside. */
async function ensureDataPlane(
  act: Act<EnsureConfig>,
  { writer: arm }: WritableControlPlane,
  plane: DataPlane,
  target: LoginTarget,
  reader: SqlReader,
): Promise<Ensured> {
  const { run, config, story } = act;
  const writer = new SqlWriter({
    run,
    reader,
    enter: (database) => plane.enterDatabase(database),
    throughArm: (database) => arm.dropDatabase(database),
    allow: (extensions) => arm.allowExtensions(extensions),
    application: config.application,
    password: config.application && target.password,
    extensions: config.extensions,
  });
  await ensureDatabase(act, reader, writer);
  const inside = await enterAs(act, plane, target, writer);
  try {
    await pass(story, insideDatabase, config, { reader: new SqlReader(inside), writer });
    // What this run added, another job that had read the list before may have taken away again.
    if (story.hasChanged('extension allow-list')) await arm.allowExtensions(config.extensions);
    return { inside, expires: await toldExpiry(act, reader) };
  } catch (error) {
    await inside.close();
    throw error;
  }
}

/** A closed pull request gets no database: a re-run of an old job would raise it from the dead. */
async function refuseClosed({ run, config }: Act<EnsureConfig>): Promise<void> {
  const { pullRequest, gitHubToken } = config;
  if (pullRequest === undefined) return;
  const { number, repository, state } = pullRequest;
  const closed = (): Error => fail('pull-request-closed', { number, repository: repository.name });
  if (state === 'closed') throw closed();
  const seen = await new GitHubApi(gitHubToken, repository.name, run).pullRequest(number);
  if (seen.status === 'present' && seen.value === 'closed') throw closed();
  if (seen.status === 'unknown')
    run.info(
      `Whether pull request #${number} is still open is not known, so what the event says is believed. ${seen.error.message}`,
    );
}

function warnOfAdministrator({ run, config }: Act<EnsureConfig>): void {
  const { pullRequest, application, publish: published } = config;
  if (pullRequest === undefined || application !== undefined || !published.exportEnv) return;
  run.warning(
    'Without app-username later steps, which run the pull request’s own code, get the administrator’s password. Give app-username and app-password-key.',
  );
}

/** Who later steps log in as: the application role where there is one, and always in the database that is declared. */
function connectionTarget(
  { workflow, config }: Act<EnsureConfig>,
  administrator: LoginTarget,
  serverId: string,
): LoginTarget {
  const { application, database } = config;
  const inside = { ...administrator, database: database.name };
  if (application === undefined) return inside;
  const { name, secret } = application;
  const password =
    'password' in secret
      ? secret.password
      : derivedPassword(secret.key, { serverId, database: database.name, role: name });
  workflow.mask(password);
  return { ...inside, user: name, password };
}

/** Makes role and database, or adopts what is there after a look at its owner: what ARM made may be somebody else's. */
async function ensureDatabase(
  { workflow, run, config, story }: Act<EnsureConfig>,
  reader: SqlReader,
  writer: SqlWriter,
): Promise<void> {
  if (config.database.mark !== undefined && !config.database.reset) await renew(run, reader, config.database);
  await pass(story, dataPlane, config, { reader, writer });
  // What this run made is the administrator's own.
  if (story.hasCreated('database')) return;
  const found = await reader.database(config.database.name);
  const advice = found.status === 'present' ? ownerAdvice(config, found.value) : undefined;
  if (advice !== undefined) workflow.notice(advice);
}

async function toldExpiry({ run, config }: Act<EnsureConfig>, reader: SqlReader): Promise<Date | undefined> {
  const { database } = config;
  const expires = database.mark && (await expiryOf(reader, database));
  if (expires !== undefined)
    run.info(`Database '${database.name}' expires at ${utc(expires)}, unless ensured again.`);
  return expires;
}

/** PostgreSQL's word for a wrong password, which it says before anything about the database. */
const wrongPassword = '28P01';

/**
 * Logs in as what is about to be published, which proves it. Only a refused password of the application role leads to
 * a new one (design.md).
 */
async function enterAs(
  { config, story }: Act<EnsureConfig>,
  plane: DataPlane,
  target: LoginTarget,
  writer: SqlWriter,
): Promise<Session> {
  const { application } = config;
  if (application === undefined) return await plane.enter(target);
  const first = await plane.waysTo(target).login(firstLook).result;
  if ('session' in first) return first.session;
  if (first.failure.sqlState === wrongPassword) {
    const change = {
      resource: 'role',
      name: application.name,
      action: 'update',
      details: 'its password',
    } as const;
    story.starting(change);
    await writer.setPassword(application.name);
    story.made(change);
    const second = await plane.waysTo(target).login(firstLook).result;
    if ('session' in second) return second.session;
    const { reason, sqlState } = second.failure;
    const { user, host, database } = target;
    if (sqlState === wrongPassword)
      throw fail('login-failed', { user, host, database, reason, advice: verifierAdvice });
  }
  return await plane.enter(target);
}

/** Milliseconds for a login where another has just succeeded. */
const firstLook = 3000;

/** What is published, with its secrets masked and the file of root certificates written. */
async function connectionOf(
  { workflow, config }: Act<EnsureConfig>,
  target: LoginTarget,
): Promise<Connection> {
  const { host, port, database, user, password } = target;
  const sslRootCert = await writeRootBundle(config.publish);
  const connection = { host, port, database, user, password, sslMode: config.publish.sslMode, sslRootCert };
  environmentFor(workflow, config.publish, connection);
  return connection;
}

/**
 * Migrates, and publishes then, also after a failure: the migration can write to the same files of the runner, where
 * the last value wins.
 */
async function migrateAndPublish(
  act: Act<EnsureConfig>,
  found: FoundServer,
  session: Session,
  published: Connection,
  plane: DataPlane,
): Promise<void> {
  const { workflow, config, story } = act;
  const { user, password } = plane.administrator;
  const { migration, publish: publishing } = config;
  const journal = new Journal(workflow);
  const migrateNow = async (): Promise<void> => {
    if (migration === undefined) return;
    // A migration may read the file.
    await writeEnvFile(workflow, journal, publishing, published);
    const connection = migration.as === 'admin' ? { ...published, user, password } : published;
    const warned = new Set<string>();
    const onHolder = (): Promise<readonly string[]> => endPullRequestLocks(act, plane, warned);
    await story.phase('Migrate', () => runMigration(act, migration, found, session, connection, onHolder));
  };
  const publishNow = async (): Promise<void> => {
    await publish(workflow, journal, publishing, published);
    await writeRootBundle(publishing);
    await writeDriftReport(act);
  };
  const [migrated] = await Promise.allSettled([migrateNow()]);
  workflow.restoreFiles();
  journal.saveAgain();
  const [written] = await Promise.allSettled([story.phase('Publish the connection', publishNow)]);
  if (migrated.status === 'fulfilled') {
    if (written.status === 'rejected') throw written.reason;
    return;
  }
  // Why the migration failed weighs more than what it has left in the way of a file.
  if (written.status === 'rejected') workflow.error(messageOf(written.reason));
  throw migrated.reason;
}
