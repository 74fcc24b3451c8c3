import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import type { AzureClients } from './clients.ts';
import type { Endpoints } from './clouds.ts';
import { createCredential, type OidcTokenProvider } from './credentials.ts';

/**
 * Loads the libraries, signs in, and returns clients of Azure Resource Manager without waiting for the end of the sign-in. An
 * error of the sign-in is that of the first request.
 * @param tokenProvider issues the job's OIDC tokens, masks what Entra returns, and logs
 */
export async function connectToAzure(
  tokenProvider: OidcTokenProvider,
  authMethod: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): Promise<AzureClients> {
  // The SDK tests whether a request has such a body. The test alone would make Node.js load its whole implementation of
  // fetch, which takes as long as a request.
  Reflect.deleteProperty(globalThis, 'FormData');
  const credential = await createCredential(authMethod, signInConfig, endpoints, tokenProvider);
  const [{ createClients }, { createHttpClient }] = await Promise.all([
    import('./clients.ts'),
    import('../common/http-client.ts'),
  ]);
  return createClients(
    endpoints,
    credential,
    signInConfig.subscriptionId,
    (text) => tokenProvider.info(text),
    createHttpClient((text) => tokenProvider.debug(text)),
  );
}
