import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { HttpRequest } from '../../core/http-types.ts';
import { type AccessTokenIssuer, ARM_AUDIENCES } from '../entra/access-tokens.ts';
import { type ArmError, gatewayErrors } from './arm-errors.ts';

function authenticateHeader(tenantId: string, description: string): Record<string, string> {
  const authority = `https://login.windows.net/${tenantId}`;
  return {
    'WWW-Authenticate': `Bearer authorization_uri="${authority}", error="invalid_token", error_description="${description}"`,
  };
}

function toArmError(error: unknown, token: string, tenantId: string, audiences: readonly string[]): ArmError {
  if (error instanceof errors.JWTExpired) {
    const expiry = new Date(Number(error.payload.exp) * 1000).toISOString();
    const message = `The access token expiry UTC time '${expiry}' is earlier than current UTC time '${new Date().toISOString()}'.`;
    return gatewayErrors.invalidToken(
      'ExpiredAuthenticationToken',
      message,
      authenticateHeader(tenantId, message),
    );
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') {
    const message =
      `The access token has been obtained for wrong audience or resource '${String(decodeJwt(token).aud)}'. ` +
      `It should exactly match with one of the allowed audiences '${audiences.join("','")}'.`;
    return gatewayErrors.invalidToken(
      'InvalidAuthenticationTokenAudience',
      message,
      authenticateHeader(tenantId, message),
    );
  }
  const message = 'The access token is invalid.';
  return gatewayErrors.invalidToken(
    'InvalidAuthenticationToken',
    message,
    authenticateHeader(tenantId, message),
  );
}

/**
 * Check the access token of a request: signature, issuer, audience and time.
 * @param audiences the resources that the service accepts tokens for
 * @returns the claims of the token.
 * @throws {ArmError} 401 AuthenticationFailed without a token, or 401 with a code for the invalid token.
 */
export async function authenticate(
  request: HttpRequest,
  tokens: AccessTokenIssuer,
  audiences: readonly string[] = ARM_AUDIENCES,
): Promise<JWTPayload> {
  const { tenantId } = tokens.identity;
  const header = request.headers.authorization;
  const token = header === undefined ? undefined : /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    const missing = "The authentication failed because of missing 'Authorization' header.";
    throw gatewayErrors.authenticationFailed(
      "Authentication failed. The 'Authorization' header is missing.",
      authenticateHeader(tenantId, missing),
    );
  }
  const { publicKey } = await tokens.key.getKeyPair();
  try {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: ['RS256'],
      issuer: tokens.issuer,
      audience: audiences.flatMap((audience) => [audience, `${audience}/`]),
    });
    return payload;
  } catch (error) {
    throw toArmError(error, token, tenantId, audiences);
  }
}
