import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { accessToken, codeOf, messageOf } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, send } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

async function gitHubToken(query: string, bearer?: string): Promise<Answer> {
  const { env } = bench.emulator.ready;
  const url = `${env['ACTIONS_ID_TOKEN_REQUEST_URL']}${query}`;
  const authorization = `Bearer ${bearer ?? env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}`;
  return send(bench.emulator, 'GET', url, { headers: { authorization } });
}

function token(changes: Record<string, string>, tenant?: string): Promise<Answer> {
  const { env } = bench.emulator.ready;
  const form = {
    grant_type: 'client_credentials',
    client_id: env['AZURE_CLIENT_ID'] ?? '',
    scope: 'https://management.azure.com/.default',
    ...changes,
  };
  const url = `${env['AZURE_AUTHORITY_HOST']}/${tenant ?? env['AZURE_TENANT_ID']}/oauth2/v2.0/token`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return send(bench.emulator, 'POST', url, { body: String(new URLSearchParams(form)), headers });
}

function byAssertion(assertion: string, changes: Record<string, string> = {}): Promise<Answer> {
  return token({ client_assertion: assertion, client_assertion_type: assertionType, ...changes });
}

async function assertionFor(query: string): Promise<string> {
  return String((await gitHubToken(query)).json['value']);
}

describe("GitHub's OIDC endpoint", () => {
  it('answers only the bearer token of the job', async () => {
    expect((await gitHubToken('&audience=x', 'wrong')).status).toBe(401);
  });

  it('gives a fresh token of five minutes for each call', async () => {
    const [first, second] = await Promise.all([gitHubToken('&audience=x'), gitHubToken('&audience=x')]);
    expect(first.json['value']).not.toBe(second.json['value']);
    const claims = JSON.parse(
      Buffer.from(String(first.json['value']).split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(claims).toMatchObject({ aud: 'x', iss: 'https://token.actions.githubusercontent.com' });
    expect(claims.exp - claims.iat).toBe(300);
  });
});

describe("Entra's token endpoint", () => {
  it.each([
    'api://AzureADTokenExchange',
    'api://AzureADTokenExchangeUSGov',
    'api://AzureADTokenExchangeChina',
  ])('takes an assertion for %s', async (audience) => {
    const answer = await byAssertion(await assertionFor(`&audience=${encodeURIComponent(audience)}`));
    expect(answer.json).toMatchObject({ token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599 });
  });

  it.each([
    ['another audience', '&audience=api://other', 700212],
    ['another repository', '&audience=api://AzureADTokenExchange&repository=evil/fork', 700213],
  ])('finds no federated identity for %s', async (_what, query, code) => {
    const answer = await byAssertion(await assertionFor(query));
    expect([answer.status, answer.json['error_codes']]).toEqual([401, [code]]);
    expect(answer.json['error_description']).toContain(`AADSTS${code}: `);
  });

  it('refuses an assertion past its five minutes with AADSTS700024', async () => {
    const late = await assertionFor('&audience=api://AzureADTokenExchange&lifetime=-10');
    expect((await byAssertion(late)).json['error_codes']).toEqual([700024]);
  });

  it('refuses an assertion that GitHub did not sign', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT({ sub: 'repo:relecloud/space-travel:ref:refs/heads/main' })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer('https://token.actions.githubusercontent.com')
      .setAudience('api://AzureADTokenExchange')
      .setExpirationTime('5m')
      .sign(privateKey);
    expect((await byAssertion(forged)).json['error_codes']).toEqual([700027]);
    expect((await byAssertion('nonsense')).json['error_codes']).toEqual([50027]);
  });

  it.each([
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
    ['no proof at all', {}, 401, 'invalid_client', 7000218],
    ['an unknown application', { client_id: 'x', client_secret: 'y' }, 400, 'unauthorized_client', 700016],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
    ['a scope without /.default', { scope: 'https://management.azure.com' }, 400, 'invalid_scope', 1002012],
    ['an unknown resource', { scope: 'https://example.org/.default' }, 400, 'invalid_resource', 500011],
  ])('refuses %s as Entra does', async (_what, form, status, error, code) => {
    const answer = await token(form);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error, error_codes: [code] });
    expect(answer.json).toHaveProperty('trace_id');
    expect(answer.json).toHaveProperty('correlation_id');
  });

  it('does not know another tenant (AADSTS90002)', async () => {
    const answer = await token({ client_secret: 'x' }, '11111111-1111-1111-1111-111111111111');
    expect([answer.status, answer.json['error_codes']]).toEqual([400, [90002]]);
  });

  it.each([
    'https://management.core.windows.net//.default',
    'https://management.usgovcloudapi.net/.default',
    'https://management.chinacloudapi.cn/.default',
  ])('gives a token that ARM takes for %s', async (scope) => {
    const authorization = `Bearer ${await accessToken(bench.emulator, scope)}`;
    const answer = await bench.arm.send('GET', '/subscriptions?api-version=2022-12-01', undefined, {
      headers: { authorization },
    });
    expect(answer.status).toBe(200);
  });
});

describe('the managed identity endpoint', () => {
  const path =
    '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/';

  function ask(query: string, headers: Record<string, string>): Promise<Answer> {
    const { env } = bench.emulator.ready.managedIdentity;
    return send(bench.emulator, 'GET', `${env['AZURE_POD_IDENTITY_AUTHORITY_HOST']}${query}`, { headers });
  }

  it('gives a token only to a request with the Metadata header', async () => {
    expect((await ask(path, {})).status).toBe(400);
    const answer = await ask(path, { Metadata: 'true' });
    expect(answer.json).toMatchObject({ token_type: 'Bearer', resource: 'https://management.azure.com/' });
  });

  it('knows no other identity', async () => {
    const answer = await ask(`${path}&client_id=other`, { Metadata: 'true' });
    expect([answer.status, answer.json['error_description']]).toEqual([400, 'Identity not found']);
  });
});

describe("ARM's authentication", () => {
  const path = '/subscriptions?api-version=2022-12-01';

  it('says AuthenticationFailed without a token (facts.md §3)', async () => {
    const url = `${bench.arm.endpoint}${path}`;
    const answer = await send(bench.emulator, 'GET', url);
    expect([answer.status, codeOf(answer)]).toEqual([401, 'AuthenticationFailed']);
    expect(messageOf(answer)).toBe("Authentication failed. The 'Authorization' header is missing.");
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it('says InvalidAuthenticationToken for a token that is not its own', async () => {
    const headers = { authorization: `Bearer ${bench.arm.token.slice(0, -8)}AAAAAAAA` };
    const answer = await bench.arm.send('GET', path, undefined, { headers });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'InvalidAuthenticationToken']);
  });
});
