import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresFactory } from '../../emulator/postgres/index.ts';
import {
  createFixture,
  ended,
  type Fixture,
  knock,
  runner,
  temporaryDirectory,
  until,
  usual,
} from './fixture.ts';

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

describe('what is left behind', () => {
  test('closing the factory stops every server and removes every file', async () => {
    const own = await createFixture();
    const [one, two] = await Promise.all([own.server(), own.server({ name: 'second' })]);
    await own.factory.close();
    expect(await readdir(own.directory)).toEqual([]);
    expect(await Promise.all([one, two].map(({ address }) => knock(address)))).toEqual([
      'ECONNREFUSED',
      'ECONNREFUSED',
    ]);
    await expect(own.factory.create(usual)).rejects.toThrow(/closed/);
    await rm(own.directory, { recursive: true });
  });

  test('an emulator that is killed leaves neither files nor processes', async () => {
    const directory = await temporaryDirectory();
    const script = join(import.meta.dirname, 'victim.ts');
    const victim = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [address] = await once(victim.stdout.setEncoding('utf8'), 'data');
    expect(await readdir(directory)).toHaveLength(1);
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
    await until(async () => (await readdir(directory)).length === 0);
    expect(await knock(address.trim())).toBe('ECONNREFUSED');
    await rm(directory, { recursive: true });
  });
});

describe('a directory that PostgreSQL cannot use', () => {
  const certificates = { issue: async () => ({ cert: '', key: '' }) };
  const clients = { publicAddressOf: () => runner };

  test('because its path is too long for a socket gives way to the system’s own', async () => {
    const directory = await temporaryDirectory();
    const long = join(directory, 'x'.repeat(90));
    await mkdir(long);
    const factory = await createPostgresFactory({ directory: long, certificates, clients });
    expect(await readdir(long)).toEqual([]);
    await factory.close();
    await rm(directory, { recursive: true });
  });

  test.skipIf(process.geteuid?.() !== 0)(
    'because root alone may enter it gives way to the system’s own',
    async () => {
      const directory = await temporaryDirectory();
      await chmod(directory, 0o700);
      const factory = await createPostgresFactory({ directory, certificates, clients });
      expect(await readdir(directory)).toEqual([]);
      await factory.close();
      await rm(directory, { recursive: true });
    },
  );
});
