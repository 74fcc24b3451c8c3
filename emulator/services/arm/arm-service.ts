import type { HttpHandler, HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { AccessTokenIssuer } from '../entra/access-tokens.ts';
import type { ArmContext } from './arm-request.ts';
import { authenticate } from './authentication.ts';
import { ArmError } from './errors.ts';
import { commonHeaders, rateLimitHeaders, withHeaders } from './headers.ts';
import { getSubscriptionId, routeRequest } from './router.ts';
import { getRequestKind, RequestThrottle } from './throttling.ts';

/** The emulated Azure Resource Manager: signed-in requests, its limits, its headers, then the route. */
export function armHandler(context: ArmContext, tokens: AccessTokenIssuer): HttpHandler {
  const { throttlingScale, retryAfterScale } = context.options;
  const throttle = new RequestThrottle(throttlingScale, retryAfterScale);

  async function handleAuthenticated(request: HttpRequest): Promise<HttpResponse> {
    const claims = await authenticate(request, tokens);
    const subscription = getSubscriptionId(request);
    const kind = getRequestKind(request.method);
    const remaining = throttle.consume(kind, subscription, String(claims['oid']));
    const rateLimits = rateLimitHeaders(kind, remaining);
    try {
      return withHeaders(await routeRequest(request, context), rateLimits);
    } catch (error) {
      if (error instanceof ArmError) return withHeaders(error.toResponse(), rateLimits);
      throw error;
    }
  }

  return async (request) => {
    const headers = commonHeaders(request, tokens.identity);
    try {
      return withHeaders(await handleAuthenticated(request), headers);
    } catch (error) {
      if (error instanceof ArmError) return withHeaders(error.toResponse(), headers);
      throw error;
    }
  };
}
