import { randomUUID } from 'node:crypto';
import type { FoundServer } from './azure/reader.ts';
import type { CheckConfig, EnsureConfig } from './config/config.ts';
import { administratorIn, readConfig, startRun } from './context.ts';
import { type Act, Door, ensureServer, openControlPlane, pass, writable } from './control-plane.ts';
import { fail } from './errors.ts';
import { Journal } from './github/journal.ts';
import { Workflow } from './github/workflow.ts';
import { migrate, migrationEnvironment } from './migrate.ts';
import { findingLine } from './plan/render.ts';
import { withMigrationLock } from './postgres/advisory-lock.ts';
import { type LoginTarget, login } from './postgres/login.ts';
import { enter, reach } from './postgres/reach.ts';
import type { Session } from './postgres/session.ts';
import { SqlReader, SqlWriter } from './postgres/sql.ts';
import { checkEnvFile, publish, writeRootBundle } from './publish.ts';
import { Story } from './report.ts';
import { dataPlane, serverChildren, servers } from './resources/catalogue.ts';
import { ownerAdvice } from './resources/database.ts';

/** The main half of the action: the route of a run, in reading order (design.md). */
export async function main(workflow = new Workflow()): Promise<void> {
  const config = readConfig(workflow);
  if (config.mode === 'ensure') checkEnvFile(config.publish);
  const run = startRun(workflow, config.timeout, moreTime);
  const story = new Story(workflow, config);
  const common = { workflow, run, story };
  await story.tell(run.signal, () =>
    config.mode === 'ensure' ? ensure({ ...common, config }) : check({ ...common, config }),
  );
}

const moreTime =
  'Raise timeout-minutes if the work was still going on, and run the workflow again: what is there is found.';

/** `mode: ensure`: control plane, reach, data plane, publish, migrate. */
async function ensure(act: Act<EnsureConfig>): Promise<void> {
  const { run, config, story } = act;
  const azure = writable(act, openControlPlane(act));
  const found = await story.phase('Ensure the server', () => ensureServer(act, azure));
  const target = administratorIn(act.workflow, hostOf(found), config.administrator);
  const door = new Door(act, azure, found);
  const session = await story.phase('Reach it', () => reach(run, target, door.to(target)));
  run.info(`Logged in to ${target.host} as '${target.user}' over verified TLS.`);
  try {
    await story.phase('Ensure the database', () => ensureDatabase(act, session));
  } finally {
    await session.close();
  }
  const inside = { ...target, database: config.database.name };
  const inDatabase = await enter(run, inside, door.to(inside));
  try {
    const environment = await story.phase('Publish the connection', () => publishConnection(act, inside));
    await migrateIn(act, inDatabase, environment);
  } finally {
    await inDatabase.close();
  }
}

async function publishConnection(
  { workflow, config }: Act<EnsureConfig>,
  target: LoginTarget,
): Promise<ReadonlyMap<string, string>> {
  const { host, port, database, user, password } = target;
  const sslRootCert = await writeRootBundle(config.publish);
  const connection = { host, port, database, user, password, sslMode: config.publish.sslMode, sslRootCert };
  return await publish(workflow, new Journal(workflow), config.publish, connection);
}

/** Makes the database, or adopts the one that is there after a look at its owner: what ARM made may be somebody else's. */
async function ensureDatabase(
  { workflow, config, story }: Act<EnsureConfig>,
  session: Session,
): Promise<void> {
  const reader = new SqlReader(session);
  await pass(story, dataPlane, config, { reader, writer: new SqlWriter(session) });
  // What this run made is the administrator's own.
  if (story.hasCreated('database')) return;
  const found = await reader.database(config.database.name);
  const advice = found.status === 'present' ? ownerAdvice(config, found.value) : undefined;
  if (advice !== undefined) workflow.notice(advice);
}

async function migrateIn(
  { workflow, run, config, story }: Act<EnsureConfig>,
  session: Session,
  connection: ReadonlyMap<string, string>,
): Promise<void> {
  const { migration } = config;
  if (migration === undefined) return;
  const mark = randomUUID();
  // Killed, we leave a migration behind that no lock protects: post ends it.
  new Journal(workflow).writeMigration(mark);
  await story.phase('Migrate', () =>
    withMigrationLock(run, session, (signal) =>
      migrate({ ...migration, environment: migrationEnvironment(process.env, connection), mark }, signal),
    ),
  );
}

/** `mode: check`: the same route with no writer, so it ends where something would have to be made. */
async function check(act: Act<CheckConfig>): Promise<void> {
  const { config, story } = act;
  const azure = openControlPlane(act);
  const planned = await story.phase('Look at the server', () => pass(story, servers, config, azure));
  const found = await azure.reader.server();
  if (found.status === 'present') {
    const { server } = found.value;
    story.serverId = server.id;
    story.host = server.fullyQualifiedDomainName;
    const children = await story.phase('Look at what is in it', () =>
      pass(story, serverChildren, config, azure),
    );
    if (children.unknown[0]) throw children.unknown[0];
    await story.phase('Look at the database', () => checkDatabase(act));
  }
  if (planned.unknown[0]) throw planned.unknown[0];
  if (story.drift.length > 0 && config.onDrift === 'fail')
    throw fail('drifted', { findings: story.drift.map(findingLine) });
}

/** What only SQL can tell, where the runner can log in already; the firewall is never opened for it (law 2). */
async function checkDatabase(act: Act<CheckConfig>): Promise<void> {
  const { run, workflow, config, story } = act;
  if (config.database === undefined || config.administrator === undefined || story.host === undefined) return;
  const target = administratorIn(workflow, story.host, config.administrator);
  const result = await login(target, 5000, run.signal).result;
  run.signal.throwIfAborted();
  if ('failure' in result) {
    const { reason } = result.failure;
    workflow.notice(`The database was not looked at, since this runner cannot log in: ${reason}`);
    story.unseen(
      { resource: 'database', name: config.database.name },
      `this runner cannot log in: ${reason}`,
    );
    return;
  }
  try {
    await pass(story, dataPlane, config, { reader: new SqlReader(result.session), writer: undefined });
  } finally {
    await result.session.close();
  }
}

/** @throws where ARM names no host: PostgreSQL's clients would take one from the environment then */
function hostOf({ name, server }: FoundServer): string {
  const host = server.fullyQualifiedDomainName;
  if (!host) throw new Error(`Azure names no host for server '${name}'`);
  return host;
}
