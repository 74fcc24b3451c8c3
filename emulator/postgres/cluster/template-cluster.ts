import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCEPTED_METHODS_PARAMETER, defaultAcceptedMethods } from '../azure-model/password-storage.ts';
import { roleModelStatements } from '../azure-model/role-model.ts';
import { SUPERUSER } from '../azure-model/service-roles.ts';
import type { ClusterDeps } from './cluster.ts';
import { candidateDirectories, createDataDirectory } from './data-directory.ts';
import { changeOwner, type Installation, installedMajors, installPostgres } from './installation.ts';
import { AZURE_LOCALE, createLocaleEnvironment } from './locale.ts';
import { findServiceAccount, runCommand, type ServiceAccount } from './run-command.ts';
import { startWatchdog } from './watchdog.ts';

/** A cluster to copy, and the programs that made it. */
export interface TemplateCluster {
  readonly directory: string;
  readonly installation: Installation;
}

/**
 * What the emulator needs of PostgreSQL and Azure's server does not have: cheapness (no disk flushes, little memory,
 * no shared memory outside the data directory that a killed process would leave behind) and the statement log. As these are
 * not Azure's values, server parameters of these names are kept beside PostgreSQL (see parameters.ts).
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

/** Azure's own parameters that clients can `SHOW`. */
const AZURE_SETTINGS = {
  'azure.extensions': '',
  [ACCEPTED_METHODS_PARAMETER]: defaultAcceptedMethods('scram-sha-256'),
} as const;

/** Settings and initdb flags that PostgreSQL 17 does not know. */
const POSTGRES_18_OPTIONS = {
  settings: { io_method: 'sync' },
  flags: ['--no-data-checksums'],
} as const;

/** What every cluster that is made in `place` has in common, with a new password. */
export async function createClusterDeps(
  directory: string,
  account: ServiceAccount | undefined,
): Promise<ClusterDeps> {
  const environment = await createLocaleEnvironment(directory, account);
  return { account, environment, superuserPassword: randomBytes(24).toString('base64url') };
}

/**
 * Make the cluster from which every server of a major is copied: initdb, then Azure's role model (facts.md §5).
 * Nothing in it belongs to one server: the administrator is added at a server's first start.
 *
 * @throws Error when there is no such major, or when its programs do not run on this machine.
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
    // With a time zone given, initdb need not compare the machine's with each that it knows.
    { account, environment: { ...environment, TZ: 'UTC' } },
  );
  await rm(passwordFile);
}

async function addRoleModel(directory: string, installation: Installation, deps: ClusterDeps): Promise<void> {
  for (const [database, statements] of roleModelStatements()) {
    // A stand-alone backend needs no start and stop, and it alone gets into template0. It takes one statement a line.
    const args = [
      '--single',
      '-D',
      directory,
      '-c',
      'exit_on_error=on',
      '-c',
      'log_destination=stderr',
      database,
    ];
    const input = statements.map((statement) => `${statement}\n`).join('');
    await runCommand(installation.postgres, args, { ...deps, input });
  }
}

/** Templates that are made once and copied by many emulators. */
export interface PreparedTemplates {
  /** For {@link PostgresFactoryOptions.preparedTemplates}. */
  readonly directory: string;
  /** Remove them; emulators that were given them must have been closed before. */
  close(): Promise<void>;
}

/** What {@link prepareTemplates} writes beside the templates, for {@link readPreparedTemplates}. */
interface PreparedTemplatesFile {
  readonly superuserPassword: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly templates: readonly TemplateCluster[];
}

const PREPARED_FILE_NAME = 'prepared.json';

/**
 * Make the template of every installed major, for emulators that are started many times, as a test suite does: it is
 * most of what starting a first server takes. They are removed also where the process that called this is killed.
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

/** What {@link prepareTemplates} has made in a directory. */
export async function readPreparedTemplates(
  directory: string,
  account: ServiceAccount | undefined,
): Promise<{ readonly grounds: ClusterDeps; readonly templates: readonly TemplateCluster[] }> {
  const text = await readFile(join(directory, PREPARED_FILE_NAME), 'utf8');
  const { templates, ...common }: PreparedTemplatesFile = JSON.parse(text);
  return { grounds: { account, ...common }, templates };
}
