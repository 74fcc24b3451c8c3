import { randomBytes } from 'node:crypto';
import type { FoundServer } from '../azure/reader.ts';
import type { EnsureConfig, MigrationConfig } from '../config/config.ts';
import { stepEnvironment } from '../environment.ts';
import { fail, messageOf } from '../errors.ts';
import { Journal } from '../github/journal.ts';
import { type MigrationResult, migrate, migrationEnvironment } from '../migrate.ts';
import { withMigrationLock } from '../postgres/advisory-lock.ts';
import type { Connection } from '../postgres/connection.ts';
import {
  advisoryLockHolders,
  cancelMigrationSessions,
  endMigrationSessions,
  type MigrationSessions,
  mayHaveMigrationSessions,
  migrationApplicationName,
  serverTime,
  withSeparateSession,
} from '../postgres/migration-sessions.ts';
import type { Session } from '../postgres/session.ts';
import { environmentFor } from '../publish.ts';
import type { Run } from '../waiting.ts';
import type { Act } from './control-plane.ts';

/** Milliseconds for ending the migration's sessions: half of it for a login. */
const END_SESSIONS_TIMEOUT_MS = 10_000;

/** Milliseconds for the same where the job is being cancelled: GitHub kills the action 10 s after it said so. */
const CANCELLED_TIMEOUT_MS = 3000;

/** Milliseconds for cancelling statements beside SIGTERM, before SIGKILL. */
const CANCEL_STATEMENTS_TIMEOUT_MS = 4000;

interface Ending {
  readonly ended: readonly string[];
  readonly lockHolders: readonly string[];
}

/**
 * Runs the migration command while holding the lock of its database. Whatever it leaves running, on the runner or in the
 * server, is ended before the lock is released: a statement goes on in the server after its client has ended, and
 * would be committed during, or after, the next migration.
 * @param session holds the lock; closed at the end
 * @param connection what the command gets
 * @param onHolder called while another role holds or awaits the lock, see {@link withMigrationLock}
 * @throws `migration-failed`, `migration-lock-lost`, the reason of the run's end
 */
export async function runMigration(
  { workflow, run, config }: Act<EnsureConfig>,
  migration: MigrationConfig,
  { name: server, resourceGroup }: FoundServer,
  session: Session,
  connection: Connection,
  onHolder: () => Promise<readonly string[]>,
): Promise<void> {
  const tag = randomBytes(12).toString('hex');
  const applicationName = migrationApplicationName(tag);
  const variables = environmentFor(workflow, config.publish, connection);
  const environment = migrationEnvironment(stepEnvironment(), variables, applicationName);
  const { host, port, user, password, database } = connection;
  const target = { host, port, database, user, password, applicationName: workflow.applicationName };
  const journal = new Journal(workflow);
  await withMigrationLock(
    run,
    session,
    async (signal) => {
      const sessions = { applicationName, since: await serverTime(session) };
      const entry = { tag, as: migration.as, server, resourceGroup, user, database, since: sessions.since };
      journal.writeMigration(entry);
      const onEnding = (): void => {
        withSeparateSession(target, CANCEL_STATEMENTS_TIMEOUT_MS, (own) =>
          cancelMigrationSessions(own, sessions),
        ).catch((error: unknown) => run.debug(`Statements were not cancelled: ${messageOf(error)}`));
      };
      const result = await migrate({ ...migration, environment, tag, onEnding }, signal).catch(
        (error: unknown) => ({ error }),
      );
      const ending = await endSessions(run, session, sessions, target, result);
      if (ending !== undefined) journal.writeMigration({ ...entry, ended: true });
      if ('error' in result) throw result.error;
      const { failure, leftRunning } = result;
      if (leftRunning > 0)
        run.info(`Ended ${leftRunning} process${leftRunning === 1 ? '' : 'es'} of the migration command.`);
      if (failure !== undefined) throw fail('migration-failed', { reason: failure, ...ending });
    },
    onHolder,
  );
}

/**
 * Ends the migration's sessions, and logs which. After a success that left no process running, those that are idle are
 * not ended by the second rule, and there is a login only if there seems to be a session to end.
 * @returns undefined where it was not possible, which is a warning: it hides no error, and post tries again
 */
async function endSessions(
  run: Run,
  lockSession: Session,
  sessions: MigrationSessions,
  target: Parameters<typeof withSeparateSession>[0],
  result: MigrationResult | { readonly error: unknown },
): Promise<Ending | undefined> {
  const clean = !('error' in result) && result.failure === undefined && result.leftRunning === 0;
  const timeout = 'error' in result ? CANCELLED_TIMEOUT_MS : END_SESSIONS_TIMEOUT_MS;
  try {
    if (clean && !(await mayHaveMigrationSessions(lockSession, target.user, sessions)))
      return { ended: [], lockHolders: [] };
    const those = { ...sessions, onlyBusy: clean };
    const ending = await withSeparateSession(target, timeout, async (own) => ({
      ended: await endMigrationSessions(own, those, timeout / 2),
      lockHolders: clean ? [] : await advisoryLockHolders(own),
    }));
    for (const line of ending.ended) run.info(`Ended a session of the migration in the server: ${line}.`);
    for (const line of ending.lockHolders) run.info(`Holds an advisory lock: ${line}`);
    return ending;
  } catch (error) {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${messageOf(error)}\nWhat to do: before the next migration, look for them in pg_stat_activity (application_name '${sessions.applicationName}', or role '${target.user}' since ${sessions.since}) and end them: SELECT pg_terminate_backend(PID);`,
    );
    return undefined;
  }
}
