import { createHttpClient } from '../common/http-client.ts';
import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import type { AzureClients } from './clients.ts';
import { type Endpoints, resolveIpEchoUrls } from './clouds.ts';
import { createCredential, type OidcTokenProvider } from './credentials.ts';

/** The clients of one cloud, and the services that return this runner's public address. */
export interface AzureConnection {
  readonly clients: AzureClients;
  readonly ipEchoUrls: readonly string[];
}

/**
 * Creates clients that sign in at their first request, and loads the libraries for them.
 * @param tokenProvider issues the job's OIDC tokens, masks what Entra returns, and logs
 */
export async function connectToAzure(
  tokenProvider: OidcTokenProvider,
  authMethod: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): Promise<AzureConnection> {
  const credential = await createCredential(authMethod, signInConfig, endpoints, tokenProvider);
  const { createClients } = await import('./clients.ts');
  return {
    clients: createClients(
      endpoints,
      credential,
      signInConfig.subscriptionId,
      (text) => tokenProvider.info(text),
      createHttpClient((text) => tokenProvider.debug(text)),
    ),
    ipEchoUrls: resolveIpEchoUrls(process.env),
  };
}
