import type { ConnectionFormat, MigrationConfig, PublishConfig } from './config.ts';
import type { Inputs, Surroundings } from './inputs.ts';
import { kinds } from './kinds.ts';
import * as rules from './rules.ts';

/** The inputs about how the connection is handed on. */
export function parsePublish(inputs: Inputs): PublishConfig {
  const envPrefix = inputs.text('env-prefix') ?? 'DB_';
  inputs.check('env-prefix', envPrefix, rules.envPrefix);
  const known: readonly ConnectionFormat[] = kinds.formats.choices;
  const formats = inputs.list('formats').map((format) => format.toLowerCase());
  for (const format of formats.filter((f) => !known.some((k) => k === f))) {
    inputs.fault(`formats has '${format}', but knows only: ${known.join(', ')}`);
  }
  return {
    exportEnv: inputs.boolean('export-env') ?? true,
    envPrefix,
    envFile: inputs.text('env-file'),
    formats: formats.length === 0 ? ['url'] : known.filter((format) => formats.includes(format)),
    sslMode: inputs.choice('ssl-mode', kinds['ssl-mode'].choices) ?? 'require',
  };
}

/**
 * The inputs about the migration.
 * @param as whose connection it gets
 */
export function parseMigration(
  inputs: Inputs,
  { isDirectory }: Surroundings,
  as: MigrationConfig['as'],
): MigrationConfig | undefined {
  const command = inputs.text('migration-command');
  const workingDirectory = inputs.text('working-directory') ?? '.';
  const minutes = inputs.number('migration-timeout-minutes', kinds['migration-timeout-minutes']);
  if (command !== undefined) {
    inputs.check('working-directory', workingDirectory, (path) =>
      isDirectory(path)
        ? undefined
        : `is '${path}', which is no folder in the workspace: was the repository checked out?`,
    );
  }
  return command === undefined
    ? undefined
    : { command, workingDirectory, timeout: minutes === undefined ? undefined : minutes * 60_000, as };
}
