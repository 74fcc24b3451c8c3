import { createHttpClient } from '../common/http-client.ts';
import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import { type AzureClients, createClients } from './clients.ts';
import { type Endpoints, resolveIpEchoUrls } from './clouds.ts';
import { createCredential, type OidcTokenProvider } from './credentials.ts';

/** The clients of one cloud, and the services that return this runner's public address. */
export interface AzureConnection {
  readonly clients: AzureClients;
  readonly ipEchoUrls: readonly string[];
}

/**
 * Creates clients that sign in at their first request.
 * @param tokenProvider issues the job's OIDC tokens, masks what Entra returns, and logs
 */
export function connectToAzure(
  tokenProvider: OidcTokenProvider,
  authMethod: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): AzureConnection {
  const credential = createCredential(authMethod, signInConfig, endpoints, tokenProvider);
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
