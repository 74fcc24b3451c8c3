import type { TokenCredential } from '@azure/core-auth';
import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import type { AzureClients } from './clients.ts';
import type { Endpoints } from './clouds.ts';
import type { OidcTokenProvider } from './credentials.ts';

/** How and where a run signs in. */
export interface SignIn {
  readonly authMethod: AuthMethod;
  readonly endpoints: Endpoints;
  readonly subscriptionId: string;
  readonly credential: TokenCredential;
}

/** Requests to Azure Resource Manager that most runs send at the same moment: for the server and its firewall rules. */
const FIRST_READS = 2;

/**
 * Loads the library and signs in, without waiting for the end of the sign-in, so that GitHub and Entra answer while other
 * libraries are loaded. An error of the sign-in is that of the first request to Azure.
 * @param tokenProvider issues the job's OIDC tokens, masks what Entra returns, and logs
 */
export async function startSignIn(
  tokenProvider: OidcTokenProvider,
  authMethod: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): Promise<SignIn> {
  if (authMethod === 'oidc') await tokenProvider.prefetchIdToken(endpoints.oidcAudience);
  const { preconnect } = await import('../common/http-agents.ts');
  if (authMethod !== 'ambient') preconnect(endpoints.authorityHost);
  preconnect(endpoints.resourceManager, FIRST_READS);
  // The SDK tests whether a request has such a body. The test alone would make Node.js load its whole implementation of
  // fetch, which takes as long as a request.
  Reflect.deleteProperty(globalThis, 'FormData');
  const { createCredential } = await import('./credentials.ts');
  const credential = await createCredential(authMethod, signInConfig, endpoints, tokenProvider);
  return { authMethod, endpoints, subscriptionId: signInConfig.subscriptionId, credential };
}

/** Loads the library, and returns clients of Azure Resource Manager. */
export async function connectToAzure(
  { endpoints, subscriptionId, credential }: SignIn,
  { info, debug }: Record<'info' | 'debug', (text: string) => void>,
): Promise<AzureClients> {
  const [{ createClients }, { createHttpClient }] = await Promise.all([
    import('./clients.ts'),
    import('./http-client.ts'),
  ]);
  return createClients(endpoints, credential, subscriptionId, info, createHttpClient(debug));
}
