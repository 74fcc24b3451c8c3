import { chmod, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { createDataDirectory } from '../../../emulator/postgres/cluster/data-directory.ts';
import { findServiceAccount } from '../../../emulator/postgres/cluster/run-command.ts';
import {
  createPostgresFixture,
  createTemporaryDirectory,
  defaultServerOptions,
  pathExists,
  runnerAddress,
  startKillTarget,
  test,
  tryConnect,
  waitForSessionEnd,
  waitUntil,
} from '../../helpers/emulator/postgres-fixture.ts';

describe('a server', () => {
  test('ends its sessions and does not listen after a stop, and has its address and data after a start', async ({
    postgres,
  }) => {
    const server = await postgres.startServer();
    const { address } = server;
    await postgres.query(server, 'CREATE DATABASE kept');
    const session = await postgres.openSession(server);
    const sessionEnd = waitForSessionEnd(session);
    await server.stop();
    await sessionEnd;
    expect(server.isRunning).toBe(false);
    expect(await tryConnect(address)).toBe('ECONNREFUSED');
    await expect(server.databases.list()).rejects.toThrow(/not running/);
    await server.stop();
    await server.start();
    expect(server.address).toBe(address);
    expect((await server.databases.list()).map(({ name }) => name)).toContain('kept');
    expect(await postgres.query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.destroy();
  });

  test('accepts rules before its start, can be destroyed twice, and cannot be started after that', async ({
    postgres,
  }) => {
    const server = await postgres.factory.create(defaultServerOptions);
    server.firewall.setRules(
      new Map([['r', { startIpAddress: runnerAddress, endIpAddress: runnerAddress }]]),
    );
    expect(await tryConnect(server.address)).toBe('ECONNREFUSED');
    await server.start();
    expect(await postgres.query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await Promise.all([server.destroy(), server.destroy()]);
    await expect(server.start()).rejects.toThrow(/destroyed/);
  });

  test('cannot be created with a major that is not installed', async ({ postgres }) => {
    expect(postgres.factory.supportedMajors).toEqual(['17', '18']);
    await expect(postgres.factory.create({ ...defaultServerOptions, major: '16' })).rejects.toThrow(
      'PostgreSQL 16 is not installed.',
    );
  });
});

/** The data directories of the servers that a process has started. */
async function dataDirectories(pid: number): Promise<string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const directories = children
    .split(' ')
    .filter((child) => child !== '')
    .map((child) => readlink(`/proc/${child}/cwd`).catch(() => '/'));
  return (await Promise.all(directories)).filter(
    (directory) => directory !== '/' && directory !== process.cwd(),
  );
}

describe('cleanup', () => {
  test('closing the factory stops every server and removes every file', async ({ preparedTemplates }) => {
    const own = await createPostgresFixture(preparedTemplates);
    onTestFinished(() => own.close());
    const before = await dataDirectories(process.pid);
    const [one, two] = await Promise.all([own.startServer(), own.startServer({ name: 'second' })]);
    const created = (await dataDirectories(process.pid)).filter((directory) => !before.includes(directory));
    expect(created).toHaveLength(2);
    // A session of the service must not block the destruction of its server.
    await one.serviceSessions.open('postgres');
    await own.factory.close();
    expect(await Promise.all(created.map((directory) => pathExists(dirname(directory))))).toEqual([
      false,
      false,
    ]);
    expect(await readdir(own.directory)).toEqual([]);
    expect(await Promise.all([one, two].map(({ address }) => tryConnect(address)))).toEqual([
      'ECONNREFUSED',
      'ECONNREFUSED',
    ]);
    await expect(own.factory.create(defaultServerOptions)).rejects.toThrow(/closed/);
  });

  test('a killed emulator leaves no files and no processes', async ({ preparedTemplates }) => {
    const directory = await createTemporaryDirectory();
    const emulator = await startKillTarget('server', directory, preparedTemplates);
    const address = emulator.line;
    const [data = '/'] = await dataDirectories(emulator.pid);
    const postmaster = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0];
    await emulator.kill();
    await waitUntil(async () => !(await pathExists(dirname(data))));
    await waitUntil(async () => (await readlink(`/proc/${postmaster}/cwd`).catch(() => 'gone')) === 'gone');
    expect(await tryConnect(address)).toBe('ECONNREFUSED');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('the directory of the factory', () => {
  test('is not below a parent whose path is too long for a socket', async () => {
    const directory = await createTemporaryDirectory();
    const long = join(directory, 'x'.repeat(90));
    await mkdir(long);
    const chosen = await createDataDirectory([long, '/tmp'], await findServiceAccount());
    expect(chosen).toMatch(/^\/tmp\/pg-/);
    await rm(chosen, { recursive: true });
    expect(await readdir(long)).toEqual([]);
    await expect(createDataDirectory([long], await findServiceAccount())).rejects.toThrow(/at most 70 bytes/);
  });

  test.skipIf(process.geteuid?.() !== 0)('is not below a parent that only root can access', async () => {
    const directory = await createTemporaryDirectory();
    await chmod(directory, 0o700);
    const chosen = await createDataDirectory([directory, '/tmp'], await findServiceAccount());
    expect(chosen).toMatch(/^\/tmp\/pg-/);
    await rm(chosen, { recursive: true });
    expect(await readdir(directory)).toEqual([]);
  });
});
