import type { AzureReader } from './azure/reader.ts';
import { keyDigits } from './config/parse-data-plane.ts';
import type { MigrationEntry } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import {
  endMigrationSessions,
  migrationApplicationName,
  withSeparateSession,
} from './postgres/migration-sessions.ts';
import { derivedPassword } from './postgres/password.ts';
import type { Run } from './waiting.ts';

/** Milliseconds for sessions to end: half of it for a login. */
const END_SESSIONS_TIMEOUT_MS = 20_000;

/**
 * Ends in the server what a migration left there when main was killed; before the firewall rule is removed, and after
 * its processes have ended. The host comes from Azure and the password from the step's own inputs: state names neither.
 * @param reader of the entry's server
 * @throws why the sessions could not be ended
 */
export async function closeMigration(
  run: Run,
  workflow: Workflow,
  reader: AzureReader,
  { tag, as, user, database, since }: MigrationEntry,
): Promise<void> {
  const seen = await reader.server();
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent')
    return run.info('The server of the migration is gone, and its sessions with it.');
  const { id = '', fullyQualifiedDomainName: host } = seen.value.server;
  if (!host) throw new Error('Azure names no host for the server');
  const password =
    as === 'admin'
      ? workflow.rawInput('admin-password')
      : applicationPassword(workflow, { serverId: id, database, role: user });
  workflow.mask(password);
  const { applicationName } = workflow;
  const target = { host, port: 5432, database, user, password, applicationName };
  const sessions = { applicationName: migrationApplicationName(tag), since };
  const ended = await withSeparateSession(target, END_SESSIONS_TIMEOUT_MS, (session) =>
    endMigrationSessions(session, sessions, END_SESSIONS_TIMEOUT_MS / 2),
  );
  for (const line of ended) run.info(`Ended a session of the migration in the server: ${line}.`);
}

function applicationPassword(workflow: Workflow, of: Parameters<typeof derivedPassword>[1]): string {
  const given = workflow.rawInput('app-password');
  return given || derivedPassword(keyDigits(workflow.rawInput('app-password-key')) ?? '', of);
}
