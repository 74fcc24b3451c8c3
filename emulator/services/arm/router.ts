import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { checkApiVersion } from './api-versions.ts';
import type { ArmContext } from './arm-context.ts';
import { type ArmError, gatewayErrors } from './arm-errors.ts';
import type { ArmRequest } from './arm-request.ts';
import { ARM_ROUTES, type ArmRoute } from './arm-routes.ts';
import { requiredPermission } from './required-permission.ts';
import { REGISTERED_NAMESPACES } from './subscriptions.ts';

interface RouteMatch {
  readonly route: ArmRoute;
  readonly params: ArmRequest['params'];
}

/** The path's segments, decoded. A double slash counts as one, because examples of the specification contain them. */
function splitPath(pathname: string): string[] {
  return pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return segment;
      }
    });
}

const ROUTE_TEMPLATES = ARM_ROUTES.map((route) => ({ route, parts: splitPath(route.template) }));

function matchTemplate(
  parts: readonly string[],
  segments: readonly string[],
): ArmRequest['params'] | undefined {
  if (parts.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? '';
    if (part.startsWith('{')) params[part.slice(1, -1)] = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return { subscription: '', group: '', location: '', server: '', identity: '', child: '', ...params };
}

function findRoute(segments: readonly string[]): RouteMatch | undefined {
  for (const { route, parts } of ROUTE_TEMPLATES) {
    const params = matchTemplate(parts, segments);
    if (params) return { route, params };
  }
  return undefined;
}

function resourceTypePath(segments: readonly string[], providerIndex: number): string {
  return segments
    .slice(providerIndex + 2)
    .filter((_, index) => index % 2 === 0)
    .join('/');
}

function unknownPathError(segments: readonly string[], version: string): ArmError {
  const index = segments.findIndex((segment) => segment.toLowerCase() === 'providers');
  const namespace = segments[index + 1];
  if (index === -1 || namespace === undefined) return gatewayErrors.pathNotFound();
  if (!REGISTERED_NAMESPACES.some((known) => known.toLowerCase() === namespace.toLowerCase()))
    return gatewayErrors.invalidNamespace(namespace);
  return gatewayErrors.invalidResourceType(resourceTypePath(segments, index), namespace, version);
}

function checkServerExists({ params }: RouteMatch, { store }: ArmContext): void {
  // A child of a missing server is not found, for every method.
  if (params.server !== '') store.getServer(params);
}

function resourceTypeName(route: ArmRoute): string {
  const [, afterProvider = ''] = route.template.split(/\/providers\/[^/]+\//);
  return afterProvider.split('/')[0] ?? '';
}

/** The value of a query parameter, whose name is compared without regard to case. */
export function getQueryParameter(request: HttpRequest, name: string): string | undefined {
  for (const [key, value] of request.url.searchParams) {
    if (key.toLowerCase() === name) return value;
  }
  return undefined;
}

/** The id of the subscription in the path, or '' if the path has none. */
export function getSubscriptionId(request: HttpRequest): string {
  const [first, id = ''] = splitPath(request.url.pathname);
  return first?.toLowerCase() === 'subscriptions' ? id.toLowerCase() : '';
}

/** @throws {ArmError} 403 AuthorizationFailed if no role of the caller permits the request. */
function checkPermission(
  method: string,
  segments: readonly string[],
  { accessControl }: ArmContext,
  { clientId, principalId }: ArmRequest['caller'],
): void {
  const permission = requiredPermission(method, segments);
  if (!permission || accessControl.isAllowed(principalId, permission)) return;
  throw gatewayErrors.authorizationFailed(clientId, principalId, permission);
}

/**
 * Perform the checks that ARM performs for every path, then call the handler of the route.
 * @throws {ArmError} for an invalid api-version, subscription, path or method, for a missing role, and for the errors of the handler.
 */
export async function routeRequest(
  request: HttpRequest,
  context: ArmContext,
  caller: ArmRequest['caller'],
): Promise<HttpResponse> {
  const segments = splitPath(request.url.pathname);
  const apiVersion = getQueryParameter(request, 'api-version');
  if (apiVersion === undefined || apiVersion === '') throw gatewayErrors.missingApiVersion();
  const found = findRoute(segments);
  const subscription = getSubscriptionId(request);
  if (subscription !== '') context.store.checkSubscription(subscription);
  if (!found) throw unknownPathError(segments, apiVersion);
  checkApiVersion(apiVersion, found.route.family, resourceTypeName(found.route));
  checkPermission(request.method, segments, context, caller);
  const handler = found.route.methods[request.method];
  if (!handler) {
    checkServerExists(found, context);
    throw gatewayErrors.methodNotAllowed(request.method);
  }
  return handler({ request, apiVersion, params: found.params, caller }, context);
}
