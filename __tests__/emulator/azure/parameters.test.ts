import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { type ArmClient, defaultServer, sendControl } from '../../helpers/emulator/arm-client.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, pollUntilAccepted, valueAt } from '../../helpers/emulator/http-client.ts';
import { RealServer } from '../../helpers/emulator/real-server.ts';
import { auditConfiguration, utf8Database } from '../../helpers/emulator/recorded-responses.ts';

// Changes through ARM and control, and their effect in the real PostgreSQL.
const runnerRules = { runner: { startIpAddress: '198.51.100.7' } };

const test = testWith({ blockedBehavior: 'reject' }, 'real').extend(
  'server',
  { scope: 'file' },
  async ({ arm }) => {
    await arm.createServer('tuned', {
      properties: {
        ...defaultServer.properties,
        cluster: { clusterSize: 2, defaultDatabaseName: 'stars' },
      },
    });
    const server = await RealServer.find(arm, 'tuned');
    await patchServerState(server, { rules: runnerRules });
    return server;
  },
);

function patchServerState(server: RealServer, change: JsonObject): Promise<HttpResponse> {
  return sendControl(server.emulator, 'PATCH', 'state', { server: 'tuned', ...change });
}

async function getParameter(arm: ArmClient, name: string): Promise<unknown> {
  const { json } = await arm.send('GET', arm.serverPath('tuned', `/configurations/${name}`));
  return json['properties'];
}

describe('PATCH control/state with parameters', () => {
  test('sets them in PostgreSQL and ARM, and null resets them', async ({ arm, server }) => {
    const before = await getParameter(arm, 'work_mem');
    expect(
      (await patchServerState(server, { parameters: { work_mem: '8MB', 'azure.extensions': 'citext' } }))
        .status,
    ).toBe(200);
    expect(await server.queryValue('SHOW work_mem')).toBe('8MB');
    expect(await getParameter(arm, 'work_mem')).toMatchObject({ value: '8192', source: 'user-override' });
    expect(await getParameter(arm, 'azure.extensions')).toMatchObject({ value: 'citext' });
    await patchServerState(server, { parameters: { work_mem: null, 'azure.extensions': null } });
    expect(await getParameter(arm, 'work_mem')).toEqual(before);
    expect(await getParameter(arm, 'azure.extensions')).toMatchObject({
      value: '',
      source: 'system-default',
    });
  });

  test('refuses values that PostgreSQL refuses', async ({ server }) => {
    const { status, json } = await patchServerState(server, { parameters: { work_mem: 'much' } });
    expect([status, String(json['error'])]).toEqual([400, expect.stringContaining('work_mem')]);
    expect((await patchServerState(server, { parameters: { port: '5433' } })).status).toBe(400);
  });
});

test('a configuration and a database have the recorded members, in their order and with their values', async ({
  arm,
  server,
}) => {
  const members = async (rest: string) =>
    Object.entries((await arm.send('GET', server.resourcePath(rest))).json['properties'] as object);
  const audit = '/configurations/pgaudit.log';
  await arm.sendAndWait('PUT', server.resourcePath(audit), {
    properties: { source: 'user-override', value: 'READ' },
  });
  expect(await members(audit)).toEqual(Object.entries(auditConfiguration));
  expect(await members('/databases/stars')).toEqual(Object.entries(utf8Database));
});

test('every configuration is on exactly one page of the list', async ({ arm, server }) => {
  const names: unknown[] = [];
  let pages = 0;
  for (let url: string | undefined = server.resourcePath('/configurations'); url !== undefined; ) {
    const { json }: HttpResponse = await arm.send('GET', url);
    const { value: entries, nextLink } = json;
    if (!Array.isArray(entries)) throw new Error('No list.');
    names.push(...entries.map((entry) => valueAt(entry, 'name')));
    url = typeof nextLink === 'string' ? nextLink : undefined;
    pages += 1;
  }
  expect(pages).toBe(Math.ceil(names.length / 100));
  expect(new Set(names).size).toBe(names.length);
  const { json } = await sendControl(arm.emulator, 'GET', 'state');
  expect(names.sort()).toEqual(Object.keys(valueAt(json, 'servers', 'tuned', 'parameters') as object).sort());
});

test('an elastic cluster has its database from the start', async ({ arm, server }) => {
  expect(await server.queryValue('SELECT current_database()', 'stars')).toBe('stars');
  const { json } = await arm.send('GET', server.resourcePath('/databases/stars'));
  expect(json['properties']).toEqual({ charset: 'UTF8', collation: 'en_US.utf8' });
});

test('two thousand rules of control permit the addresses that they contain', async ({ server }) => {
  const many = Object.fromEntries(
    Array.from({ length: 2000 }, (_, n) => [`other-${n}`, { startIpAddress: `10.0.${n >> 8}.${n & 255}` }]),
  );
  await patchServerState(server, { rules: { ...many, runner: null } });
  await expect(server.queryValue('SELECT 1')).rejects.toThrow(/no pg_hba.conf entry/);
  await patchServerState(server, { rules: runnerRules });
  expect(await server.queryValue('SELECT 1')).toBe(1);
});

test('a server that is being created refuses logins until control makes it Ready', async ({ server }) => {
  await patchServerState(server, { properties: { state: 'Provisioning' } });
  await expect(server.queryValue('SELECT 1')).rejects.toThrow();
  await patchServerState(server, { properties: { state: 'Ready' } });
  expect(await server.queryValue('SELECT 1')).toBe(1);
});

test('disabled password authentication blocks the administrator until it is enabled again', async ({
  arm,
  server,
}) => {
  const patch = (properties: object) => arm.sendAndWait('PATCH', server.resourcePath(), { properties });
  await patch({ authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' } });
  await expect(server.queryValue('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  const administratorLoginPassword = 'AnotherPassword!2';
  await patch({ authConfig: { passwordAuth: 'Enabled' }, administratorLoginPassword });
  await pollUntilAccepted(
    () => server.queryValue('SELECT 1', 'postgres', administratorLoginPassword),
    (one) => one === 1,
  );
});
