import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../emulator/json.ts';
import { control, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { at, send } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();

async function requests(): Promise<JsonObject[]> {
  return JSON.parse((await control(bench.emulator, 'GET', 'requests')).text);
}

async function echoes(from?: string): Promise<string[]> {
  const urls = bench.emulator.ready.env['IP_ECHO_URLS']?.split(',') ?? [];
  const answers = await Promise.all(
    urls.map((url) => send(bench.emulator, 'GET', url, from === undefined ? {} : { from })),
  );
  return answers.map(({ text }) => text);
}

describe('control/requests', () => {
  it('tells every request with service, path and query, status and body, secrets blanked', async () => {
    await control(bench.emulator, 'DELETE', 'requests');
    await bench.arm.makeServer('logged');
    const log = await requests();
    const put = log.find(({ method, path }) => method === 'PUT' && String(path).includes('/logged'));
    expect(put).toMatchObject({ service: 'arm', status: 202 });
    expect(put?.['path']).toContain('?api-version=2025-08-01');
    expect(at(put, 'body', 'properties', 'administratorLogin')).toBe('relecloud_admin');
    const text = JSON.stringify(log);
    expect(text).not.toContain(tutorial.properties.administratorLoginPassword);
    expect(text).not.toContain(bench.arm.token);
  });

  it('blanks what signs in: secret and assertion', async () => {
    const { env, clientSecret } = bench.emulator.ready;
    const url = `${env['AZURE_AUTHORITY_HOST']}/${env['AZURE_TENANT_ID']}/oauth2/v2.0/token`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = `client_secret=${encodeURIComponent(clientSecret)}&client_assertion=eyJhbGciOi`;
    await send(bench.emulator, 'POST', url, { body, headers });
    const last = (await requests()).findLast(({ service }) => service === 'entra');
    expect(last?.['body']).toEqual({ client_secret: '***', client_assertion: '***' });
  });

  it('forgets on DELETE', async () => {
    await control(bench.emulator, 'DELETE', 'requests');
    expect(await requests()).toEqual([]);
  });
});

describe('control/state', () => {
  it('shows every server with properties, tags, rules, databases, roles and parameters', async () => {
    await bench.arm.makeServer('seen', { tags: { team: 'space' } });
    const { json } = await control(bench.emulator, 'GET', 'state');
    const server = at(json, 'servers', 'seen');
    expect(server).toMatchObject({
      properties: { state: 'Ready', version: '18' },
      tags: { team: 'space' },
      rules: {},
      databases: { postgres: { owner: 'azuresu' } },
      roles: { azuresu: {} },
      parameters: { max_connections: '50' },
    });
  });

  it('changes properties and tags behind the API, and its state in earnest', async () => {
    const properties = { state: 'Stopped', storage: { storageSizeGB: 64 } };
    await control(bench.emulator, 'PATCH', 'state', {
      server: 'seen',
      properties,
      tags: { owner: 'nobody' },
    });
    const { json } = await bench.arm.send('GET', bench.arm.server('seen'));
    expect([at(json, 'properties', 'state'), at(json, 'properties', 'storage', 'storageSizeGB')]).toEqual([
      'Stopped',
      64,
    ]);
    expect(json['tags']).toEqual({ owner: 'nobody' });
    expect(bench.postgres.made.get('seen')?.running).toBe(false);
    await control(bench.emulator, 'PATCH', 'state', { server: 'seen', properties: { state: 'Ready' } });
    expect(bench.postgres.made.get('seen')?.running).toBe(true);
  });

  it('of a server that is not there is refused', async () => {
    const answer = await control(bench.emulator, 'PATCH', 'state', { server: 'nobody', tags: {} });
    expect(answer.status).toBe(400);
  });
});

describe('control/client', () => {
  it('sets the address by which loopback is known, and a second runner’s by its source', async () => {
    expect(await echoes()).toEqual(['198.51.100.7', '198.51.100.7']);
    await control(bench.emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    await control(bench.emulator, 'PUT', 'client', { ip: '203.0.113.10', from: '127.0.0.2' });
    expect(await echoes()).toEqual(['203.0.113.9', '203.0.113.9']);
    expect(await echoes('127.0.0.2')).toEqual(['203.0.113.10', '203.0.113.10']);
  });

  it('makes the echo services disagree where it is asked to, until it is set again', async () => {
    await control(bench.emulator, 'PUT', 'client', { ip: '203.0.113.9', echo: ['203.0.113.9', '192.0.2.1'] });
    expect(await echoes()).toEqual(['203.0.113.9', '192.0.2.1']);
    await control(bench.emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    expect(await echoes()).toEqual(['203.0.113.9', '203.0.113.9']);
  });

  it('takes IPv4 addresses only', async () => {
    expect((await control(bench.emulator, 'PUT', 'client', { ip: '::1' })).status).toBe(400);
  });
});

it("GitHub's REST API says Not Found as GitHub does, and is recorded", async () => {
  const url = `${bench.emulator.ready.env['GITHUB_API_URL']}/repos/relecloud/space-travel/pulls/1`;
  const answer = await send(bench.emulator, 'GET', url, { headers: { authorization: 'bearer any' } });
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ message: 'Not Found', status: '404' });
  expect((await requests()).at(-1)).toMatchObject({ service: 'github', status: 404 });
});
