import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PublishConfig } from './config/config.ts';
import { fail, messageOf } from './errors.ts';
import { checkStaysInWorkspace, replaceFile } from './files.ts';
import { inTemporaryFolder, inWorkspace } from './folders.ts';
import type { Journal } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { adoNet, type Connection, databaseUrl, environmentOf, jdbcUrl } from './postgres/connection.ts';
import { dotenv } from './postgres/dotenv.ts';
import { rootBundle } from './postgres/root-certificates.ts';

/** First line of a dotenv file of ours, by which we know that it may be overwritten and removed. */
const header = '# Written by azure-postgresql-action; removed when the job ends.\n';

/** Masks the connection's secrets in every published form, before anything of them is written (law 6). */
function maskConnection(workflow: Workflow, connection: Connection): void {
  for (const secret of [
    connection.password,
    databaseUrl(connection),
    jdbcUrl(connection),
    adoNet(connection),
  ]) {
    workflow.mask(secret);
  }
}

/** The variables of a connection, with everything secret in them masked. */
export function environmentFor(
  workflow: Workflow,
  config: PublishConfig,
  connection: Connection,
): ReadonlyMap<string, string> {
  maskConnection(workflow, connection);
  return environmentOf(connection, config);
}

/** Writes the dotenv file, in place of one that a migration has changed since. */
export async function writeEnvFile(
  workflow: Workflow,
  journal: Journal,
  config: PublishConfig,
  connection: Connection,
): Promise<void> {
  if (config.envFile === undefined) return;
  const environment = environmentFor(workflow, config, connection);
  const path = inWorkspace(config.envFile);
  journal.writeEnvFile(path);
  await replaceFile(path, header + dotenv(environment), 0o600);
}

/** Writes outputs, environment and dotenv file. */
export async function publish(
  workflow: Workflow,
  journal: Journal,
  config: PublishConfig,
  connection: Connection,
): Promise<void> {
  const environment = environmentFor(workflow, config, connection);
  for (const [name, value] of Object.entries(outputsOf(connection))) workflow.setOutput(name, value);
  if (config.exportEnv) for (const [name, value] of environment) workflow.exportVariable(name, value);
  await writeEnvFile(workflow, journal, config, connection);
  const { user, host, port, database, sslMode } = connection;
  workflow.info(`Connection: ${user} at ${host}:${port}/${database}, sslmode=${sslMode}.`);
  if (config.exportEnv) workflow.info(`Set for later steps: ${[...environment.keys()].join(', ')}.`);
}

function outputsOf(connection: Connection): Record<string, string> {
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
  const path = inWorkspace(envFile);
  const fault = isThere(path)
    ? !isOurs(path) && 'which exists already and would be overwritten: name another'
    : !existsSync(dirname(path))
      ? 'whose folder does not exist: make it, or name another'
      : leadsOutside(dirname(path));
  if (fault) throw fail('inputs-invalid', { faults: [`env-file is '${envFile}', ${fault}`] });
}

/** Removes the dotenv file, if there is one and it is ours still. */
export async function removeEnvFile(path: string | undefined): Promise<void> {
  if (path !== undefined && isThere(path) && isOurs(path)) await rm(path, { force: true });
}

/** Also a symbolic link, whatever it leads to. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

const isOurs = (path: string): boolean =>
  lstatSync(path).isFile() && readFileSync(path, 'utf8').startsWith(header);

function leadsOutside(folder: string): string | undefined {
  try {
    checkStaysInWorkspace(folder);
    return undefined;
  } catch (error) {
    return `but ${messageOf(error)}`;
  }
}

/** Writes the root bundle for libpq's `verify-full` where later steps find it; undefined with `require`. */
export async function writeRootBundle({ sslMode }: PublishConfig): Promise<string | undefined> {
  if (sslMode !== 'verify-full') return undefined;
  const path = inTemporaryFolder('azure-postgresql-roots.pem');
  await replaceFile(path, rootBundle());
  return path;
}
