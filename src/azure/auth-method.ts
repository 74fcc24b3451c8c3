import type { AuthMethod, SignInConfig } from '../inputs/types.ts';

/** The method in the documented order: client secret, then OIDC if the job can request a token, then `ambient`. */
export function selectAuthMethod(
  { clientId, tenantId, clientSecret }: SignInConfig,
  canRequestIdToken: boolean,
): AuthMethod {
  if (clientId === undefined || tenantId === undefined) return 'ambient';
  if (clientSecret !== undefined) return 'client-secret';
  return canRequestIdToken ? 'oidc' : 'ambient';
}
