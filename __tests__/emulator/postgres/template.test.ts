import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../../emulator/index.ts';
import { serviceAccount } from '../../../emulator/postgres/process.ts';
import { prepareTemplates, readPrepared } from '../../../emulator/postgres/template.ts';
import { Arm } from '../../helpers/emulator/arm.ts';
import { createPostgres, exists, startKillTarget, until } from '../../helpers/emulator/postgres-fixture.ts';

test('templates are prepared once for any number of emulators, and removed when they are closed', async () => {
  const prepared = await prepareTemplates();
  onTestFinished(() => prepared.close());
  const file = join(prepared.directory, 'prepared.json');
  // In it is the superuser's password of every server that is copied from the templates.
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { templates } = await readPrepared(prepared.directory, await serviceAccount());
  expect(templates.map(({ installation }) => installation.major)).toEqual(['17', '18']);
  const before = await readdir(prepared.directory);

  const emulators = await Promise.all([
    createPostgres(prepared.directory),
    createPostgres(prepared.directory),
  ]);
  for (const emulator of emulators) onTestFinished(() => emulator.close());
  const [one, other] = emulators;
  const servers = await Promise.all([one.server({ major: '17' }), other.server({ major: '17' })]);
  await one.ask(servers[0], 'CREATE DATABASE mine');
  expect((await servers[1].databases()).map(({ name }) => name)).not.toContain('mine');
  await one.close();
  expect(await other.ask(servers[1], 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await other.close();

  expect(await readdir(prepared.directory)).toEqual(before);
  await prepared.close();
  expect(await exists(prepared.directory)).toBe(false);
});

test('templates are removed where the process that prepared them is killed', async () => {
  const preparer = await startKillTarget('templates');
  expect(await exists(join(preparer.line, 'prepared.json'))).toBe(true);
  await preparer.kill();
  await until(async () => !(await exists(preparer.line)));
});

test('an emulator that is given no templates makes its own', async () => {
  const emulator = await startEmulator({ provision: 0, retryAfter: 0.0005 });
  onTestFinished(() => emulator.close());
  const arm = await Arm.signIn(emulator);
  await arm.makeServer('demo-relecloud');
  expect(await arm.state('demo-relecloud')).toBe('Ready');
  const listed = await arm.send('GET', arm.server('demo-relecloud', '/databases'));
  expect(JSON.stringify(listed.json)).toContain('azure_maintenance');
});
