import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import { ClientSecretCredential } from '@azure/identity';
import pg from 'pg';

/**
 * For comparison with the action: creates a firewall rule and logs in, or creates a server, and waits with the poller of
 * Azure's SDK, as other actions do. Reads the emulator's variables, `CLIENT_SECRET`, and `SDK_WORK`, a {@link SdkWork} as
 * JSON.
 */
export interface SdkWork {
  readonly create: 'rule' | 'server';
  readonly server: string;
  readonly login: {
    readonly host: string;
    readonly database: string;
    readonly user: string;
    readonly password: string;
  };
}

const { env } = process;
const work: SdkWork = JSON.parse(env['SDK_WORK'] ?? '');
const credential = new ClientSecretCredential(
  env['AZURE_TENANT_ID'] ?? '',
  env['AZURE_CLIENT_ID'] ?? '',
  env['CLIENT_SECRET'] ?? '',
  { authorityHost: env['AZURE_AUTHORITY_HOST'] ?? '', disableInstanceDiscovery: true },
);
const options = {
  endpoint: env['AZURE_RESOURCE_MANAGER_ENDPOINT'] ?? '',
  credentialScopes: 'https://management.azure.com/.default',
};
const subscription = env['AZURE_SUBSCRIPTION_ID'] ?? '';
const client = new PostgreSQLManagementFlexibleServerClient(credential, subscription, options);
const { create, server, login } = work;
if (create === 'rule') {
  // Every address that the benchmark gives to clients while the SDK waits.
  const range = { startIpAddress: '203.0.113.0', endIpAddress: '203.0.113.255' };
  await client.firewallRules.beginCreateOrUpdateAndWait('bench', server, 'by-the-sdk', range);
  const session = new pg.Client({ ...login, ssl: true });
  await session.connect();
  await session.query('SELECT 1');
  await session.end();
} else {
  const { resourceGroups } = new ResourceManagementClient(credential, subscription, options);
  await resourceGroups.createOrUpdate('bench', { location: 'westeurope' });
  await client.servers.beginCreateOrUpdateAndWait('bench', server, {
    location: 'westeurope',
    sku: { name: 'Standard_B1ms', tier: 'Burstable' },
    version: '17',
    storage: { storageSizeGB: 32 },
    administratorLogin: login.user,
    administratorLoginPassword: login.password,
  });
}
process.exit();
