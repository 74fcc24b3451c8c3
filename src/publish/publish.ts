import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { actionError, getErrorMessage } from '../common/errors.ts';
import { rejectLinkOutOfWorkspace, replaceFile } from '../common/files.ts';
import { resolveInTempDirectory, resolveInWorkspace } from '../common/paths.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { ActionState } from '../github/state.ts';
import type { PublishConfig } from '../inputs/types.ts';
import { type OutputValues, setOutputs } from '../reporting/outputs.ts';
import {
  adoNetConnectionString,
  type Connection,
  connectionEnvironment,
  databaseUrl,
  jdbcUrl,
} from './connection-formats.ts';
import { formatDotenv } from './dotenv.ts';
import { buildRootBundle } from './root-certificates.ts';

/** First line of a dotenv file of ours, by which we know that it may be overwritten and removed. */
const ENV_FILE_HEADER = '# Written by azure-postgresql-action; removed when the job ends.\n';

/** Masks the connection's secrets in every published form, before anything of them is written (law 6). */
function maskConnection(runtime: ActionsRuntime, connection: Connection): void {
  for (const secret of [
    connection.password,
    databaseUrl(connection),
    jdbcUrl(connection),
    adoNetConnectionString(connection),
  ]) {
    runtime.mask(secret);
  }
}

/** The variables of a connection, with everything secret in them masked. */
export function maskedEnvironment(
  runtime: ActionsRuntime,
  config: PublishConfig,
  connection: Connection,
): ReadonlyMap<string, string> {
  maskConnection(runtime, connection);
  return connectionEnvironment(connection, config);
}

/** Writes the dotenv file, in place of one that a migration has changed since. */
export async function writeEnvFile(
  runtime: ActionsRuntime,
  state: ActionState,
  config: PublishConfig,
  connection: Connection,
): Promise<void> {
  if (config.envFile === undefined) return;
  const environment = maskedEnvironment(runtime, config, connection);
  const path = resolveInWorkspace(config.envFile);
  state.saveEnvFile(path);
  await replaceFile(path, ENV_FILE_HEADER + formatDotenv(environment), 0o600);
}

/** Writes outputs, environment and dotenv file. */
export async function publishConnection(
  runtime: ActionsRuntime,
  state: ActionState,
  config: PublishConfig,
  connection: Connection,
): Promise<void> {
  const environment = maskedEnvironment(runtime, config, connection);
  setOutputs(runtime, connectionOutputs(connection));
  if (config.exportEnv) for (const [name, value] of environment) runtime.exportVariable(name, value);
  await writeEnvFile(runtime, state, config, connection);
  const { user, host, port, database, sslMode } = connection;
  runtime.info(`Connection: ${user} at ${host}:${port}/${database}, sslmode=${sslMode}.`);
  if (config.exportEnv) runtime.info(`Set for later steps: ${[...environment.keys()].join(', ')}.`);
}

function connectionOutputs(connection: Connection): OutputValues {
  const { host, port, database, user, password, sslMode } = connection;
  return {
    'db-host': host,
    'db-port': String(port),
    'db-name': database,
    'db-user': user,
    'db-password': password,
    'db-sslmode': sslMode,
    'database-url': databaseUrl(connection),
  };
}

/**
 * Refuses to overwrite what is not ours, and a folder that is not there; asked before anything is requested.
 * @throws `inputs-invalid`
 */
export function checkEnvFile({ envFile }: PublishConfig): void {
  if (envFile === undefined) return;
  const path = resolveInWorkspace(envFile);
  const problem = pathExists(path)
    ? !isOwnEnvFile(path) && 'which exists already and would be overwritten: name another'
    : !existsSync(dirname(path))
      ? 'whose folder does not exist: make it, or name another'
      : outsideWorkspaceReason(dirname(path));
  if (problem) throw actionError('inputs-invalid', { errors: [`env-file is '${envFile}', ${problem}`] });
}

/** Removes the dotenv file, if there is one and it is ours still. */
export async function removeEnvFile(path: string | undefined): Promise<void> {
  if (path !== undefined && pathExists(path) && isOwnEnvFile(path)) await rm(path, { force: true });
}

/** Also a symbolic link, whatever it leads to. */
const pathExists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

const isOwnEnvFile = (path: string): boolean =>
  lstatSync(path).isFile() && readFileSync(path, 'utf8').startsWith(ENV_FILE_HEADER);

function outsideWorkspaceReason(folder: string): string | undefined {
  try {
    rejectLinkOutOfWorkspace(folder);
    return undefined;
  } catch (error) {
    return `but ${getErrorMessage(error)}`;
  }
}

/** Writes the root bundle for libpq's `verify-full` where later steps find it; undefined with `require`. */
export async function writeRootCertificates({ sslMode }: PublishConfig): Promise<string | undefined> {
  if (sslMode !== 'verify-full') return undefined;
  const path = resolveInTempDirectory('azure-postgresql-roots.pem');
  await replaceFile(path, buildRootBundle());
  return path;
}
