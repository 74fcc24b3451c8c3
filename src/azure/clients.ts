import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { TokenCredential } from '@azure/core-auth';
import type { Endpoints } from './clouds.ts';

/** The vendor's clients, pointed at the chosen cloud. 429 and its Retry-After are obeyed by their pipeline (facts.md §6). */
export interface AzureClients {
  readonly postgresql: PostgreSQLManagementFlexibleServerClient;
  readonly resources: ResourceManagementClient;
}

export function createClients(
  endpoints: Endpoints,
  credential: TokenCredential,
  subscriptionId: string,
): AzureClients {
  const options = {
    endpoint: endpoints.resourceManager,
    // Without it the scope would be derived from the endpoint (facts.md §6).
    credentialScopes: endpoints.scope,
    userAgentOptions: { userAgentPrefix: 'azure-postgresql-action' },
  };
  return {
    postgresql: new PostgreSQLManagementFlexibleServerClient(credential, subscriptionId, options),
    resources: new ResourceManagementClient(credential, subscriptionId, options),
  };
}
