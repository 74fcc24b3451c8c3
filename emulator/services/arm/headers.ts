import { randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { EmulatorIdentity } from '../../core/identity.ts';

/** The headers of every answer of ARM (facts.md §2, "Common headers"). */
export function commonHeaders(request: HttpRequest, identity: EmulatorIdentity): Record<string, string> {
  const correlationId = request.headers['x-ms-correlation-request-id']?.toString() ?? randomUUID();
  const time = new Date().toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
  const clientId = request.headers['x-ms-client-request-id']?.toString();
  const returnClientRequestId =
    request.headers['x-ms-return-client-request-id']?.toString().toLowerCase() === 'true';
  return {
    'Cache-Control': 'no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'x-ms-request-id': randomUUID(),
    'x-ms-correlation-request-id': correlationId,
    'x-ms-routing-request-id': `WESTEUROPE:${time}:${correlationId}`,
    'x-ms-operation-identifier': `tenantId=${identity.tenantId},objectId=${identity.objectId}/westeurope/${randomUUID()}`,
    ...(clientId !== undefined && returnClientRequestId ? { 'x-ms-client-request-id': clientId } : {}),
  };
}

/** The remaining requests, under the name of old and the one of today. */
export function rateLimitHeaders(
  kind: 'read' | 'write' | 'delete',
  remaining: number,
): Record<string, string> {
  return {
    [`x-ms-ratelimit-remaining-subscription-${kind}s`]: String(remaining),
    [`x-ms-ratelimit-remaining-subscription-global-${kind}s`]: String(remaining * 15),
  };
}

/** A reply with these headers under its own; one without content still says it is JSON, as ARM's do. */
export function withHeaders(reply: HttpResponse, headers: Record<string, string>): HttpResponse {
  return { ...reply, headers: { ...headers, ...reply.headers } };
}
