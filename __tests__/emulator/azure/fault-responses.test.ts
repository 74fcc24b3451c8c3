import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { type ArmClient, addFault, defaultServer, sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { repositoryName, sendGitHubRequest } from '../../helpers/emulator/github-client.ts';
import { type HttpResponse, send } from '../../helpers/emulator/http-client.ts';
import { startSilentProxy } from '../../helpers/silent-proxy.ts';

const pollMatch: JsonObject = { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' };
const htmlHeaders = { 'Content-Type': 'text/html; charset=utf-8' };
const htmlPage = '<html><body>Sign in to the proxy</body></html>';

test.afterEach(async ({ emulator }) => {
  await sendControl(emulator, 'DELETE', 'faults');
});

/** Starts an operation and returns the URL of its polls. */
async function sendAcceptedWrite(arm: ArmClient, name: string): Promise<string> {
  await arm.send('PUT', `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`, {
    location: 'westeurope',
  });
  const answer = await arm.send('PUT', arm.serverPath(name), defaultServer);
  expect(answer.status).toBe(202);
  return String(answer.headers['azure-asyncoperation']);
}

/** The first bytes of an answer that does not end, and whether it has ended. */
function readPartialResponse(
  emulator: Emulator,
  url: string,
  headers: Record<string, string>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, { ca: emulator.caCertificate, agent: false, headers }, (incoming) => {
      incoming.on('error', () => {}).once('end', () => reject(new Error('The answer has ended.')));
      incoming.once('data', (chunk: Buffer) => {
        resolve(chunk.toString('utf8'));
        outgoing.destroy();
      });
    });
    outgoing.on('error', reject).end();
  });
}

describe('a fault answers a poll of an operation', () => {
  test.for<[string, JsonObject, (answer: HttpResponse) => unknown, unknown]>([
    ['403', { status: 403, body: { error: { code: 'AuthorizationFailed' } } }, ({ status }) => status, 403],
    ['404', { status: 404, body: { error: { code: 'ResourceNotFound' } } }, ({ status }) => status, 404],
    [
      'a 200 of text/html',
      { status: 200, headers: htmlHeaders, body: htmlPage },
      ({ status, headers, text }) => [status, headers['content-type'], text],
      [200, htmlHeaders['Content-Type'], htmlPage],
    ],
    ['incomplete JSON', { status: 200, body: '{"status":"Succ' }, ({ text }) => text, '{"status":"Succ'],
    ['JSON of another shape', { status: 200, body: [1] }, ({ text }) => text, '[1]'],
    ['JSON that is null', { status: 200, body: null }, ({ text }) => text, 'null'],
    ['no body', { status: 200 }, ({ status, text }) => [status, text], [200, '']],
    [
      'a 429 with a Retry-After that is neither seconds nor a date',
      { status: 429, headers: { 'Retry-After': 'soon' } },
      ({ status, headers }) => [status, headers['retry-after']],
      [429, 'soon'],
    ],
  ])(
    'with %s, and does not affect other requests',
    async ([_what, effect, read, expected], { arm, emulator }) => {
      const url = await sendAcceptedWrite(arm, `fault-${Math.random().toString(36).slice(2)}`);
      await addFault(emulator, pollMatch, effect);
      expect(read(await arm.send('GET', url))).toEqual(expected);
      expect((await arm.send('GET', url)).json['status']).toMatch(/InProgress|Succeeded/);
    },
  );

  test('no answer while it holds the poll', async ({ arm, emulator }) => {
    const url = await sendAcceptedWrite(arm, 'fault-held');
    const fault = await addFault(emulator, pollMatch, 'hold');
    const answer = arm.send('GET', url);
    expect((await fault.triggered()).status).toBe(200);
    await fault.remove();
    expect((await answer).status).toBe(200);
  });
});

describe('a fault answers a GET', () => {
  test('with a list whose nextLink leads to the same list', async ({ arm, emulator }) => {
    const path = `${arm.subscriptionPath}/providers/Microsoft.DBforPostgreSQL/flexibleServers`;
    const nextLink = `${arm.endpoint}${path}?api-version=2025-08-01`;
    await addFault(
      emulator,
      { service: 'arm', method: 'GET', path: '/flexibleServers\\?' },
      { status: 200, body: { value: [], nextLink } },
      { times: 1e6 },
    );
    expect((await arm.send('GET', path)).json).toEqual({ value: [], nextLink });
    expect((await arm.send('GET', nextLink)).json).toEqual({ value: [], nextLink });
  });

  test('of GitHub with a Link to the same page', async ({ emulator }) => {
    const path = `/repos/${repositoryName}/pulls`;
    const Link = `<${emulator.readyLine.env['GITHUB_API_URL']}${path}>; rel="next"`;
    const body = [{ number: 1, state: 'open' }];
    await addFault(emulator, { service: 'github', path }, { status: 200, headers: { Link }, body });
    const answer = await sendGitHubRequest(emulator, 'GET', path);
    expect([answer.headers['link'], JSON.parse(answer.text)]).toEqual([Link, body]);
  });

  test('with megabytes of text', async ({ arm, emulator }) => {
    const body = 'x'.repeat(8 << 20);
    await addFault(emulator, { service: 'arm', method: 'GET' }, { status: 200, body });
    expect((await arm.send('GET', '/subscriptions?api-version=2022-12-01')).text).toHaveLength(body.length);
  });

  test('with an answer that does not end, through a Content-Length above the length of the body', async ({
    arm,
    emulator,
  }) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': '4096' };
    await addFault(emulator, { service: 'arm', method: 'GET' }, { status: 200, headers, body: '{"value":[' });
    const url = `${arm.endpoint}/subscriptions?api-version=2022-12-01`;
    expect(await readPartialResponse(emulator, url, { authorization: `Bearer ${arm.token}` })).toBe(
      '{"value":[',
    );
  });
});

describe('a fault holds the answer of', () => {
  test.for<[string, JsonObject, (emulator: Emulator) => [method: string, url: string]]>([
    [
      'Entra’s token endpoint',
      { service: 'entra', method: 'POST', path: '/oauth2/v2.0/token' },
      ({ readyLine: { env } }) => [
        'POST',
        `${env['AZURE_AUTHORITY_HOST']}/${env['AZURE_TENANT_ID']}/oauth2/v2.0/token`,
      ],
    ],
    [
      'the endpoint of managed identities',
      { service: 'entra', path: '/metadata/identity' },
      ({ readyLine: { managedIdentity } }) => [
        'GET',
        `${managedIdentity.env['AZURE_POD_IDENTITY_AUTHORITY_HOST']}/metadata/identity/oauth2/token`,
      ],
    ],
    [
      'GitHub’s OIDC endpoint',
      { service: 'oidc' },
      ({ readyLine: { env } }) => ['GET', env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? ''],
    ],
    [
      'GitHub’s API',
      { service: 'github' },
      ({ readyLine: { env } }) => ['GET', `${env['GITHUB_API_URL']}/repos/${repositoryName}/pulls`],
    ],
    [
      'a service that returns the caller’s address',
      { service: 'echo' },
      ({ readyLine: { env } }) => ['GET', env['IP_ECHO_URLS']?.split(',')[0] ?? ''],
    ],
  ])('%s', async ([_what, match, ask], { emulator }) => {
    const fault = await addFault(emulator, match, 'hold');
    let answered = false;
    const answer = send(emulator, ...ask(emulator)).finally(() => {
      answered = true;
    });
    expect([(await fault.triggered()).status, answered]).toEqual([200, false]);
    await fault.remove();
    expect((await answer).status).toBeLessThan(500);
  });
});

test('the silent proxy accepts a CONNECT and does not answer it', async ({ onTestFinished }) => {
  const proxy = await startSilentProxy();
  onTestFinished(proxy.close);
  const outgoing = httpRequest(proxy.url, { method: 'CONNECT', path: 'management.azure.com:443' });
  const failed = new Promise((resolve) => outgoing.once('error', resolve));
  outgoing.once('connect', () => expect.unreachable('The proxy has answered.')).end();
  expect(await proxy.firstBytes).toMatch(/^CONNECT management\.azure\.com:443 HTTP/);
  await proxy.close();
  expect(await failed).toBeInstanceOf(Error);
});
