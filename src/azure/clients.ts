import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import type { ResourceManagementClient } from '@azure/arm-resources';
import type { TokenCredential } from '@azure/core-auth';
import {
  bearerTokenAuthenticationPolicyName,
  type HttpClient,
  type Pipeline,
} from '@azure/core-rest-pipeline';
import type { Endpoints } from './clouds.ts';
import { createHttpClient } from './http-client.ts';
import { attemptLimitPolicy, isResourceManagerUrl, responseValidationPolicy } from './http-policies.ts';

/** The part of the SDK's client that the bundle contains; the build leaves out the other groups of operations. */
type PostgresqlClient = Pick<
  PostgreSQLManagementFlexibleServerClient,
  | 'configurations'
  | 'databases'
  | 'firewallRules'
  | 'nameAvailability'
  | 'servers'
  | 'pipeline'
  | 'sendRequest'
  | '$host'
>;

/** The SDK's clients for one cloud and subscription. */
export interface AzureClients {
  readonly postgresql: PostgresqlClient;
  /** Loads its library, which only the creation of a server needs. */
  readonly resources: () => Promise<ResourceManagementClient>;
  /** Whether a URL is on the host of Azure Resource Manager, so that the token may be sent to it. */
  readonly isResourceManagerUrl: (url: string) => boolean;
}

/**
 * @param log gets a line for a request that waits or gets no response
 * @param httpClient sends the requests
 */
export function createClients(
  endpoints: Endpoints,
  credential: TokenCredential,
  subscriptionId: string,
  log: (text: string) => void,
  httpClient: HttpClient = createHttpClient(),
): AzureClients {
  const endpoint = endpoints.resourceManager;
  const options = {
    endpoint,
    // The SDK would derive the scope from the endpoint, which can be overridden.
    credentialScopes: endpoints.scope,
    userAgentOptions: { userAgentPrefix: 'azure-postgresql-action' },
    httpClient,
  };
  const addPolicies = (pipeline: Pipeline): void => {
    // Outside the retries, because a retry does not make a response valid; before the token is added.
    pipeline.addPolicy(responseValidationPolicy(endpoint));
    // For each attempt, after it has its token: the sign-in has its own timeout.
    pipeline.addPolicy(attemptLimitPolicy(log), {
      phase: 'Sign',
      afterPolicies: [bearerTokenAuthenticationPolicyName],
    });
  };
  const postgresql = new PostgreSQLManagementFlexibleServerClient(credential, subscriptionId, options);
  addPolicies(postgresql.pipeline);
  const resources = async (): Promise<ResourceManagementClient> => {
    const { ResourceManagementClient } = await import('@azure/arm-resources');
    const client = new ResourceManagementClient(credential, subscriptionId, options);
    addPolicies(client.pipeline);
    return client;
  };
  return { postgresql, resources, isResourceManagerUrl: (url) => isResourceManagerUrl(endpoint, url) };
}
