import { X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getCACertificates } from 'node:tls';
import { type DotenvReaders, dotenvReaders, formatDotenv } from '../common/encoding.ts';
import { actionError, getErrorMessage } from '../common/errors.ts';
import { rejectLinkOutOfWorkspace, replaceFile } from '../common/files.ts';
import { resolveInTempDirectory, resolveInWorkspace } from '../common/paths.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { ActionState } from '../github/state.ts';
import type { PublishConfig } from '../inputs/types.ts';
import {
  type Connection,
  connectionEnvironment,
  passwordForms,
  textsWithPassword,
} from './connection-formats.ts';
import { setConnectionOutputs } from './outputs.ts';

/** First line of the dotenv file. Only files with this line are overwritten and removed. */
const ENV_FILE_HEADER = '# Written by azure-postgresql-action; removed when the job ends.\n';

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

/**
 * Sets the outputs and environment variables of the connection, and writes the dotenv file.
 * @returns the names of the variables that later steps have
 */
export async function publishConnection(
  runtime: ActionsRuntime,
  state: ActionState,
  config: PublishConfig,
  connection: Connection,
): Promise<readonly string[]> {
  const environment = maskedEnvironment(runtime, config, connection);
  setConnectionOutputs(runtime, connection);
  if (config.exportEnv) for (const [name, value] of environment) runtime.exportVariable(name, value);
  await writeEnvFile(runtime, state, config, connection);
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

/**
 * Checks before the first request that env-file would not overwrite another file, and that its folder exists.
 * @throws `inputs-invalid`
 */
export function checkEnvFile({ envFile }: PublishConfig): void {
  if (envFile === undefined) return;
  const path = resolveInWorkspace(envFile);
  const problem = pathExists(path)
    ? !isOwnEnvFile(path) && 'which already exists and was not written by this action: set another path'
    : !existsSync(dirname(path))
      ? 'whose folder does not exist: create it, or set another path'
      : outsideWorkspaceReason(dirname(path));
  if (problem) throw actionError('inputs-invalid', { errors: [`env-file is '${envFile}', ${problem}`] });
}

/** Removes the dotenv file, unless another file has replaced it. */
export async function removeEnvFile(path: string | undefined): Promise<void> {
  if (path !== undefined && pathExists(path) && isOwnEnvFile(path)) await rm(path, { force: true });
}

/** True for any symbolic link, even one to a missing file. */
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

/**
 * Writes the root certificates for libpq's `verify-full` into the runner's temporary folder.
 * @returns the path; undefined with `require`
 */
export async function writeRootCertificates({ sslMode }: PublishConfig): Promise<string | undefined> {
  if (sslMode !== 'verify-full') return undefined;
  const path = resolveInTempDirectory('azure-postgresql-roots.pem');
  await replaceFile(path, buildRootBundle());
  return path;
}

/**
 * Root certificates of Azure's servers, by common name; see docs/azure-behavior.md#tls-and-root-certificates. The last one is only
 * used in China; newer releases of Node do not include it, and then the bundle does not either.
 */
const AZURE_ROOT_NAMES = [
  'DigiCert Global Root G2',
  'Microsoft RSA Root Certificate Authority 2017',
  'DigiCert Global Root CA',
];

/**
 * PEM bundle for libpq's `sslrootcert`: Azure's root certificates from Node's own list, and those of NODE_EXTRA_CA_CERTS, so
 * that libpq accepts the same servers as the action.
 */
export function buildRootBundle(): string {
  const azure = getCACertificates('bundled').filter((pem) => {
    const { subject } = new X509Certificate(pem);
    return AZURE_ROOT_NAMES.some((name) => subject.split('\n').includes(`CN=${name}`));
  });
  return `${[...azure, ...getCACertificates('extra')].map((pem) => pem.trim()).join('\n')}\n`;
}
