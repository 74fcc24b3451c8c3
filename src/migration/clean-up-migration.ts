import type { AzureReader } from '../azure/reader.ts';
import type { RunContext } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { MigrationState } from '../github/state.ts';
import { toHexKey } from '../inputs/parse/parse-role.ts';
import { derivePassword } from '../postgres/password.ts';
import {
  migrationApplicationName,
  terminateMigrationSessions,
  withSeparateSession,
} from './migration-sessions.ts';

/** Milliseconds for sessions to end: half of it for a login. */
const END_SESSIONS_TIMEOUT_MS = 20_000;

/**
 * Ends in the server what a migration left there when main was killed; before the firewall rule is removed, and after
 * its processes have ended. The host comes from Azure and the password from the step's own inputs: state names neither.
 * @param reader of the entry's server
 * @throws why the sessions could not be ended
 */
export async function cleanUpMigration(
  run: RunContext,
  runtime: ActionsRuntime,
  reader: AzureReader,
  { tag, as, user, database, since }: MigrationState,
): Promise<void> {
  const observedServer = await reader.getServer();
  if (observedServer.status === 'unknown') throw observedServer.error;
  if (observedServer.status === 'absent')
    return run.info('The server of the migration is gone, and its sessions with it.');
  const { id = '', fullyQualifiedDomainName: host } = observedServer.value.server;
  if (!host) throw new Error('Azure names no host for the server');
  const password =
    as === 'admin'
      ? runtime.rawInput('admin-password')
      : appPassword(runtime, { serverId: id, database, role: user });
  runtime.mask(password);
  const { applicationName } = runtime;
  const target = { host, port: 5432, database, user, password, applicationName };
  const sessions = { applicationName: migrationApplicationName(tag), since };
  const terminated = await withSeparateSession(target, END_SESSIONS_TIMEOUT_MS, (session) =>
    terminateMigrationSessions(session, sessions, END_SESSIONS_TIMEOUT_MS / 2),
  );
  for (const line of terminated) run.info(`Ended a session of the migration in the server: ${line}.`);
}

function appPassword(runtime: ActionsRuntime, subject: Parameters<typeof derivePassword>[1]): string {
  const given = runtime.rawInput('app-password');
  return given || derivePassword(toHexKey(runtime.rawInput('app-password-key')) ?? '', subject);
}
