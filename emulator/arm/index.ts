import type { AccessTokens } from '../entra/tokens.ts';
import type { Handler, Reply, Request } from '../http/exchange.ts';
import { authenticate } from './authentication.ts';
import type { ArmContext } from './call.ts';
import { ArmError } from './errors.ts';
import { commonHeaders, rateLimitHeaders, withHeaders } from './headers.ts';
import { route, subscriptionOf } from './router.ts';
import { kindOf, Throttle } from './throttling.ts';

/** The emulated Azure Resource Manager: signed-in requests, its limits, its headers, then the route. */
export function armHandler(context: ArmContext, tokens: AccessTokens): Handler {
  const { throttling, retryAfter } = context.options;
  const throttle = new Throttle(throttling, retryAfter);

  async function answer(request: Request): Promise<Reply> {
    const claims = await authenticate(request, tokens);
    const subscription = subscriptionOf(request);
    const kind = kindOf(request.method);
    const remaining = throttle.take(kind, subscription, String(claims['oid']));
    const limits = rateLimitHeaders(kind, remaining);
    try {
      return withHeaders(await route(request, context), limits);
    } catch (error) {
      if (error instanceof ArmError) return withHeaders(error.reply(), limits);
      throw error;
    }
  }

  return async (request) => {
    const headers = commonHeaders(request, tokens.identity);
    try {
      return withHeaders(await answer(request), headers);
    } catch (error) {
      if (error instanceof ArmError) return withHeaders(error.reply(), headers);
      throw error;
    }
  };
}
