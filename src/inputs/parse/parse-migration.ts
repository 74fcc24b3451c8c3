import type { InputReader, ParseContext } from '../input-reader.ts';
import type { MigrationConfig } from '../types.ts';

/** The inputs about the migration; undefined without `migration-command`. */
export function parseMigration(
  inputs: InputReader,
  { isDirectory }: ParseContext,
): MigrationConfig | undefined {
  const command = inputs.get('migration-command');
  const workingDirectory = inputs.get('working-directory') ?? '.';
  const minutes = inputs.get('migration-timeout-minutes');
  const runAs = parseMigrateAs(inputs);
  if (command === undefined) return undefined;
  if (!isDirectory(workingDirectory))
    inputs.addError(
      `working-directory is '${workingDirectory}', which is not a folder in the workspace: check out the repository before this step`,
    );
  return {
    command,
    workingDirectory,
    timeoutMs: minutes === undefined ? undefined : minutes * 60_000,
    runAs,
  };
}

/** The code of a pull request never runs as the administrator. */
function parseMigrateAs(inputs: InputReader): MigrationConfig['runAs'] {
  const given = inputs.get('migrate-as');
  const hasAppRole = inputs.isSet('app-username');
  const isPerPullRequest = inputs.get('per-pull-request') ?? false;
  if (given === 'app' && !hasAppRole) inputs.addError('migrate-as is app, but app-username is not set');
  if (isPerPullRequest && given === 'admin')
    inputs.addError(
      'migrate-as is admin, which is refused with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  if (isPerPullRequest && !hasAppRole && inputs.isSet('migration-command'))
    inputs.addError(
      'migration-command needs app-username with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  return given ?? (hasAppRole ? 'app' : 'admin');
}
