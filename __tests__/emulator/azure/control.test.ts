import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { defaultServer, sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { send, valueAt } from '../../helpers/emulator/http-client.ts';

async function listRequests(emulator: Emulator): Promise<JsonObject[]> {
  return JSON.parse((await sendControl(emulator, 'GET', 'requests')).text);
}

async function readEchoServices(emulator: Emulator, localAddress?: string): Promise<string[]> {
  const urls = emulator.readyLine.env['IP_ECHO_URLS']?.split(',') ?? [];
  const answers = await Promise.all(
    urls.map((url) => send(emulator, 'GET', url, localAddress === undefined ? {} : { localAddress })),
  );
  return answers.map(({ text }) => text);
}

describe('control/requests', () => {
  test('lists every request with service, path and query, status and body, without secrets', async ({
    arm,
    emulator,
  }) => {
    await sendControl(emulator, 'DELETE', 'requests');
    await arm.createServer('logged');
    const log = await listRequests(emulator);
    const put = log.find(({ method, path }) => method === 'PUT' && String(path).includes('/logged'));
    expect(put).toMatchObject({ service: 'arm', status: 202 });
    expect(put?.['path']).toContain('?api-version=2025-08-01');
    expect(valueAt(put, 'body', 'properties', 'administratorLogin')).toBe('relecloud_admin');
    const text = JSON.stringify(log);
    expect(text).not.toContain(defaultServer.properties.administratorLoginPassword);
    expect(text).not.toContain(arm.token);
  });

  test('masks the credentials of a sign-in: secret and assertion', async ({ emulator }) => {
    const { env, clientSecret } = emulator.readyLine;
    const url = `${env['AZURE_AUTHORITY_HOST']}/${env['AZURE_TENANT_ID']}/oauth2/v2.0/token`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = `client_secret=${encodeURIComponent(clientSecret)}&client_assertion=eyJhbGciOi`;
    await send(emulator, 'POST', url, { body, headers });
    const last = (await listRequests(emulator)).findLast(({ service }) => service === 'entra');
    expect(last?.['body']).toEqual({ client_secret: '***', client_assertion: '***' });
  });

  test('is emptied by DELETE', async ({ emulator }) => {
    await sendControl(emulator, 'DELETE', 'requests');
    expect(await listRequests(emulator)).toEqual([]);
  });
});

describe('control/state', () => {
  test('shows every server with properties, tags, rules, databases, roles and parameters', async ({
    arm,
    emulator,
  }) => {
    await arm.createServer('shown', { tags: { team: 'space' } });
    const { json } = await sendControl(emulator, 'GET', 'state');
    const server = valueAt(json, 'servers', 'shown');
    expect(server).toMatchObject({
      properties: { state: 'Ready', version: '18' },
      tags: { team: 'space' },
      rules: {},
      databases: { postgres: { owner: 'azuresu' } },
      roles: { azuresu: {} },
      parameters: { max_connections: '50' },
    });
  });

  test('changes properties and tags without the API, and really starts and stops the server', async ({
    arm,
    emulator,
    postgres,
  }) => {
    const properties = { state: 'Stopped', storage: { storageSizeGB: 64 } };
    await sendControl(emulator, 'PATCH', 'state', {
      server: 'shown',
      properties,
      tags: { owner: 'nobody' },
    });
    const { json } = await arm.send('GET', arm.serverPath('shown'));
    expect([
      valueAt(json, 'properties', 'state'),
      valueAt(json, 'properties', 'storage', 'storageSizeGB'),
    ]).toEqual(['Stopped', 64]);
    expect(json['tags']).toEqual({ owner: 'nobody' });
    expect(postgres.servers.get('shown')?.isRunning).toBe(false);
    await sendControl(emulator, 'PATCH', 'state', { server: 'shown', properties: { state: 'Ready' } });
    expect(postgres.servers.get('shown')?.isRunning).toBe(true);
  });

  test('refuses a server that does not exist', async ({ emulator }) => {
    const answer = await sendControl(emulator, 'PATCH', 'state', { server: 'nobody', tags: {} });
    expect(answer.status).toBe(400);
  });
});

describe('control/client', () => {
  test('sets the public address of loopback, and of a second runner by its source address', async ({
    emulator,
  }) => {
    expect(await readEchoServices(emulator)).toEqual(['198.51.100.7', '198.51.100.7']);
    await sendControl(emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    await sendControl(emulator, 'PUT', 'client', { ip: '203.0.113.10', from: '127.0.0.2' });
    expect(await readEchoServices(emulator)).toEqual(['203.0.113.9', '203.0.113.9']);
    expect(await readEchoServices(emulator, '127.0.0.2')).toEqual(['203.0.113.10', '203.0.113.10']);
  });

  test('sets different answers of the echo services, until the next call', async ({ emulator }) => {
    await sendControl(emulator, 'PUT', 'client', { ip: '203.0.113.9', echo: ['203.0.113.9', '192.0.2.1'] });
    expect(await readEchoServices(emulator)).toEqual(['203.0.113.9', '192.0.2.1']);
    await sendControl(emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    expect(await readEchoServices(emulator)).toEqual(['203.0.113.9', '203.0.113.9']);
  });

  test('refuses an address that is not IPv4', async ({ emulator }) => {
    expect((await sendControl(emulator, 'PUT', 'client', { ip: '::1' })).status).toBe(400);
  });
});

test("a 404 of GitHub's REST API has GitHub's body, and is recorded", async ({ emulator }) => {
  const url = `${emulator.readyLine.env['GITHUB_API_URL']}/repos/relecloud/space-travel/pulls/1`;
  const answer = await send(emulator, 'GET', url, { headers: { authorization: 'bearer any' } });
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ message: 'Not Found', status: '404' });
  expect((await listRequests(emulator)).at(-1)).toMatchObject({ service: 'github', status: 404 });
});
