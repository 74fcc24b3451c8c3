import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';
import { repositoryRoot } from '../helpers/root.ts';

const NAME = 'gha-live-4711-1';

/** Runs `node scripts/live.ts` in a job, as live.yml does; in the test, Azure is the emulator. */
async function runLive(emulator: EmulatorHarness) {
  const { env, tempDirectory } = new Job(emulator);
  const { bundle, compileCache } = inject('built');
  const recordingPath = join(tempDirectory, 'recording.jsonl');
  const liveEnv = { LIVE_NAME: NAME, LIVE_BUNDLE: bundle, LIVE_RECORDING: recordingPath };
  const child = spawn(process.execPath, [join(repositoryRoot, 'scripts', 'live.ts')], {
    env: { ...env, NODE_COMPILE_CACHE: compileCache, ...liveEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const [exitCode] = await once(child, 'close');
  return { exitCode, log, env, recording: readFileSync(recordingPath, 'utf8') };
}

/** What the log masks. Short values are parts of many texts. */
const masksIn = (log: string): readonly string[] =>
  [...log.matchAll(/^::add-mask::(.*)$/gm)]
    .map(([, value = '']) => value.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%'))
    .filter(({ length }) => length >= 8);

describe('npm run live', () => {
  test('runs the whole life cycle, deletes its resource group, and records neither secrets nor ids nor names', async ({
    emulator,
  }) => {
    const { exitCode, log, env, recording } = await runLive(emulator);
    expect(exitCode, log).toBe(0);
    expect(await emulator.control('GET', 'state')).toMatchObject({ servers: {}, resourceGroups: {} });

    const masks = masksIn(log);
    // The administrator's password, the key, the roles' passwords, and a token of GitHub and of Entra for each step.
    expect(masks.length).toBeGreaterThan(20);
    const { AZURE_SUBSCRIPTION_ID, AZURE_TENANT_ID, AZURE_CLIENT_ID, ACTIONS_ID_TOKEN_REQUEST_TOKEN } = env;
    const ids = [AZURE_SUBSCRIPTION_ID, AZURE_TENANT_ID, AZURE_CLIENT_ID, ACTIONS_ID_TOKEN_REQUEST_TOKEN];
    for (const value of [...masks, ...ids, NAME, '198.51.100.7']) expect(recording).not.toContain(value);

    const lines = recording
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ omitted }) => omitted !== undefined)).toEqual([]);
    const server =
      '/subscriptions/{subscription}/resourceGroups/{server}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}?api-version=2025-08-01';
    expect(lines).toContainEqual(
      expect.objectContaining({
        service: 'arm',
        method: 'PUT',
        path: server,
        requestBody: expect.objectContaining({
          properties: expect.objectContaining({ administratorLoginPassword: '{removed}', version: '17' }),
        }),
        status: 202,
        headers: expect.objectContaining({ 'retry-after': expect.stringMatching(/^\d+$/) }),
        body: expect.objectContaining({ operation: 'UpsertServerManagementOperationV2' }),
      }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        service: 'entra',
        path: expect.stringMatching(/^\/\{tenant\}\/oauth2\/v2\.0\/token\?/),
        requestBody: null,
        body: { token_type: 'Bearer', expires_in: 3599 },
      }),
    );
    // The life cycle's own request.
    expect(lines).toContainEqual(expect.objectContaining({ method: 'DELETE', status: 202, body: null }));
  });

  test('fails with the first thing that is not as expected, and deletes its resource group then too', async ({
    emulator,
  }) => {
    const match = { service: 'arm', method: 'PUT', path: '/flexibleServers/[^/]+\\?' } as const;
    const error = { code: 'InvalidParameterValue', message: 'No.' };
    await emulator.addFault(match, { status: 400, body: { error } });
    const { exitCode, log } = await runLive(emulator);
    expect(exitCode).toBe(1);
    expect(log).toContain('main must succeed');
    const deleted = (await emulator.requests()).filter(({ method }) => method === 'DELETE');
    expect(deleted).toMatchObject([
      { path: expect.stringContaining(`/resourcegroups/${NAME}?`), status: 202 },
    ]);
  });

  test('neither uses nor deletes a resource group that exists', async ({ emulator }) => {
    const client = await ArmClient.signIn(emulator.instance);
    const path = `${client.subscriptionPath}/resourcegroups/${NAME}?api-version=2025-04-01`;
    expect((await client.send('PUT', path, { location: 'westeurope' })).status).toBe(201);
    await emulator.clearRecords();
    const { exitCode, log } = await runLive(emulator);
    expect(exitCode).toBe(1);
    expect(log).toContain(`The resource group '${NAME}' exists already`);
    expect(await emulator.armWrites()).toEqual([]);
    expect(await emulator.control('GET', 'state')).toMatchObject({ resourceGroups: { [NAME]: {} } });
  });
});
