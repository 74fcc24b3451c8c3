import type { InputReader, ParseContext } from '../input-reader.ts';
import { inputSchema } from '../schema.ts';
import type { ConnectionFormat, MigrationConfig, PublishConfig } from '../types.ts';
import * as validators from '../validators.ts';

/** The inputs about how the connection is handed on. */
export function parsePublish(inputs: InputReader): PublishConfig {
  const envPrefix = inputs.text('env-prefix') ?? 'DB_';
  inputs.validate('env-prefix', envPrefix, validators.validateEnvPrefix);
  const supported: readonly ConnectionFormat[] = inputSchema.formats.choices;
  const formats = inputs.list('formats').map((format) => format.toLowerCase());
  for (const format of formats.filter((f) => !supported.some((k) => k === f))) {
    inputs.addError(`formats has '${format}', but knows only: ${supported.join(', ')}`);
  }
  return {
    exportEnv: inputs.boolean('export-env') ?? true,
    envPrefix,
    envFile: inputs.text('env-file'),
    formats: formats.length === 0 ? ['url'] : supported.filter((format) => formats.includes(format)),
    sslMode: inputs.choice('ssl-mode', inputSchema['ssl-mode'].choices) ?? 'require',
  };
}

/**
 * The inputs about the migration.
 * @param runAs whose connection it gets
 */
export function parseMigration(
  inputs: InputReader,
  { isDirectory }: ParseContext,
  runAs: MigrationConfig['runAs'],
): MigrationConfig | undefined {
  const command = inputs.text('migration-command');
  const workingDirectory = inputs.text('working-directory') ?? '.';
  const minutes = inputs.number('migration-timeout-minutes', inputSchema['migration-timeout-minutes']);
  if (command !== undefined) {
    inputs.validate('working-directory', workingDirectory, (path) =>
      isDirectory(path)
        ? undefined
        : `is '${path}', which is no folder in the workspace: was the repository checked out?`,
    );
  }
  return command === undefined
    ? undefined
    : { command, workingDirectory, timeoutMs: minutes === undefined ? undefined : minutes * 60_000, runAs };
}
