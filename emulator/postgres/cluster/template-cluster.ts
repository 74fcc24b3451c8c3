import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCEPTED_METHODS_PARAMETER, defaultAcceptedMethods } from '../azure-model/password-storage.ts';
import { roleModelStatements, SUPERUSER } from '../azure-model/role-model.ts';
import type { ClusterDeps } from './cluster.ts';
import { candidateDirectories, createDataDirectory } from './data-directory.ts';
import { changeOwner, type Installation, installedMajors, installPostgres } from './installation.ts';
import { AZURE_LOCALE, createLocaleEnvironment } from './locale.ts';
import { findServiceAccount, runCommand, type ServiceAccount } from './run-command.ts';
import { startWatchdog } from './watchdog.ts';

/** A cluster that servers are copied from, and its programs. */
export interface TemplateCluster {
  readonly directory: string;
  readonly installation: Installation;
}

/**
 * Settings that differ from Azure's: for speed (no disk flushes, little memory), for cleanup (no shared memory outside the
 * data directory, which a killed process would leave) and for the statement log. Server parameters with these names are
 * stored outside PostgreSQL (see server-parameters.ts).
 */
export const EMULATOR_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  shared_buffers: '16MB',
  dynamic_shared_memory_type: 'mmap',
  min_wal_size: '2MB',
  max_wal_size: '64MB',
  max_connections: '100',
  max_logical_replication_workers: '0',
  log_destination: 'jsonlog',
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'postgresql.log',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_statement: 'all',
  log_min_messages: 'warning',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
};

/** Azure's parameters that clients can `SHOW`. */
const AZURE_SETTINGS = {
  'azure.extensions': '',
  [ACCEPTED_METHODS_PARAMETER]: defaultAcceptedMethods('scram-sha-256'),
} as const;

/** Settings and initdb flags that PostgreSQL 17 does not have. */
const POSTGRES_18_OPTIONS = {
  settings: { io_method: 'sync' },
  flags: ['--no-data-checksums'],
} as const;

/** What all clusters in `directory` share, with a new password. */
export async function createClusterDeps(
  directory: string,
  account: ServiceAccount | undefined,
): Promise<ClusterDeps> {
  const environment = await createLocaleEnvironment(directory, account);
  return { account, environment, superuserPassword: randomBytes(24).toString('base64url') };
}

/**
 * Create the cluster that every server of a major is copied from: initdb, then Azure's role model. The administrator is
 * added at the first start of a server.
 *
 * @throws Error if the major is not installed, or if its programs do not run on this machine.
 */
export async function createTemplate(
  major: string,
  parentDirectory: string,
  deps: ClusterDeps,
): Promise<TemplateCluster> {
  const installation = await installPostgres(major, parentDirectory, deps.account);
  const directory = join(parentDirectory, `template-${major}`);
  await runInitdb(directory, installation, deps);
  await addRoleModel(directory, installation, deps);
  return { directory, installation };
}

async function runInitdb(directory: string, installation: Installation, deps: ClusterDeps): Promise<void> {
  const { account, environment } = deps;
  const isPostgres18 = Number(installation.major) >= 18;
  const settings = Object.entries({
    ...EMULATOR_SETTINGS,
    ...AZURE_SETTINGS,
    ...(isPostgres18 ? POSTGRES_18_OPTIONS.settings : {}),
  });
  const passwordFile = join(directory, '..', `password-${installation.major}`);
  await writeFile(passwordFile, deps.superuserPassword, { mode: 0o600 });
  await mkdir(directory);
  await chmod(directory, 0o700);
  await changeOwner(passwordFile, account);
  await changeOwner(directory, account);
  await runCommand(
    installation.initdb,
    [
      ['-D', directory, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ['--encoding=UTF8', `--locale=${AZURE_LOCALE}`, '--wal-segsize=1', '--no-sync', '--no-instructions'],
      isPostgres18 ? POSTGRES_18_OPTIONS.flags : [],
      settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ].flat(),
    // Without TZ, initdb searches for the time zone of the machine.
    { account, environment: { ...environment, TZ: 'UTC' } },
  );
  await rm(passwordFile);
}

async function addRoleModel(directory: string, installation: Installation, deps: ClusterDeps): Promise<void> {
  for (const [database, statements] of roleModelStatements()) {
    // Single-user mode needs no start and stop, and can connect to template0. It reads one statement per line.
    const args = [
      '--single',
      '-D',
      directory,
      '-c',
      'exit_on_error=on',
      '-c',
      'log_destination=stderr',
      '-c',
      'allow_system_table_mods=on',
      database,
    ];
    const input = statements.map((statement) => `${statement}\n`).join('');
    await runCommand(installation.postgres, args, { ...deps, input });
  }
}

/** Templates that several emulators copy. */
export interface PreparedTemplates {
  /** For {@link PostgresFactoryOptions.preparedTemplateDirectory}. */
  readonly directory: string;
  /** Remove the templates. The emulators that use them must be closed. */
  close(): Promise<void>;
}

/** The file that {@link prepareTemplates} writes and {@link readPreparedTemplates} reads. */
interface PreparedTemplatesFile {
  readonly superuserPassword: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly templates: readonly TemplateCluster[];
}

const PREPARED_FILE_NAME = 'prepared.json';

/**
 * Create the template of every installed major, which is most of the start time of a first server. For test suites, which
 * start many emulators. The templates are removed even if this process is killed.
 */
export async function prepareTemplates(): Promise<PreparedTemplates> {
  const account = await findServiceAccount();
  const directory = await createDataDirectory(await candidateDirectories(tmpdir()), account);
  const watchdog = startWatchdog(directory);
  const close = async (): Promise<void> => {
    await watchdog.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const deps = await createClusterDeps(directory, account);
    const templates = await Promise.all(
      installedMajors().map((major) => createTemplate(major, directory, deps)),
    );
    const { superuserPassword, environment } = deps;
    const prepared: PreparedTemplatesFile = { superuserPassword, environment, templates };
    await writeFile(join(directory, PREPARED_FILE_NAME), JSON.stringify(prepared), { mode: 0o600 });
    return { directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Read the directory of {@link prepareTemplates}. */
export async function readPreparedTemplates(
  directory: string,
  account: ServiceAccount | undefined,
): Promise<{ readonly clusterDeps: ClusterDeps; readonly templates: readonly TemplateCluster[] }> {
  const text = await readFile(join(directory, PREPARED_FILE_NAME), 'utf8');
  const { templates, ...common }: PreparedTemplatesFile = JSON.parse(text);
  return { clusterDeps: { account, ...common }, templates };
}
