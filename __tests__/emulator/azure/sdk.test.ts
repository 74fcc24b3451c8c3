import tls from 'node:tls';
import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { TokenCredential } from '@azure/core-auth';
import {
  ClientAssertionCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { control, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { send } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();
const trusted = tls.getCACertificates('default');
const scope = 'https://management.azure.com/.default';

beforeAll(() => tls.setDefaultCACertificates([...trusted, bench.emulator.caCertificate]));
afterAll(() => tls.setDefaultCACertificates(trusted));

function variable(name: string): string {
  return bench.emulator.ready.env[name] ?? '';
}

function options() {
  return { authorityHost: variable('AZURE_AUTHORITY_HOST'), disableInstanceDiscovery: true };
}

function bySecret(secret: string): TokenCredential {
  const [tenant, client] = [variable('AZURE_TENANT_ID'), variable('AZURE_CLIENT_ID')];
  return new ClientSecretCredential(tenant, client, secret, options());
}

function clients() {
  const credential = bySecret(bench.emulator.ready.clientSecret);
  const subscription = variable('AZURE_SUBSCRIPTION_ID');
  const endpoint = { endpoint: variable('AZURE_RESOURCE_MANAGER_ENDPOINT'), credentialScopes: scope };
  return {
    resources: new ResourceManagementClient(credential, subscription, endpoint),
    postgres: new PostgreSQLManagementFlexibleServerClient(credential, subscription, endpoint),
  };
}

describe("the vendor's credentials sign in", () => {
  it('with a client secret, and are told AADSTS7000215 of a wrong one', async () => {
    expect((await bySecret(bench.emulator.ready.clientSecret).getToken(scope))?.token).toMatch(/^eyJ/);
    await expect(bySecret('wrong').getToken(scope)).rejects.toThrow('AADSTS7000215');
  });

  it("with GitHub's OIDC token as assertion", async () => {
    const assertion = async () => {
      const url = `${variable('ACTIONS_ID_TOKEN_REQUEST_URL')}&audience=api%3A%2F%2FAzureADTokenExchange`;
      const authorization = `Bearer ${variable('ACTIONS_ID_TOKEN_REQUEST_TOKEN')}`;
      const answer = await send(bench.emulator, 'GET', url, { headers: { authorization } });
      return String(answer.json['value']);
    };
    const [tenant, client] = [variable('AZURE_TENANT_ID'), variable('AZURE_CLIENT_ID')];
    const credential = new ClientAssertionCredential(tenant, client, assertion, options());
    expect((await credential.getToken(scope))?.token).toMatch(/^eyJ/);
  });

  it('with a managed identity', async () => {
    const name = 'AZURE_POD_IDENTITY_AUTHORITY_HOST';
    process.env[name] = bench.emulator.ready.managedIdentity.env[name];
    try {
      const credential = new ManagedIdentityCredential({ clientId: variable('AZURE_CLIENT_ID') });
      expect((await credential.getToken(scope))?.token).toMatch(/^eyJ/);
    } finally {
      delete process.env[name];
    }
  });
});

describe("the vendor's management clients", () => {
  it('make a group, a server, a rule, a database and a parameter, and take the server down again', async () => {
    const { resources, postgres } = clients();
    const { administratorLogin, administratorLoginPassword, version, storage } = tutorial.properties;
    await resources.resourceGroups.createOrUpdate('rg', { location: 'westeurope' });
    expect((await resources.resourceGroups.checkExistence('rg')).body).toBe(true);
    const server = await postgres.servers.beginCreateOrUpdateAndWait('rg', 'demo-relecloud', {
      location: 'westeurope',
      sku: { name: 'Standard_B1ms', tier: 'Burstable' },
      administratorLogin,
      administratorLoginPassword,
      version,
      storage,
    });
    expect(server).toMatchObject({ state: 'Ready', location: 'West Europe', version: '18' });
    const range = { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' };
    const rule = await postgres.firewallRules.beginCreateOrUpdateAndWait(
      'rg',
      'demo-relecloud',
      'office',
      range,
    );
    expect(rule).toMatchObject(range);
    const database = await postgres.databases.beginCreateAndWait('rg', 'demo-relecloud', 'relecloud', {
      charset: 'utf8',
    });
    expect(database).toMatchObject({ charset: 'UTF8', collation: 'en_US.utf8' });
    await postgres.servers.beginStopAndWait('rg', 'demo-relecloud');
    await postgres.servers.beginStartAndWait('rg', 'demo-relecloud');
    const names = [];
    for await (const { name } of postgres.databases.listByServer('rg', 'demo-relecloud')) names.push(name);
    expect(names).toEqual(['azure_maintenance', 'postgres', 'azure_sys', 'relecloud']);
    await postgres.servers.beginDeleteAndWait('rg', 'demo-relecloud');
    await resources.resourceGroups.beginDeleteAndWait('rg');
    expect((await resources.resourceGroups.checkExistence('rg')).body).toBe(false);
  });

  it('report a failed poll in their words: "The long-running operation has failed. CODE. MESSAGE" (facts.md §6)', async () => {
    const { postgres } = clients();
    await bench.arm.makeServer('failing');
    await control(bench.emulator, 'POST', 'faults', {
      match: { service: 'arm', method: 'PUT', path: '/failing/databases/' },
      // biome-ignore lint/suspicious/noThenProperty: the contract's own name for what a fault does
      then: { operationFails: { code: 'ServerIsBusy', message: 'Try again later.' } },
    });
    await expect(postgres.databases.beginCreateAndWait('rg', 'failing', 'relecloud', {})).rejects.toThrow(
      'The long-running operation has failed. ServerIsBusy. Try again later.',
    );
  });

  it('wait out a 429 by its Retry-After and then succeed', async () => {
    await control(bench.emulator, 'POST', 'faults', {
      match: { service: 'arm', method: 'GET', path: '/flexibleServers\\?' },
      // biome-ignore lint/suspicious/noThenProperty: the contract's own name for what a fault does
      then: { status: 429, headers: { 'Retry-After': '0' }, body: {} },
    });
    const names = [];
    for await (const { name } of clients().postgres.servers.listBySubscription()) names.push(name);
    expect(names).toEqual(['failing']);
  });
});
