import type { AzureReader } from '../azure/reader.ts';
import { toServerFacts } from '../azure/server-facts.ts';
import type { RunContext } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { MigrationState } from '../github/state.ts';
import { toHexKey } from '../inputs/parse/parse-role.ts';
import { derivePassword } from '../postgres/password.ts';
import { finishInterruptedMigration } from './admin-migration.ts';
import {
  migrationApplicationName,
  terminateMigrationSessions,
  withSeparateSession,
} from './migration-sessions.ts';

/** Milliseconds to terminate sessions; half of it for the login. */
const TERMINATE_SESSIONS_TIMEOUT_MS = 20_000;

/**
 * Terminates the sessions of a migration whose main part was killed, and ends the administrator's membership in the
 * application role; after its processes have ended, and before the firewall rule is removed. The host comes from Azure and
 * the password from the step's inputs, because the state has neither.
 * @param reader of the server in `migration`
 * @throws the reason why the sessions could not be terminated
 */
export async function cleanUpMigration(
  run: RunContext,
  runtime: ActionsRuntime,
  reader: AzureReader,
  migration: MigrationState,
): Promise<void> {
  const { tag, as, user, database, since } = migration;
  const observedServer = await reader.getServer();
  if (observedServer.status === 'unknown') throw observedServer.error;
  if (observedServer.status === 'absent') return run.info('The server of the migration no longer exists.');
  const { server } = observedServer.value;
  const { id = '', fullyQualifiedDomainName: host } = server;
  if (!host) throw new Error('Azure returned no host name for the server');
  const password =
    as === 'admin'
      ? runtime.rawInput('admin-password')
      : appPassword(runtime, { serverId: id, database, role: user });
  runtime.mask(password);
  const { applicationName } = runtime;
  const serverFacts = toServerFacts(server);
  const target = { host, port: 5432, database, user, password, applicationName, serverFacts };
  const sessions = { applicationName: migrationApplicationName(tag), since };
  await withSeparateSession(target, TERMINATE_SESSIONS_TIMEOUT_MS, async (session) => {
    const terminated = await terminateMigrationSessions(session, sessions, TERMINATE_SESSIONS_TIMEOUT_MS / 2);
    for (const line of terminated) run.info(`Terminated a session of the migration: ${line}.`);
    if (as === 'admin') await finishInterruptedMigration(run, session, migration);
  });
}

function appPassword(runtime: ActionsRuntime, subject: Parameters<typeof derivePassword>[1]): string {
  return (
    runtime.rawInput('app-password') ||
    derivePassword(toHexKey(runtime.rawInput('app-password-key')) ?? '', subject)
  );
}
