import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Emulator } from '../../../emulator/emulator.ts';
import { type ArmClient, accessToken, errorCode, errorMessage } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, send, valueAt } from '../../helpers/emulator/http-client.ts';

const ISSUER = 'https://token.actions.githubusercontent.com';
const AUDIENCE = 'api://AzureADTokenExchange';
const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
const CONTRIBUTOR = 'b24988ac-6180-42a0-ab88-20f7382dd24c';

const groupPath = (arm: ArmClient, group: string): string =>
  `${arm.subscriptionPath}/resourceGroups/${group}`;

function createGroup(arm: ArmClient, group: string): Promise<HttpResponse> {
  return arm.send('PUT', `${groupPath(arm, group)}?api-version=2025-04-01`, { location: 'westeurope' });
}

interface Identity {
  readonly path: string;
  readonly clientId: string;
  readonly principalId: string;
}

async function createIdentity(arm: ArmClient, name: string): Promise<Identity> {
  await createGroup(arm, 'identities');
  const path = `${groupPath(arm, 'identities')}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  const { json } = await arm.send('PUT', `${path}?api-version=2023-01-31`, { location: 'westeurope' });
  const property = (key: string): string => String(valueAt(json, 'properties', key));
  return { path, clientId: property('clientId'), principalId: property('principalId') };
}

function putCredential(
  arm: ArmClient,
  { path }: Identity,
  name: string,
  properties: object,
): Promise<HttpResponse> {
  return arm.send('PUT', `${path}/federatedIdentityCredentials/${name}?api-version=2023-01-31`, {
    properties,
  });
}

const credential = (subject: string) => ({ issuer: ISSUER, subject, audiences: [AUDIENCE] });

function assign(arm: ArmClient, scope: string, principalId: string, role: string): Promise<HttpResponse> {
  return arm.send(
    'PUT',
    `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`,
    {
      properties: {
        principalId,
        principalType: 'ServicePrincipal',
        roleDefinitionId: `${arm.subscriptionPath}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
      },
    },
  );
}

/** The answer of the token endpoint to a job's OIDC token for this client. */
async function signIn(
  emulator: Emulator,
  clientId: string,
  query: string,
  scope = 'https://management.azure.com/.default',
): Promise<HttpResponse> {
  const { env } = emulator.readyLine;
  const oidc = await send(
    emulator,
    'GET',
    `${env['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=${AUDIENCE}&repository=octo/space&${query}`,
    { headers: { authorization: `Bearer ${env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}` } },
  );
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: String(oidc.json['value']),
  });
  return send(
    emulator,
    'POST',
    `${env['AZURE_AUTHORITY_HOST']}/${env['AZURE_TENANT_ID']}/oauth2/v2.0/token`,
    {
      body: String(form),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
  );
}

describe('a managed identity', () => {
  test('signs in with the subject of its federated credential alone', async ({ arm, emulator }) => {
    const identity = await createIdentity(arm, 'main');
    expect(
      (await putCredential(arm, identity, 'main', credential('repo:octo/space:ref:refs/heads/main'))).status,
    ).toBe(201);
    expect((await signIn(emulator, identity.clientId, 'ref=refs/heads/main')).status).toBe(200);
    expect((await signIn(emulator, identity.clientId, 'ref=refs/heads/dev')).text).toContain('AADSTS700213');
  });

  test('refuses a second audience, a bad name, a repeated subject and the 21st credential', async ({
    arm,
  }) => {
    const identity = await createIdentity(arm, 'many');
    for (let index = 1; index <= 20; index += 1)
      expect((await putCredential(arm, identity, `c-${index}`, credential(`s-${index}`))).status).toBe(201);
    const refused = [
      await putCredential(arm, identity, 'c-1', { ...credential('s-1'), audiences: [AUDIENCE, 'other'] }),
      await putCredential(arm, identity, '-c', credential('s')),
      await putCredential(arm, identity, 'c-1', credential('s-2')),
      await putCredential(arm, identity, 'c-21', credential('s-21')),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(refused.map(errorMessage)).toEqual([
      'Federated identity credentials must have exactly one audience.',
      "Federated Identity Credential name '-c' is invalid.",
      'Issuer and subject combination already exists for this Managed Identity.',
      expect.stringContaining('20'),
    ]);
  });

  test('is deleted with its resource group', async ({ arm, emulator }) => {
    await createGroup(arm, 'doomed');
    const path = `${groupPath(arm, 'doomed')}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x`;
    const { json } = await arm.send('PUT', `${path}?api-version=2023-01-31`, { location: 'westeurope' });
    const deletion = await arm.send('DELETE', `${groupPath(arm, 'doomed')}?api-version=2025-04-01`);
    const ended = async (): Promise<number> =>
      (await arm.send('GET', String(deletion.headers.location))).status;
    while ((await ended()) === 202);
    const answer = await signIn(
      emulator,
      String(valueAt(json, 'properties', 'clientId')),
      'ref=refs/heads/main',
    );
    expect(answer.text).toContain('AADSTS700016');
  });
});

describe('a role', () => {
  test('permits its actions on its scope alone, and another request is refused with its action and scope', async ({
    arm,
    emulator,
  }) => {
    await createGroup(arm, 'rg');
    const identity = await createIdentity(arm, 'reader');
    await putCredential(arm, identity, 'main', credential('repo:octo/space:ref:refs/heads/main'));
    expect((await assign(arm, groupPath(arm, 'rg'), identity.principalId, READER)).status).toBe(201);
    const token = String(
      (await signIn(emulator, identity.clientId, 'ref=refs/heads/main')).json['access_token'],
    );
    const headers = { authorization: `Bearer ${token}` };
    const group = `${groupPath(arm, 'rg')}?api-version=2025-04-01`;
    expect((await arm.send('GET', group, undefined, { headers })).status).toBe(200);
    const write = await arm.send('PUT', group, { location: 'westeurope' }, { headers });
    expect([write.status, errorCode(write)]).toEqual([403, 'AuthorizationFailed']);
    expect(errorMessage(write)).toContain(
      `'Microsoft.Resources/subscriptions/resourceGroups/write' over scope '${groupPath(arm, 'rg')}'`,
    );
    const other = await arm.send('GET', arm.serverPath('x', '', 'identities'), undefined, { headers });
    expect(errorMessage(other)).toContain("'Microsoft.DBforPostgreSQL/flexibleServers/read'");
    const poll = `${arm.subscriptionPath}/providers/Microsoft.DBforPostgreSQL/locations/westeurope/azureAsyncOperation/${randomUUID()}`;
    expect(errorMessage(await arm.send('GET', poll, undefined, { headers }))).toContain(
      "'Microsoft.DBforPostgreSQL/locations/azureAsyncOperation/read'",
    );
    const groups = await arm.send(
      'GET',
      `${arm.subscriptionPath}/resourceGroups?api-version=2025-04-01`,
      undefined,
      { headers },
    );
    expect((groups.json['value'] as { name: string }[]).map(({ name }) => name)).toEqual(['rg']);
  });

  test('Contributor does not permit role assignments', async ({ arm, emulator }) => {
    const identity = await createIdentity(arm, 'contributor');
    await putCredential(arm, identity, 'main', credential('repo:octo/space:ref:refs/heads/main'));
    await assign(arm, groupPath(arm, 'identities'), identity.principalId, CONTRIBUTOR);
    const token = String(
      (await signIn(emulator, identity.clientId, 'ref=refs/heads/main')).json['access_token'],
    );
    const path = `${groupPath(arm, 'identities')}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`;
    const answer = await arm.send('PUT', path, {}, { headers: { authorization: `Bearer ${token}` } });
    expect(errorMessage(answer)).toContain("'Microsoft.Authorization/roleAssignments/write'");
  });

  test('is assigned once, to an existing principal, by an existing definition', async ({ arm }) => {
    const { principalId } = await createIdentity(arm, 'assigned');
    const scope = groupPath(arm, 'identities');
    const answers = [
      await assign(arm, scope, principalId, READER),
      await assign(arm, scope, principalId, READER),
      await assign(arm, scope, randomUUID(), READER),
      await assign(arm, scope, principalId, randomUUID()),
    ];
    expect(answers.map(errorCode)).toEqual([
      undefined,
      'RoleAssignmentExists',
      'PrincipalNotFound',
      'RoleDefinitionDoesNotExist',
    ]);
  });
});

describe('an application of Microsoft Graph', () => {
  test('signs in once it has a service principal, and only the first application may register others', async ({
    emulator,
  }) => {
    const { graph } = emulator.readyLine;
    const token = await accessToken(emulator, `${graph}/.default`);
    const call = (method: string, path: string, body?: object, bearer = token): Promise<HttpResponse> =>
      send(emulator, method, `${graph}/v1.0/${path}`, {
        body,
        headers: { authorization: `Bearer ${bearer}` },
      });
    const { json } = await call('POST', 'applications', { displayName: 'octo' });
    const [id, appId] = [String(json['id']), String(json['appId'])];
    const body = { name: 'main', ...credential('repo:octo/space:ref:refs/heads/main') };
    expect((await call('POST', `applications/${id}/federatedIdentityCredentials`, body)).status).toBe(201);
    expect((await call('POST', `applications/${id}/federatedIdentityCredentials`, body)).status).toBe(409);
    expect((await signIn(emulator, appId, 'ref=refs/heads/main')).text).toContain('AADSTS7000229');
    expect((await call('POST', 'servicePrincipals', { appId })).status).toBe(201);
    const signedIn = await signIn(emulator, appId, 'ref=refs/heads/main');
    expect(signedIn.status).toBe(200);
    const withArmToken = await call('GET', 'applications', undefined, String(signedIn.json['access_token']));
    expect(errorCode(withArmToken)).toBe('InvalidAuthenticationToken');
    const own = await signIn(emulator, appId, 'ref=refs/heads/main', `${graph}/.default`);
    const withoutRights = await call('GET', 'applications', undefined, String(own.json['access_token']));
    expect(errorCode(withoutRights)).toBe('Authorization_RequestDenied');
  });
});
