import { randomUUID } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';

/** The OAuth error code, which Entra sends with its AADSTS number. */
type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'invalid_scope'
  | 'invalid_resource'
  | 'unsupported_grant_type';

/** An error of the token endpoint with an AADSTS number. See docs/azure-behavior.md#entra-error-codes. */
export class EntraError extends Error {
  override readonly name = 'EntraError';
  readonly error: OAuthErrorCode;
  readonly code: number;

  constructor(error: OAuthErrorCode, code: number, message: string) {
    super(message);
    this.error = error;
    this.code = code;
  }

  /** Status 401 for failed client authentication, otherwise 400. */
  toResponse(correlationId: string): HttpResponse {
    const traceId = randomUUID();
    const timestamp = new Date().toISOString().replace('T', ' ').replace(/\.\d+/, '');
    const description =
      `AADSTS${this.code}: ${this.message} ` +
      `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`;
    return {
      status: this.error === 'invalid_client' ? 401 : 400,
      body: {
        error: this.error,
        error_description: description,
        error_codes: [this.code],
        timestamp,
        trace_id: traceId,
        correlation_id: correlationId,
        error_uri: `https://login.microsoftonline.com/error?code=${this.code}`,
      },
    };
  }
}
