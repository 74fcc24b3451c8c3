import { randomUUID } from 'node:crypto';
import type { Reply, Request } from '../http/exchange.ts';
import type { Identity } from '../identity.ts';

/** The headers of every answer of ARM (facts.md §2, "Common headers"). */
export function commonHeaders(request: Request, identity: Identity): Record<string, string> {
  const correlation = request.headers['x-ms-correlation-request-id']?.toString() ?? randomUUID();
  const time = new Date().toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
  const clientId = request.headers['x-ms-client-request-id']?.toString();
  const wanted = request.headers['x-ms-return-client-request-id']?.toString().toLowerCase() === 'true';
  return {
    'Cache-Control': 'no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'x-ms-request-id': randomUUID(),
    'x-ms-correlation-request-id': correlation,
    'x-ms-routing-request-id': `WESTEUROPE:${time}:${correlation}`,
    'x-ms-operation-identifier': `tenantId=${identity.tenantId},objectId=${identity.objectId}/westeurope/${randomUUID()}`,
    ...(clientId !== undefined && wanted ? { 'x-ms-client-request-id': clientId } : {}),
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
export function withHeaders(reply: Reply, headers: Record<string, string>): Reply {
  return { ...reply, headers: { ...headers, ...reply.headers } };
}
