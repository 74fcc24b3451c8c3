import type { Reply, Request } from '../http/exchange.ts';
import { checkApiVersion } from './api-versions.ts';
import type { ArmCall, ArmContext } from './call.ts';
import { type ArmError, gatewayErrors } from './errors.ts';
import { type Route, routes } from './routes.ts';

interface Match {
  readonly route: Route;
  readonly names: ArmCall['names'];
}

/** The path's segments, decoded. Doubled slashes count as one, as the specification's own examples have them. */
function segmentsOf(pathname: string): string[] {
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

const templates = routes.map((route) => ({ route, parts: segmentsOf(route.template) }));

function namesOf(parts: readonly string[], segments: readonly string[]): ArmCall['names'] | undefined {
  if (parts.length !== segments.length) return undefined;
  const names: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? '';
    if (part.startsWith('{')) names[part.slice(1, -1)] = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return { subscription: '', group: '', location: '', server: '', child: '', ...names };
}

function match(segments: readonly string[]): Match | undefined {
  for (const { route, parts } of templates) {
    const names = namesOf(parts, segments);
    if (names) return { route, names };
  }
  return undefined;
}

function typeOf(segments: readonly string[], after: number): string {
  return segments
    .slice(after + 2)
    .filter((_, index) => index % 2 === 0)
    .join('/');
}

function unknownPath(segments: readonly string[], version: string): ArmError {
  const index = segments.findIndex((segment) => segment.toLowerCase() === 'providers');
  const namespace = segments[index + 1];
  if (index === -1 || namespace === undefined) return gatewayErrors.pathNotFound();
  if (namespace.toLowerCase() !== 'microsoft.dbforpostgresql')
    return gatewayErrors.invalidNamespace(namespace);
  return gatewayErrors.invalidResourceType(typeOf(segments, index), namespace, version);
}

function checkServerExists({ names }: Match, { store }: ArmContext): void {
  // A child of a missing server is not found, whatever is asked of it (facts.md §2, "404").
  if (names.server !== '') store.server(names.subscription, names.group, names.server);
}

function typeName(route: Route): string {
  return route.template.includes('/locations/') ? 'locations' : 'flexibleServers';
}

/** Read one query parameter without regard to the case of its name. */
export function queryValue(request: Request, name: string): string | undefined {
  for (const [key, value] of request.url.searchParams) {
    if (key.toLowerCase() === name) return value;
  }
  return undefined;
}

/** The id of the subscription that the path names; '' for none. */
export function subscriptionOf(request: Request): string {
  const [first, id = ''] = segmentsOf(request.url.pathname);
  return first?.toLowerCase() === 'subscriptions' ? id.toLowerCase() : '';
}

/**
 * Find what answers an authenticated request, after the checks that ARM makes for every path.
 * @throws {ArmError} for the api-version, the subscription, the path or the method.
 */
export async function route(request: Request, context: ArmContext): Promise<Reply> {
  const segments = segmentsOf(request.url.pathname);
  const apiVersion = queryValue(request, 'api-version');
  if (apiVersion === undefined || apiVersion === '') throw gatewayErrors.missingApiVersion();
  const found = match(segments);
  const subscription = subscriptionOf(request);
  if (subscription !== '') context.store.checkSubscription(subscription);
  if (!found) throw unknownPath(segments, apiVersion);
  checkApiVersion(apiVersion, found.route.family, typeName(found.route));
  const handler = found.route.methods[request.method];
  if (!handler) {
    checkServerExists(found, context);
    throw gatewayErrors.methodNotAllowed(request.method);
  }
  return handler({ request, apiVersion, names: found.names }, context);
}
