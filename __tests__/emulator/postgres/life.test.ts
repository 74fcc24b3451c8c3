import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePlace } from '../../../emulator/postgres/place.ts';
import { serviceAccount } from '../../../emulator/postgres/process.ts';
import {
  createFixture,
  ended,
  type Fixture,
  knock,
  runner,
  temporaryDirectory,
  until,
  usual,
} from '../../helpers/emulator/postgres-fixture.ts';
import { tests } from '../../helpers/root.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await createFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('a server', () => {
  test('that has stopped listens nowhere, ends its sessions, and comes back with its address and data', async () => {
    const server = await fixture.server();
    const { address } = server;
    await fixture.ask(server, 'CREATE DATABASE kept');
    const session = await fixture.login(server);
    const over = ended(session);
    await server.stop();
    await over;
    expect(server.running).toBe(false);
    expect(await knock(address)).toBe('ECONNREFUSED');
    expect(() => server.databases()).toThrow(/not running/);
    await server.stop();
    await server.start();
    expect(server.address).toBe(address);
    expect((await server.databases()).map(({ name }) => name)).toContain('kept');
    expect(await fixture.ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.destroy();
  });

  test('may be given its rules before it starts', async () => {
    const server = await fixture.factory.create(usual);
    server.setRules(new Map([['r', { startIpAddress: runner, endIpAddress: runner }]]));
    expect(await knock(server.address)).toBe('ECONNREFUSED');
    await server.start();
    expect(await fixture.ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.destroy();
  });

  test('can be destroyed twice, and then not be started', async () => {
    const server = await fixture.server();
    await Promise.all([server.destroy(), server.destroy()]);
    await expect(server.start()).rejects.toThrow(/destroyed/);
  });

  test('is refused in a major that is not there', async () => {
    expect(fixture.factory.supportedMajors).toEqual(['17', '18']);
    await expect(fixture.factory.create({ ...usual, major: '16' })).rejects.toThrow(
      'No PostgreSQL 16 is installed here.',
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

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe('what is left behind', () => {
  test('closing the factory stops every server and removes every file', async () => {
    await using own = await createFixture();
    const before = await dataDirectories(process.pid);
    const [one, two] = await Promise.all([own.server(), own.server({ name: 'second' })]);
    const made = (await dataDirectories(process.pid)).filter((directory) => !before.includes(directory));
    expect(made).toHaveLength(2);
    await own.factory.close();
    expect(await Promise.all(made.map((directory) => exists(dirname(directory))))).toEqual([false, false]);
    expect(await readdir(own.directory)).toEqual([]);
    expect(await Promise.all([one, two].map(({ address }) => knock(address)))).toEqual([
      'ECONNREFUSED',
      'ECONNREFUSED',
    ]);
    await expect(own.factory.create(usual)).rejects.toThrow(/closed/);
  });

  test('an emulator that is killed leaves neither files nor processes', async () => {
    const directory = await temporaryDirectory();
    const script = join(tests, 'helpers', 'emulator', 'kill-target.ts');
    const victim = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [address] = await once(victim.stdout.setEncoding('utf8'), 'data');
    const [data = '/'] = await dataDirectories(victim.pid ?? 0);
    const postmaster = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0];
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
    await until(async () => !(await exists(dirname(data))));
    await until(async () => (await readlink(`/proc/${postmaster}/cwd`).catch(() => 'gone')) === 'gone');
    expect(await knock(address.trim())).toBe('ECONNREFUSED');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('the place for servers', () => {
  test('is not one whose path is too long for a socket', async () => {
    const directory = await temporaryDirectory();
    const long = join(directory, 'x'.repeat(90));
    await mkdir(long);
    const place = await makePlace([long, '/tmp'], await serviceAccount());
    expect(place).toMatch(/^\/tmp\/pg-/);
    await rm(place, { recursive: true });
    expect(await readdir(long)).toEqual([]);
    await expect(makePlace([long], await serviceAccount())).rejects.toThrow(/at most 70 bytes/);
  });

  test.skipIf(process.geteuid?.() !== 0)('is not one that root alone may enter', async () => {
    const directory = await temporaryDirectory();
    await chmod(directory, 0o700);
    const place = await makePlace([directory, '/tmp'], await serviceAccount());
    expect(place).toMatch(/^\/tmp\/pg-/);
    await rm(place, { recursive: true });
    expect(await readdir(directory)).toEqual([]);
  });
});
