import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Grounds } from './cluster.ts';
import { giveTo, type Installation, install, installedMajors } from './installation.ts';
import { azureLocale, localeEnvironment } from './locale.ts';
import { acceptedByDefault, acceptedMethods } from './password-storage.ts';
import { makePlace, placesFor } from './place.ts';
import { run, type ServiceAccount, serviceAccount } from './process.ts';
import { templateStatements } from './roles.ts';
import { superuser } from './service-roles.ts';
import { watchOver } from './watchdog.ts';

/** A cluster to copy, and the programs that made it. */
export interface Template {
  readonly directory: string;
  readonly installation: Installation;
}

/**
 * What the emulator needs of PostgreSQL and Azure's server does not have: cheapness (no disk flushes, little memory,
 * no shared memory outside the data directory that a killed process would leave behind) and the statement log. As these are
 * not Azure's values, server parameters of these names are kept beside PostgreSQL (see parameters.ts).
 */
export const emulatorSettings: Readonly<Record<string, string>> = {
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
const azureSettings = {
  'azure.extensions': '',
  [acceptedMethods]: acceptedByDefault('scram-sha-256'),
} as const;

/** Settings and initdb flags that PostgreSQL 17 does not know. */
const since18 = {
  settings: { io_method: 'sync' },
  flags: ['--no-data-checksums'],
} as const;

/** What every cluster that is made in `place` has in common, with a new password. */
export async function makeGrounds(place: string, account: ServiceAccount | undefined): Promise<Grounds> {
  const environment = await localeEnvironment(place, account);
  return { account, environment, superuserPassword: randomBytes(24).toString('base64url') };
}

/**
 * Make the cluster from which every server of a major is copied: initdb, then Azure's role model (facts.md §5).
 * Nothing in it belongs to one server: the administrator is added at a server's first start.
 *
 * @throws Error when there is no such major, or when its programs do not run on this machine.
 */
export async function makeTemplate(major: string, place: string, grounds: Grounds): Promise<Template> {
  const installation = await install(major, place, grounds.account);
  const directory = join(place, `template-${major}`);
  await initialize(directory, installation, grounds);
  await addRoleModel(directory, installation, grounds);
  return { directory, installation };
}

async function initialize(directory: string, installation: Installation, grounds: Grounds): Promise<void> {
  const { account, environment } = grounds;
  const modern = Number(installation.major) >= 18;
  const settings = Object.entries({
    ...emulatorSettings,
    ...azureSettings,
    ...(modern ? since18.settings : {}),
  });
  const passwordFile = join(directory, '..', `password-${installation.major}`);
  await writeFile(passwordFile, grounds.superuserPassword, { mode: 0o600 });
  await mkdir(directory);
  await chmod(directory, 0o700);
  await giveTo(passwordFile, account);
  await giveTo(directory, account);
  await run(
    installation.initdb,
    [
      ['-D', directory, '-U', superuser, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ['--encoding=UTF8', `--locale=${azureLocale}`, '--wal-segsize=1', '--no-sync', '--no-instructions'],
      modern ? since18.flags : [],
      settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ].flat(),
    // With a time zone given, initdb need not compare the machine's with each that it knows.
    { account, environment: { ...environment, TZ: 'UTC' } },
  );
  await rm(passwordFile);
}

async function addRoleModel(directory: string, installation: Installation, grounds: Grounds): Promise<void> {
  for (const [database, statements] of templateStatements()) {
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
    await run(installation.postgres, args, { ...grounds, input });
  }
}

/** Templates that are made once and copied by many emulators. */
export interface PreparedTemplates {
  /** For {@link PostgresFactoryOptions.preparedTemplates}. */
  readonly directory: string;
  /** Remove them; emulators that were given them must have been closed before. */
  close(): Promise<void>;
}

/** What {@link prepareTemplates} writes beside the templates, for {@link readPrepared}. */
interface Prepared {
  readonly superuserPassword: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly templates: readonly Template[];
}

const preparedFile = 'prepared.json';

/**
 * Make the template of every installed major, for emulators that are started many times, as a test suite does: it is
 * most of what starting a first server takes. They are removed also where the process that called this is killed.
 */
export async function prepareTemplates(): Promise<PreparedTemplates> {
  const account = await serviceAccount();
  const directory = await makePlace(await placesFor(tmpdir()), account);
  const watchdog = watchOver(directory);
  const close = async (): Promise<void> => {
    await watchdog.dismiss();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const grounds = await makeGrounds(directory, account);
    const templates = await Promise.all(
      installedMajors().map((major) => makeTemplate(major, directory, grounds)),
    );
    const { superuserPassword, environment } = grounds;
    const prepared: Prepared = { superuserPassword, environment, templates };
    await writeFile(join(directory, preparedFile), JSON.stringify(prepared), { mode: 0o600 });
    return { directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What {@link prepareTemplates} has made in a directory. */
export async function readPrepared(
  directory: string,
  account: ServiceAccount | undefined,
): Promise<{ readonly grounds: Grounds; readonly templates: readonly Template[] }> {
  const text = await readFile(join(directory, preparedFile), 'utf8');
  const { templates, ...common }: Prepared = JSON.parse(text);
  return { grounds: { account, ...common }, templates };
}
