import { type DotenvReaders, dotenvReaders } from '../common/encoding.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { ActionState } from '../github/state.ts';
import type { PublishConfig } from '../inputs/types.ts';
import {
  type Connection,
  connectionEnvironment,
  passwordForms,
  textsWithPassword,
} from './connection-formats.ts';
import { replaceEnvFile } from './env-file.ts';
import { setConnectionOutputs } from './outputs.ts';

/** The environment variables of a connection; masks every text that contains the password, in each format. */
export function maskedEnvironment(
  runtime: ActionsRuntime,
  config: PublishConfig,
  connection: Connection,
): ReadonlyMap<string, string> {
  for (const form of passwordForms(connection)) runtime.mask(form);
  // As they are: the other encodings of the password in them are masked already.
  for (const text of textsWithPassword(connection)) runtime.maskText(text);
  return connectionEnvironment(connection, config);
}

/** Writes the dotenv file, and replaces the one that a migration may have changed. */
export function writeEnvFile(
  runtime: ActionsRuntime,
  state: ActionState,
  config: PublishConfig,
  connection: Connection,
): void {
  if (config.envFile === undefined) return;
  const environment = maskedEnvironment(runtime, config, connection);
  const path = resolveInWorkspace(config.envFile);
  state.saveEnvFile(path);
  replaceEnvFile(path, environment);
}

/**
 * Sets the outputs and environment variables of the connection, and writes the dotenv file.
 * @returns the names of the variables that later steps have
 */
export function publishConnection(
  runtime: ActionsRuntime,
  state: ActionState,
  config: PublishConfig,
  connection: Connection,
): readonly string[] {
  const environment = maskedEnvironment(runtime, config, connection);
  setConnectionOutputs(runtime, connection);
  if (config.exportEnv) for (const [name, value] of environment) runtime.exportVariable(name, value);
  writeEnvFile(runtime, state, config, connection);
  const { user, host, port, database, sslMode } = connection;
  runtime.info(`Published ${user} at ${host}:${port}/${database}, sslmode=${sslMode}`);
  if (config.envFile !== undefined) for (const line of dotenvReaderNotes(environment)) runtime.info(line);
  return config.exportEnv ? [...environment.keys()] : [];
}

/** Which programs cannot read which variables of the env-file; empty if all can. */
function dotenvReaderNotes(environment: ReadonlyMap<string, string>): readonly string[] {
  const namesFor = (readers: DotenvReaders): string =>
    [...environment]
      .filter(([, value]) => dotenvReaders(value) === readers)
      .map(([name]) => name)
      .join(', ');
  const quoted = namesFor('quoted');
  const onlyPython = namesFor('python-dotenv');
  return [
    quoted &&
      `The env-file has quotes around ${quoted}, which docker run --env-file does not remove. Pass these with --env NAME.`,
    onlyPython &&
      `Only python-dotenv reads ${onlyPython} in the env-file correctly, because Node.js and shells read the special characters in it differently. Use the environment variable instead.`,
  ].filter((line) => line !== '');
}
