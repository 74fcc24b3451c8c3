import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect } from 'vitest';
import type { Emulator } from '../../../emulator/emulator.ts';
import { accessToken, errorCode, errorMessage } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, send } from '../../helpers/emulator/http-client.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

async function requestOidcToken(emulator: Emulator, query: string, bearer?: string): Promise<HttpResponse> {
  const { env } = emulator.readyLine;
  const url = `${env['ACTIONS_ID_TOKEN_REQUEST_URL']}${query}`;
  const authorization = `Bearer ${bearer ?? env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}`;
  return send(emulator, 'GET', url, { headers: { authorization } });
}

function requestToken(
  emulator: Emulator,
  changes: Record<string, string>,
  tenant?: string,
): Promise<HttpResponse> {
  const { env } = emulator.readyLine;
  const form = {
    grant_type: 'client_credentials',
    client_id: env['AZURE_CLIENT_ID'] ?? '',
    scope: 'https://management.azure.com/.default',
    ...changes,
  };
  const url = `${env['AZURE_AUTHORITY_HOST']}/${tenant ?? env['AZURE_TENANT_ID']}/oauth2/v2.0/token`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return send(emulator, 'POST', url, { body: String(new URLSearchParams(form)), headers });
}

function requestTokenByAssertion(
  emulator: Emulator,
  assertion: string,
  changes: Record<string, string> = {},
): Promise<HttpResponse> {
  return requestToken(emulator, {
    client_assertion: assertion,
    client_assertion_type: ASSERTION_TYPE,
    ...changes,
  });
}

async function createAssertion(emulator: Emulator, query: string): Promise<string> {
  return String((await requestOidcToken(emulator, query)).json['value']);
}

describe("GitHub's OIDC endpoint", () => {
  test('accepts only the bearer token of the job', async ({ emulator }) => {
    expect((await requestOidcToken(emulator, '&audience=x', 'wrong')).status).toBe(401);
  });

  test('returns a new token for each call, valid for five minutes', async ({ emulator }) => {
    const [first, second] = await Promise.all([
      requestOidcToken(emulator, '&audience=x'),
      requestOidcToken(emulator, '&audience=x'),
    ]);
    expect(first.json['value']).not.toBe(second.json['value']);
    const claims = JSON.parse(
      Buffer.from(String(first.json['value']).split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(claims).toMatchObject({ aud: 'x', iss: 'https://token.actions.githubusercontent.com' });
    expect(claims.exp - claims.iat).toBe(300);
  });
});

describe("Entra's token endpoint", () => {
  test.for([
    'api://AzureADTokenExchange',
    'api://AzureADTokenExchangeUSGov',
    'api://AzureADTokenExchangeChina',
  ])('accepts an assertion for %s', async (audience, { emulator }) => {
    const answer = await requestTokenByAssertion(
      emulator,
      await createAssertion(emulator, `&audience=${encodeURIComponent(audience)}`),
    );
    expect(answer.json).toMatchObject({ token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599 });
  });

  test.for<[string, string, number]>([
    ['another audience', '&audience=api://other', 700212],
    ['another repository', '&audience=api://AzureADTokenExchange&repository=evil/fork', 700213],
  ])('finds no federated identity for %s', async ([_what, query, code], { emulator }) => {
    const answer = await requestTokenByAssertion(emulator, await createAssertion(emulator, query));
    expect([answer.status, answer.json['error_codes']]).toEqual([401, [code]]);
    expect(answer.json['error_description']).toContain(`AADSTS${code}: `);
  });

  test('refuses an expired assertion with AADSTS700024', async ({ emulator }) => {
    const late = await createAssertion(emulator, '&audience=api://AzureADTokenExchange&lifetime=-10');
    expect((await requestTokenByAssertion(emulator, late)).json['error_codes']).toEqual([700024]);
  });

  test('refuses an assertion that GitHub did not sign', async ({ emulator }) => {
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT({ sub: 'repo:relecloud/space-travel:ref:refs/heads/main' })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer('https://token.actions.githubusercontent.com')
      .setAudience('api://AzureADTokenExchange')
      .setExpirationTime('5m')
      .sign(privateKey);
    expect((await requestTokenByAssertion(emulator, forged)).json['error_codes']).toEqual([700027]);
    expect((await requestTokenByAssertion(emulator, 'nonsense')).json['error_codes']).toEqual([50027]);
  });

  test.for<[string, Record<string, string>, number, string, number]>([
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
    ['no secret and no assertion', {}, 401, 'invalid_client', 7000218],
    ['an unknown application', { client_id: 'x', client_secret: 'y' }, 400, 'unauthorized_client', 700016],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
    ['a scope without /.default', { scope: 'https://management.azure.com' }, 400, 'invalid_scope', 1002012],
    ['an unknown resource', { scope: 'https://example.org/.default' }, 400, 'invalid_resource', 500011],
  ])('refuses %s as Entra does', async ([_what, form, status, error, code], { emulator }) => {
    const answer = await requestToken(emulator, form);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error, error_codes: [code] });
    expect(answer.json).toHaveProperty('trace_id');
    expect(answer.json).toHaveProperty('correlation_id');
  });

  test('refuses another tenant (AADSTS90002)', async ({ emulator }) => {
    const answer = await requestToken(
      emulator,
      { client_secret: 'x' },
      '11111111-1111-1111-1111-111111111111',
    );
    expect([answer.status, answer.json['error_codes']]).toEqual([400, [90002]]);
  });

  test.for([
    'https://management.core.windows.net//.default',
    'https://management.usgovcloudapi.net/.default',
    'https://management.chinacloudapi.cn/.default',
  ])('returns a token that ARM accepts for %s', async (scope, { arm, emulator }) => {
    const authorization = `Bearer ${await accessToken(emulator, scope)}`;
    const answer = await arm.send('GET', '/subscriptions?api-version=2022-12-01', undefined, {
      headers: { authorization },
    });
    expect(answer.status).toBe(200);
  });
});

describe('the managed identity endpoint', () => {
  const path =
    '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/';

  function ask(emulator: Emulator, query: string, headers: Record<string, string>): Promise<HttpResponse> {
    const { env } = emulator.readyLine.managedIdentity;
    return send(emulator, 'GET', `${env['AZURE_POD_IDENTITY_AUTHORITY_HOST']}${query}`, { headers });
  }

  test('returns a token only to a request with the Metadata header', async ({ emulator }) => {
    expect((await ask(emulator, path, {})).status).toBe(400);
    const answer = await ask(emulator, path, { Metadata: 'true' });
    expect(answer.json).toMatchObject({ token_type: 'Bearer', resource: 'https://management.azure.com/' });
  });

  test('refuses another identity', async ({ emulator }) => {
    const answer = await ask(emulator, `${path}&client_id=other`, { Metadata: 'true' });
    expect([answer.status, answer.json['error_description']]).toEqual([400, 'Identity not found']);
  });
});

describe("ARM's authentication", () => {
  const path = '/subscriptions?api-version=2022-12-01';

  test('answers AuthenticationFailed without a token', async ({ arm, emulator }) => {
    const url = `${arm.endpoint}${path}`;
    const answer = await send(emulator, 'GET', url);
    expect([answer.status, errorCode(answer)]).toEqual([401, 'AuthenticationFailed']);
    expect(errorMessage(answer)).toBe("Authentication failed. The 'Authorization' header is missing.");
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  test('answers InvalidAuthenticationToken for a token with another signature', async ({ arm }) => {
    const headers = { authorization: `Bearer ${arm.token.slice(0, -8)}AAAAAAAA` };
    const answer = await arm.send('GET', path, undefined, { headers });
    expect([answer.status, errorCode(answer)]).toEqual([401, 'InvalidAuthenticationToken']);
  });
});

// These tests change what is registered, so they come last.
describe('federated credentials and subjects', () => {
  const subjectOf = async (emulator: Emulator, query: string): Promise<unknown> => {
    const [, payload = ''] = (await createAssertion(emulator, `&audience=x${query}`)).split('.');
    return JSON.parse(Buffer.from(payload, 'base64url').toString());
  };

  const patchState = (emulator: Emulator, body: object): Promise<HttpResponse> =>
    send(emulator, 'PATCH', `${emulator.readyLine.control}/state`, { body });

  test.for<[string, object, string, string]>([
    ['names', 'name', '&ref=refs/heads/dev', 'repo:octo/boats:ref:refs/heads/dev'],
    ['ids', 'immutable', '&event_name=pull_request', `repo:octo@1454284637/boats@4711:pull_request`],
    [
      'chosen claims',
      { claims: ['repository_id', 'ref', 'context'] },
      '&environment=a:b',
      'repository_id:4711:ref:refs/heads/main:environment:a%3Ab',
    ],
    ['repo and context', { claims: ['repo', 'context'] }, '', 'repo:octo/boats:ref:refs/heads/main'],
  ] as never)('a repository can have subjects of %s', async ([, oidcSubject, query, sub], { emulator }) => {
    const change = { repository: 'octo/boats', repositoryId: 4711, oidcSubject };
    expect((await patchState(emulator, change)).status).toBe(200);
    const claims = await subjectOf(emulator, query);
    expect(String((claims as { sub: string }).sub).replace(/octo@\d+/, 'octo@1454284637')).toBe(sub);
    expect(await subjectOf(emulator, '&repository=relecloud/space-travel')).toMatchObject({
      sub: 'repo:relecloud/space-travel:ref:refs/heads/main',
      repository_owner_id: '700100',
    });
    await patchState(emulator, { repository: 'relecloud/space-travel', oidcSubject: 'name' });
  });

  test('registered credentials are compared exactly, and replace the default', async ({ emulator }) => {
    const registered = {
      issuer: 'https://ghes.example/_services/token',
      subject: 'repo:relecloud/space-travel:environment:Production',
      audience: 'api://AzureADTokenExchange',
    };
    const codeFor = async (query: string): Promise<unknown> =>
      (
        await requestTokenByAssertion(
          emulator,
          await createAssertion(emulator, `&audience=api://AzureADTokenExchange${query}`),
        )
      ).json['error_codes'];
    await patchState(emulator, { federatedCredentials: [registered] });
    expect(await codeFor('&environment=Production')).toEqual([700211]);
    await patchState(emulator, { repository: 'relecloud/space-travel', oidcIssuer: registered.issuer });
    expect(await codeFor('&environment=Production')).toBeUndefined();
    expect(await codeFor('&environment=production')).toEqual([7002138]);
    expect(await codeFor('')).toEqual([700213]);
    expect((await patchState(emulator, { federatedCredentials: [{ issuer: 'x' }] })).status).toBe(400);
    expect((await patchState(emulator, { repository: 'a/b', oidcSubject: { claims: [] } })).status).toBe(400);
  });
});
