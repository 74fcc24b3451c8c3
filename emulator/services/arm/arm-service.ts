import { randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { EmulatorIdentity } from '../../core/identity.ts';
import type { AccessTokenIssuer } from '../entra/access-tokens.ts';
import type { ArmContext } from './arm-context.ts';
import { ArmError } from './arm-errors.ts';
import { authenticate } from './authentication.ts';
import { getSubscriptionId, routeRequest } from './router.ts';
import { getRequestKind, type RequestKind, RequestThrottle } from './throttling.ts';

/** The headers of every answer, see docs/azure-behavior.md#response-bodies-and-headers. */
function commonHeaders(request: HttpRequest, identity: EmulatorIdentity): Record<string, string> {
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

/** What the counters of all principals show above those of one; recorded are 16499 reads and 11999 writes. */
const GLOBAL_SURPLUS: Readonly<Record<RequestKind, number>> = { read: 16_250, write: 11_800, delete: 11_800 };

/** The remaining requests of the principal, and under the current name those of the subscription. */
function rateLimitHeaders(kind: RequestKind, remaining: number): Record<string, string> {
  return {
    [`x-ms-ratelimit-remaining-subscription-${kind}s`]: String(remaining),
    [`x-ms-ratelimit-remaining-subscription-global-${kind}s`]: String(remaining + GLOBAL_SURPLUS[kind]),
  };
}

/** Add headers to the response, or to the response of an ArmError. The headers of the response take precedence. */
async function withHeaders(
  headers: Record<string, string>,
  respond: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const response = await respond().catch((error: unknown) => {
    if (error instanceof ArmError) return error.toResponse();
    throw error;
  });
  return { ...response, headers: { ...headers, ...response.headers } };
}

/** The emulated Azure Resource Manager: authentication, throttling, headers, then the route. */
export function armHandler(context: ArmContext, tokens: AccessTokenIssuer): HttpHandler {
  const { throttlingScale, retryAfterScale } = context.options;
  const throttle = new RequestThrottle(throttlingScale, retryAfterScale);
  return (request) =>
    withHeaders(commonHeaders(request, tokens.identity), async () => {
      const claims = await authenticate(request, tokens);
      const kind = getRequestKind(request.method);
      const remaining = throttle.consume(kind, getSubscriptionId(request), String(claims['oid']));
      return withHeaders(rateLimitHeaders(kind, remaining), () =>
        routeRequest(request, context, {
          clientId: String(claims['appid']),
          principalId: String(claims['oid']),
        }),
      );
    });
}
