import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { TokenCredential } from '@azure/core-auth';
import { bearerTokenAuthenticationPolicyName, type HttpClient } from '@azure/core-rest-pipeline';
import type { Endpoints } from './clouds.ts';
import { attemptLimitPolicy, isResourceManagerUrl, responseValidationPolicy } from './http-policies.ts';

/** The vendor's clients for the chosen cloud. */
export interface AzureClients {
  readonly postgresql: PostgreSQLManagementFlexibleServerClient;
  readonly resources: ResourceManagementClient;
  /** Whether a URL is Azure Resource Manager's, so that the token may go there. */
  readonly isResourceManagerUrl: (url: string) => boolean;
}

/**
 * @param log gets a line where a request waits or has no answer
 * @param httpClient instead of the SDK's own
 */
export function createClients(
  endpoints: Endpoints,
  credential: TokenCredential,
  subscriptionId: string,
  log: (text: string) => void,
  httpClient?: HttpClient,
): AzureClients {
  const endpoint = endpoints.resourceManager;
  const options = {
    endpoint,
    // Without it the scope would be derived from the endpoint.
    credentialScopes: endpoints.scope,
    userAgentOptions: { userAgentPrefix: 'azure-postgresql-action' },
    ...(httpClient === undefined ? {} : { httpClient }),
  };
  const postgresql = new PostgreSQLManagementFlexibleServerClient(credential, subscriptionId, options);
  const resources = new ResourceManagementClient(credential, subscriptionId, options);
  for (const { pipeline } of [postgresql, resources]) {
    // Outside of the retries, since what no answer is does not become one; before the token is added.
    pipeline.addPolicy(responseValidationPolicy(endpoint));
    // For each attempt, once it has its token: signing in has a limit of its own.
    pipeline.addPolicy(attemptLimitPolicy(log), {
      phase: 'Sign',
      afterPolicies: [bearerTokenAuthenticationPolicyName],
    });
  }
  return { postgresql, resources, isResourceManagerUrl: (url) => isResourceManagerUrl(endpoint, url) };
}
