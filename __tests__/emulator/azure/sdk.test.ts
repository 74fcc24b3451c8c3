import tls from 'node:tls';
import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { TokenCredential } from '@azure/core-auth';
import {
  ClientAssertionCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { describe, expect } from 'vitest';
import type { Emulator } from '../../../emulator/emulator.ts';
import { addFault, defaultServer } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { send } from '../../helpers/emulator/http-client.ts';

const defaultCertificates = tls.getCACertificates('default');
const scope = 'https://management.azure.com/.default';

test.beforeAll(({ emulator }) =>
  tls.setDefaultCACertificates([...defaultCertificates, emulator.caCertificate]),
);
test.afterAll(() => tls.setDefaultCACertificates(defaultCertificates));

function envVariable(emulator: Emulator, name: string): string {
  return emulator.readyLine.env[name] ?? '';
}

function credentialOptions(emulator: Emulator) {
  return { authorityHost: envVariable(emulator, 'AZURE_AUTHORITY_HOST'), disableInstanceDiscovery: true };
}

function createSecretCredential(emulator: Emulator, secret: string): TokenCredential {
  const [tenant, client] = [
    envVariable(emulator, 'AZURE_TENANT_ID'),
    envVariable(emulator, 'AZURE_CLIENT_ID'),
  ];
  return new ClientSecretCredential(tenant, client, secret, credentialOptions(emulator));
}

function createSdkClients(emulator: Emulator) {
  const credential = createSecretCredential(emulator, emulator.readyLine.clientSecret);
  const subscription = envVariable(emulator, 'AZURE_SUBSCRIPTION_ID');
  const endpoint = {
    endpoint: envVariable(emulator, 'AZURE_RESOURCE_MANAGER_ENDPOINT'),
    credentialScopes: scope,
  };
  return {
    resources: new ResourceManagementClient(credential, subscription, endpoint),
    postgres: new PostgreSQLManagementFlexibleServerClient(credential, subscription, endpoint),
  };
}

describe("the credentials of Azure's SDK sign in", () => {
  test('with a client secret, and get AADSTS7000215 for a wrong one', async ({ emulator }) => {
    expect(
      (await createSecretCredential(emulator, emulator.readyLine.clientSecret).getToken(scope))?.token,
    ).toMatch(/^eyJ/);
    await expect(createSecretCredential(emulator, 'wrong').getToken(scope)).rejects.toThrow('AADSTS7000215');
  });

  test("with GitHub's OIDC token as assertion", async ({ emulator }) => {
    const assertion = async () => {
      const url = `${envVariable(emulator, 'ACTIONS_ID_TOKEN_REQUEST_URL')}&audience=api%3A%2F%2FAzureADTokenExchange`;
      const authorization = `Bearer ${envVariable(emulator, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}`;
      const answer = await send(emulator, 'GET', url, { headers: { authorization } });
      return String(answer.json['value']);
    };
    const [tenant, client] = [
      envVariable(emulator, 'AZURE_TENANT_ID'),
      envVariable(emulator, 'AZURE_CLIENT_ID'),
    ];
    const credential = new ClientAssertionCredential(tenant, client, assertion, credentialOptions(emulator));
    expect((await credential.getToken(scope))?.token).toMatch(/^eyJ/);
  });

  test('with a managed identity', async ({ emulator }) => {
    const name = 'AZURE_POD_IDENTITY_AUTHORITY_HOST';
    process.env[name] = emulator.readyLine.managedIdentity.env[name];
    try {
      const credential = new ManagedIdentityCredential({
        clientId: envVariable(emulator, 'AZURE_CLIENT_ID'),
      });
      expect((await credential.getToken(scope))?.token).toMatch(/^eyJ/);
    } finally {
      delete process.env[name];
    }
  });
});

describe("the management clients of Azure's SDK", () => {
  test('create a group, a server, a rule, a database and a parameter, and delete the server', async ({
    emulator,
  }) => {
    const { resources, postgres: client } = createSdkClients(emulator);
    const { administratorLogin, administratorLoginPassword, version, storage } = defaultServer.properties;
    await resources.resourceGroups.createOrUpdate('rg', { location: 'westeurope' });
    expect((await resources.resourceGroups.checkExistence('rg')).body).toBe(true);
    const server = await client.servers.beginCreateOrUpdateAndWait('rg', 'demo-relecloud', {
      location: 'westeurope',
      sku: { name: 'Standard_B1ms', tier: 'Burstable' },
      administratorLogin,
      administratorLoginPassword,
      version,
      storage,
    });
    expect(server).toMatchObject({ state: 'Ready', location: 'West Europe', version: '18' });
    const range = { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' };
    const rule = await client.firewallRules.beginCreateOrUpdateAndWait(
      'rg',
      'demo-relecloud',
      'office',
      range,
    );
    expect(rule).toMatchObject(range);
    const database = await client.databases.beginCreateAndWait('rg', 'demo-relecloud', 'relecloud', {
      charset: 'utf8',
    });
    expect(database).toMatchObject({ charset: 'UTF8', collation: 'en_US.utf8' });
    await client.servers.beginStopAndWait('rg', 'demo-relecloud');
    await client.servers.beginStartAndWait('rg', 'demo-relecloud');
    const names = [];
    for await (const { name } of client.databases.listByServer('rg', 'demo-relecloud')) names.push(name);
    expect(names).toEqual(['azure_maintenance', 'postgres', 'azure_sys', 'relecloud']);
    await client.servers.beginDeleteAndWait('rg', 'demo-relecloud');
    await resources.resourceGroups.beginDeleteAndWait('rg');
    expect((await resources.resourceGroups.checkExistence('rg')).body).toBe(false);
  });

  test('report a failed poll as "The long-running operation has failed. CODE. MESSAGE"', async ({
    arm,
    emulator,
  }) => {
    const client = createSdkClients(emulator).postgres;
    await arm.createServer('failing');
    await addFault(
      emulator,
      { service: 'arm', method: 'PUT', path: '/failing/databases/' },
      { operationFails: { code: 'ServerIsBusy', message: 'Try again later.' } },
    );
    await expect(client.databases.beginCreateAndWait('rg', 'failing', 'relecloud', {})).rejects.toThrow(
      'The long-running operation has failed. ServerIsBusy. Try again later.',
    );
  });

  test('wait for the Retry-After of a 429, and then succeed', async ({ emulator }) => {
    await addFault(
      emulator,
      { service: 'arm', method: 'GET', path: '/flexibleServers\\?' },
      { status: 429, headers: { 'Retry-After': '0' }, body: {} },
    );
    const names = [];
    for await (const { name } of createSdkClients(emulator).postgres.servers.listBySubscription())
      names.push(name);
    expect(names).toEqual(['failing']);
  });
});
