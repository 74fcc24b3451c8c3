import { randomBytes } from 'node:crypto';
import type { FoundServer } from '../azure/reader.ts';
import { originalEnvironment } from '../common/environment.ts';
import { actionError, getErrorMessage } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import type { EnsureConfig, MigrationConfig } from '../inputs/types.ts';
import type { ModeContext } from '../modes/context.ts';
import { withMigrationLock } from '../postgres/advisory-lock.ts';
import type { Session } from '../postgres/session.ts';
import type { Connection } from '../publish/connection-formats.ts';
import { maskedEnvironment } from '../publish/publish.ts';
import { type MigrationResult, migrationEnvironment, runMigrationCommand } from './migration-command.ts';
import {
  advisoryLockHolders,
  cancelMigrationSessions,
  type MigrationSessionFilter,
  mayHaveMigrationSessions,
  migrationApplicationName,
  serverTime,
  terminateMigrationSessions,
  withSeparateSession,
} from './migration-sessions.ts';

/** Milliseconds for ending the migration's sessions: half of it for a login. */
const END_SESSIONS_TIMEOUT_MS = 10_000;

/** Milliseconds for the same where the job is being cancelled: GitHub kills the action 10 s after it said so. */
const CANCELLED_TIMEOUT_MS = 3000;

/** Milliseconds for cancelling statements beside SIGTERM, before SIGKILL. */
const CANCEL_STATEMENTS_TIMEOUT_MS = 4000;

interface TerminatedSessions {
  readonly ended: readonly string[];
  readonly lockHolders: readonly string[];
}

/**
 * Runs the migration command while holding the lock of its database. Whatever it leaves running, on the runner or in the
 * server, is ended before the lock is released: a statement goes on in the server after its client has ended, and
 * would be committed during, or after, the next migration.
 * @param session holds the lock; closed at the end
 * @param connection what the command gets
 * @param onLockContended called while another role holds or awaits the lock, see {@link withMigrationLock}
 * @throws `migration-failed`, `migration-lock-lost`, the reason of the run's end
 */
export async function runMigration(
  { runtime, run, config, state }: ModeContext<EnsureConfig>,
  migration: MigrationConfig,
  { name: server, resourceGroup }: FoundServer,
  session: Session,
  connection: Connection,
  onLockContended: () => Promise<readonly string[]>,
): Promise<void> {
  const tag = randomBytes(12).toString('hex');
  const applicationName = migrationApplicationName(tag);
  const variables = maskedEnvironment(runtime, config.publish, connection);
  const environment = migrationEnvironment(originalEnvironment(), variables, applicationName);
  const { host, port, user, password, database } = connection;
  const target = { host, port, database, user, password, applicationName: runtime.applicationName };
  await withMigrationLock(
    run,
    session,
    async (signal) => {
      const sessionFilter = { applicationName, since: await serverTime(session) };
      const entry = {
        tag,
        as: migration.runAs,
        server,
        resourceGroup,
        user,
        database,
        since: sessionFilter.since,
      };
      state.saveMigration(entry);
      const onTerminate = (): void => {
        withSeparateSession(target, CANCEL_STATEMENTS_TIMEOUT_MS, (separateSession) =>
          cancelMigrationSessions(separateSession, sessionFilter),
        ).catch((error: unknown) => run.debug(`Statements were not cancelled: ${getErrorMessage(error)}`));
      };
      const result = await runMigrationCommand({ ...migration, environment, tag, onTerminate }, signal).catch(
        (error: unknown) => ({ error }),
      );
      const terminated = await cleanUpSessions(run, session, sessionFilter, target, result);
      if (terminated !== undefined) state.saveMigration({ ...entry, ended: true });
      if ('error' in result) throw result.error;
      const { failure, terminatedProcesses } = result;
      if (terminatedProcesses > 0)
        run.info(
          `Ended ${terminatedProcesses} process${terminatedProcesses === 1 ? '' : 'es'} of the migration command.`,
        );
      if (failure !== undefined) throw actionError('migration-failed', { reason: failure, ...terminated });
    },
    onLockContended,
  );
}

/**
 * Ends the migration's sessions, and logs which. After a success that left no process running, those that are idle are
 * not ended by the second rule, and there is a login only if there seems to be a session to end.
 * @returns undefined where it was not possible, which is a warning: it hides no error, and post tries again
 */
async function cleanUpSessions(
  run: RunContext,
  lockSession: Session,
  sessionFilter: MigrationSessionFilter,
  target: Parameters<typeof withSeparateSession>[0],
  result: MigrationResult | { readonly error: unknown },
): Promise<TerminatedSessions | undefined> {
  const isCleanExit =
    !('error' in result) && result.failure === undefined && result.terminatedProcesses === 0;
  const timeoutMs = 'error' in result ? CANCELLED_TIMEOUT_MS : END_SESSIONS_TIMEOUT_MS;
  try {
    if (isCleanExit && !(await mayHaveMigrationSessions(lockSession, target.user, sessionFilter)))
      return { ended: [], lockHolders: [] };
    const terminationFilter = { ...sessionFilter, onlyBusy: isCleanExit };
    const terminated = await withSeparateSession(target, timeoutMs, async (separateSession) => ({
      ended: await terminateMigrationSessions(separateSession, terminationFilter, timeoutMs / 2),
      lockHolders: isCleanExit ? [] : await advisoryLockHolders(separateSession),
    }));
    for (const line of terminated.ended) run.info(`Ended a session of the migration in the server: ${line}.`);
    for (const line of terminated.lockHolders) run.info(`Holds an advisory lock: ${line}`);
    return terminated;
  } catch (error) {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${getErrorMessage(error)}\nWhat to do: before the next migration, look for them in pg_stat_activity (application_name '${sessionFilter.applicationName}', or role '${target.user}' since ${sessionFilter.since}) and end them: SELECT pg_terminate_backend(PID);`,
    );
    return undefined;
  }
}
