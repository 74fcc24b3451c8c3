import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { SigningKey } from '../../core/signing-key.ts';
import type { DirectoryClient } from './directory.ts';
import { EntraError } from './entra-errors.ts';

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
 * @throws {EntraError} AADSTS50027, 700211, 700212, 700213, 7002138, 700024 or 700027.
 */
export async function checkAssertion(
  assertion: string,
  key: SigningKey,
  client: DirectoryClient,
): Promise<void> {
  const { clientId } = client;
  let claims: JWTPayload;
  try {
    claims = decodeJwt(assertion);
  } catch (error) {
    throw toEntraError(error, clientId);
  }
  client.checkAssertion(claims);
  await checkSignatureAndTime(assertion, key, clientId);
}
