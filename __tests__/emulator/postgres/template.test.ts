import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../../emulator/emulator.ts';
import { findServiceAccount } from '../../../emulator/postgres/cluster/run-command.ts';
import {
  prepareTemplates,
  readPreparedTemplates,
} from '../../../emulator/postgres/cluster/template-cluster.ts';
import { ArmClient } from '../../helpers/emulator/arm-client.ts';
import {
  createPostgresFixture,
  pathExists,
  startKillTarget,
  waitUntil,
} from '../../helpers/emulator/postgres-fixture.ts';

test('several emulators use the same templates, and close removes the templates', async () => {
  const prepared = await prepareTemplates();
  onTestFinished(() => prepared.close());
  const file = join(prepared.directory, 'prepared.json');
  // The file contains the superuser's password of every server that is copied from the templates.
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { templates } = await readPreparedTemplates(prepared.directory, await findServiceAccount());
  expect(templates.map(({ installation }) => installation.major)).toEqual(['17', '18']);
  const before = await readdir(prepared.directory);

  const emulators = await Promise.all([
    createPostgresFixture(prepared.directory),
    createPostgresFixture(prepared.directory),
  ]);
  for (const emulator of emulators) onTestFinished(() => emulator.close());
  const [one, other] = emulators;
  const servers = await Promise.all([one.startServer({ major: '17' }), other.startServer({ major: '17' })]);
  await one.query(servers[0], 'CREATE DATABASE mine');
  expect((await servers[1].databases.list()).map(({ name }) => name)).not.toContain('mine');
  await one.close();
  expect(await other.query(servers[1], 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await other.close();

  expect(await readdir(prepared.directory)).toEqual(before);
  await prepared.close();
  expect(await pathExists(prepared.directory)).toBe(false);
});

test('templates are removed if the process that prepared them is killed', async () => {
  const preparer = await startKillTarget('templates');
  expect(await pathExists(join(preparer.line, 'prepared.json'))).toBe(true);
  await preparer.kill();
  await waitUntil(async () => !(await pathExists(preparer.line)));
});

test('an emulator without templates creates its own', async () => {
  const emulator = await startEmulator({ provisionMs: 0, retryAfterScale: 0.0005 });
  onTestFinished(() => emulator.close());
  const arm = await ArmClient.signIn(emulator);
  await arm.createServer('demo-relecloud');
  expect(await arm.serverState('demo-relecloud')).toBe('Ready');
  const listed = await arm.send('GET', arm.serverPath('demo-relecloud', '/databases'));
  expect(JSON.stringify(listed.json)).toContain('azure_maintenance');
});
