import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { EmulatorIdentity } from '../../core/identity.ts';
import type { SigningKey } from '../../core/signing-key.ts';
import { GITHUB_OIDC_ISSUER } from '../oidc.ts';
import { EntraError } from './entra-errors.ts';

/** The audiences of federated credentials, one for each cloud. */
const FEDERATION_AUDIENCES = [
  'api://AzureADTokenExchange',
  'api://AzureADTokenExchangeUSGov',
  'api://AzureADTokenExchangeChina',
];

function toEntraError(error: unknown, clientId: string): EntraError {
  if (error instanceof errors.JWTExpired) {
    return new EntraError(
      'invalid_client',
      700024,
      `Client assertion is not within its valid time range. Current time: ${new Date().toISOString()}, ` +
        `expiry time of assertion ${new Date(Number(error.payload.exp ?? 0) * 1000).toISOString()}. ` +
        'Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .',
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new EntraError(
      'invalid_client',
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application '${clientId}'.`,
    );
  }
  return new EntraError('invalid_client', 50027, 'JWT token is invalid or malformed.');
}

function noMatchError(claim: string, value: string, code: number): EntraError {
  return new EntraError(
    'invalid_client',
    code,
    `No matching federated identity record found for presented assertion ${claim} '${value}'. ` +
      'Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. ' +
      'https://learn.microsoft.com/entra/workload-id/workload-identity-federation',
  );
}

function checkFederatedIdentity(claims: JWTPayload, identity: EmulatorIdentity): void {
  const audience = String(claims.aud);
  if (claims.iss !== GITHUB_OIDC_ISSUER) throw noMatchError('issuer', String(claims.iss), 700211);
  if (!FEDERATION_AUDIENCES.includes(audience)) throw noMatchError('audience', audience, 700212);
  if (!String(claims.sub).startsWith(`repo:${identity.repository}:`)) {
    throw noMatchError('subject', String(claims.sub), 700213);
  }
}

async function checkSignatureAndTime(assertion: string, key: SigningKey, clientId: string): Promise<void> {
  const { publicKey } = await key.getKeyPair();
  try {
    await jwtVerify(assertion, publicKey, { algorithms: ['RS256'], requiredClaims: ['exp', 'sub'] });
  } catch (error) {
    throw toEntraError(error, clientId);
  }
}

/**
 * Check the OIDC token of a workflow in the order of Entra: issuer, audience, subject, then signature and time.
 * @throws {EntraError} AADSTS50027, 700211, 700212, 700213, 700024 or 700027.
 */
export async function checkAssertion(
  assertion: string,
  key: SigningKey,
  identity: EmulatorIdentity,
): Promise<void> {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(assertion);
  } catch (error) {
    throw toEntraError(error, identity.clientId);
  }
  checkFederatedIdentity(claims, identity);
  await checkSignatureAndTime(assertion, key, identity.clientId);
}
