import { randomBytes } from 'node:crypto';
import { originalEnvironment } from '../common/environment.ts';
import { ActionError, actionError, getErrorMessage, getErrorSummary } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import { type ActionState, MAX_OWNED_BEFORE, type MigrationState } from '../github/state.ts';
import type { MigrationConfig } from '../inputs/types.ts';
import { withMigrationLock } from '../postgres/advisory-lock.ts';
import type { LoginTarget } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import {
  explainWriteProtection,
  READ_ONLY_PRESETS_SQL,
  type WriteProtectionExplanation,
} from '../postgres/write-protection.ts';
import { beginAdminMigration, finishAdminMigration, listOwnedBefore } from './admin-migration.ts';
import { findKnownCause } from './known-causes.ts';
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

/** Milliseconds to terminate the migration's sessions; half of it for the login. */
const TERMINATE_SESSIONS_TIMEOUT_MS = 10_000;

/** The same for a cancelled job: GitHub kills the action 10 s after the cancellation. */
const CANCELLED_TIMEOUT_MS = 3000;

/** Milliseconds to hand to the application role what the migration created as the administrator. */
const RESTORE_TIMEOUT_MS = 120_000;

/** Milliseconds to cancel statements, between SIGTERM and SIGKILL. */
const CANCEL_STATEMENTS_TIMEOUT_MS = 4000;

/** A migration and the server and database that it runs on. */
export interface Migration {
  readonly config: MigrationConfig;
  /** Name of the server, and its resource group. */
  readonly server: { readonly name: string; readonly resourceGroup: string };
  /** The login of the migration. */
  readonly target: LoginTarget;
  /** With `migrate-as: admin`, the application role that gets what the migration creates. */
  readonly objectOwner: string | undefined;
  /** The environment variables of the connection, whose secrets are masked. */
  readonly variables: ReadonlyMap<string, string>;
  /** The database that the target was cloned from, if it is a clone. */
  readonly template: string | undefined;
  /** The prefix of the names in `variables`. */
  readonly envPrefix: string;
}

/**
 * Runs the migration command while holding the migration lock of its database. Everything that it leaves running, on the
 * runner or on the server, is ended before the lock is released: the server continues a statement after its client has
 * ended, and would commit it during or after the next migration.
 * @param session holds the lock; closed at the end
 * @param onLockContended called while another role holds or waits for the lock, see {@link withMigrationLock}
 * @throws `migration-failed`, `migration-lock-lost`, the reason of the aborted run
 */
export async function runMigration(
  run: RunContext,
  state: ActionState,
  migration: Migration,
  session: Session,
  onLockContended: () => Promise<readonly string[]>,
): Promise<void> {
  await withMigrationLock(
    run,
    session,
    (signal) => runWithLock(run, state, migration, session, signal),
    onLockContended,
  );
}

/** @param signal aborted when the run ends or the lock is lost */
async function runWithLock(
  run: RunContext,
  state: ActionState,
  { config, server, target, objectOwner, variables, template, envPrefix }: Migration,
  lockSession: Session,
  signal: AbortSignal,
): Promise<void> {
  const tag = randomBytes(12).toString('hex');
  const applicationName = migrationApplicationName(tag);
  const since = await serverTime(lockSession);
  const sessionState: MigrationState = {
    tag,
    as: config.runAs,
    server: server.name,
    resourceGroup: server.resourceGroup,
    user: target.user,
    database: target.database,
    since,
  };
  const ownedBefore = objectOwner === undefined ? [] : await listOwnedBefore(target, objectOwner);
  const migrationState: MigrationState = {
    ...sessionState,
    ...(objectOwner === undefined ? {} : { objectOwner }),
    ...(objectOwner !== undefined && ownedBefore.length <= MAX_OWNED_BEFORE ? { ownedBefore } : {}),
  };
  state.saveMigration(migrationState);

  const filter = { applicationName, since };
  const command = {
    ...config,
    tag,
    environment: migrationEnvironment(originalEnvironment(), variables, applicationName),
    onTerminate: () => void cancelStatements(run, target, filter),
  };
  const runCommand = async (): Promise<MigrationResult> => {
    if (objectOwner !== undefined) await beginAdminMigration(run, target, objectOwner);
    return await runMigrationCommand(command, signal);
  };
  const outcome = await runCommand().catch((error: unknown) => ({ error }));

  const cleanedUp = await cleanUpSessions(run, lockSession, filter, target, outcome);
  // Without the lock, another migration may use the membership; post takes the lock first.
  const isRestored =
    objectOwner === undefined ||
    (!isLockLost(signal) &&
      (await restoreOwnership(run, target, { role: objectOwner, ownedBefore }, outcome)));
  if (cleanedUp !== undefined && isRestored) state.saveMigration({ ...migrationState, ended: true });
  if ('error' in outcome) throw outcome.error;
  const { failure, output, terminatedProcesses } = outcome;
  if (terminatedProcesses > 0)
    run.info(
      `Ended ${terminatedProcesses} process${terminatedProcesses === 1 ? '' : 'es'} of the migration command.`,
    );
  if (failure !== undefined) {
    const { user, database } = target;
    const known = findKnownCause(output, {
      user,
      database,
      runAs: config.runAs,
      template,
      envPrefix,
      canWrite: cleanedUp && cleanedUp.writeProtection === undefined,
    });
    throw actionError('migration-failed', { reason: failure, ...known, ...cleanedUp });
  }
}

const isLockLost = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && reason instanceof ActionError && reason.code === 'migration-lock-lost';

/**
 * Ends the administrator's membership in the application role, which gets what the migration created.
 * @returns whether this succeeded; a failure is a warning, so that it hides no other error, and post tries again
 */
async function restoreOwnership(
  run: RunContext,
  target: LoginTarget,
  { role, ownedBefore }: { readonly role: string; readonly ownedBefore: readonly string[] },
  outcome: MigrationResult | { readonly error: unknown },
): Promise<boolean> {
  const { user: administrator, database } = target;
  const timeoutMs = 'error' in outcome ? CANCELLED_TIMEOUT_MS : RESTORE_TIMEOUT_MS;
  // The signal of the run may be aborted.
  const restoring: RunContext = { ...run, signal: AbortSignal.timeout(timeoutMs) };
  try {
    await withSeparateSession(target, timeoutMs, (session) =>
      finishAdminMigration(restoring, session, { role, administrator, database, ownedBefore }),
    );
    return true;
  } catch (error) {
    run.warning(
      `What the migration created could not be handed to role '${role}', or ${administrator} is still a member of it: ${getErrorSummary(error)}\nWhat to do: the end of this job tries again. If that fails too, run the step again with adopt-objects: true.`,
    );
    return false;
  }
}

/** Cancels the migration's statements while its processes get SIGTERM. */
async function cancelStatements(
  run: RunContext,
  target: LoginTarget,
  filter: MigrationSessionFilter,
): Promise<void> {
  try {
    await withSeparateSession(target, CANCEL_STATEMENTS_TIMEOUT_MS, (session) =>
      cancelMigrationSessions(session, filter),
    );
  } catch (error) {
    run.debug(`The statements of the migration could not be cancelled: ${getErrorMessage(error)}`);
  }
}

async function explainProtection(
  session: Session,
  { serverFacts }: LoginTarget,
): Promise<WriteProtectionExplanation | undefined> {
  const { writeProtection } = session;
  if (writeProtection === undefined) return undefined;
  const presets =
    writeProtection === 'preset' ? await session.query<{ statement: string }>(READ_ONLY_PRESETS_SQL) : [];
  return explainWriteProtection(
    writeProtection,
    serverFacts,
    presets.map(({ statement }) => statement),
  );
}

/** Lines for sessions of the migration that were terminated, and for others that hold advisory locks. */
interface CleanedUpSessions {
  readonly ended: readonly string[];
  readonly lockHolders: readonly string[];
  /** What kept the sessions of the migration from writing; undefined if nothing did, or no session was opened. */
  readonly writeProtection?: WriteProtectionExplanation | undefined;
}

/**
 * Terminates the migration's sessions, and logs them. After a success that left no process running, idle sessions without
 * the migration's application name are not terminated, and a login takes place only if there may be sessions to terminate.
 * @returns undefined if this was not possible: it logs a warning, so that it hides no other error, and post tries again
 */
async function cleanUpSessions(
  run: RunContext,
  lockSession: Session,
  filter: MigrationSessionFilter,
  target: LoginTarget,
  outcome: MigrationResult | { readonly error: unknown },
): Promise<CleanedUpSessions | undefined> {
  const isCleanExit =
    !('error' in outcome) && outcome.failure === undefined && outcome.terminatedProcesses === 0;
  const timeoutMs = 'error' in outcome ? CANCELLED_TIMEOUT_MS : TERMINATE_SESSIONS_TIMEOUT_MS;
  try {
    if (isCleanExit && !(await mayHaveMigrationSessions(lockSession, target.user, filter)))
      return { ended: [], lockHolders: [] };
    const { ended, lockHolders, writeProtection } = await withSeparateSession(
      target,
      timeoutMs,
      async (session) => ({
        ended: await terminateMigrationSessions(session, { ...filter, onlyBusy: isCleanExit }, timeoutMs / 2),
        lockHolders: isCleanExit ? [] : await advisoryLockHolders(session),
        writeProtection: await explainProtection(session, target),
      }),
    );
    for (const line of ended) run.info(`Terminated a session of the migration: ${line}.`);
    for (const line of lockHolders) run.info(`Holds an advisory lock: ${line}`);
    return { ended, lockHolders, writeProtection };
  } catch (error) {
    run.warning(
      `The migration’s sessions on the server could not be terminated: ${getErrorMessage(error)}\nWhat to do: before the next migration, find them in pg_stat_activity (application_name '${filter.applicationName}', or role '${target.user}' since ${filter.since}) and terminate them: SELECT pg_terminate_backend(PID);`,
    );
    return undefined;
  }
}
