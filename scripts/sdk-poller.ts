import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ClientSecretCredential } from '@azure/identity';

/**
 * For comparison with the action: creates a firewall rule and waits with the SDK's own poller, as other actions do. Reads
 * the emulator's environment variables and `CLIENT_SECRET`, and prints the seconds that it took.
 */
const {
  AZURE_TENANT_ID = '',
  AZURE_CLIENT_ID = '',
  AZURE_SUBSCRIPTION_ID = '',
  CLIENT_SECRET = '',
  AZURE_AUTHORITY_HOST = '',
  AZURE_RESOURCE_MANAGER_ENDPOINT = '',
} = process.env;
const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, CLIENT_SECRET, {
  authorityHost: AZURE_AUTHORITY_HOST,
  disableInstanceDiscovery: true,
});
const client = new PostgreSQLManagementFlexibleServerClient(credential, AZURE_SUBSCRIPTION_ID, {
  endpoint: AZURE_RESOURCE_MANAGER_ENDPOINT,
  credentialScopes: 'https://management.azure.com/.default',
});
const startedAt = performance.now();
const range = { startIpAddress: '192.0.2.1', endIpAddress: '192.0.2.1' };
await client.firewallRules.beginCreateOrUpdateAndWait('bench', 'bench', 'by-the-sdk', range);
console.log((performance.now() - startedAt) / 1000);
process.exit();
