import type { Permission } from './access-control.ts';

const VERBS: Readonly<Record<string, string>> = {
  GET: 'read',
  HEAD: 'read',
  PUT: 'write',
  PATCH: 'write',
  DELETE: 'delete',
};

/** The path of a resource, or of a collection, in a provider: the provider's name, types and names in turn. */
function resourcePermission(
  method: string,
  scopeSegments: readonly string[],
  [namespace = '', ...parts]: readonly string[],
): Permission {
  const isAction = method === 'POST';
  // The last part of a POST is the action; in a collection there is no name for the last type.
  const resourceParts = isAction ? parts.slice(0, -1) : parts;
  const types = resourceParts.filter((_, index) => index % 2 === 0);
  const verb = isAction ? `${parts.at(-1) ?? ''}/action` : (VERBS[method] ?? method.toLowerCase());
  return {
    action: [namespace, ...types, verb].join('/'),
    scope: `/${[...scopeSegments, ...(resourceParts.length > 1 ? ['providers', namespace, ...resourceParts] : [])].join('/')}`,
  };
}

/**
 * The action that a role must permit for a request, and the scope of it. Undefined for what every principal of the tenant may
 * read: subscriptions, tenants, locations and providers, and lists in a subscription, which contain only what the caller may
 * read. See docs/azure-behavior.md#roles-of-azure.
 */
export function requiredPermission(method: string, segments: readonly string[]): Permission | undefined {
  const index = segments.findLastIndex((segment) => segment.toLowerCase() === 'providers');
  const isGroup = segments[2]?.toLowerCase() === 'resourcegroups';
  if (index === -1) {
    if (!isGroup || segments.length < 4) return undefined;
    const verb = VERBS[method] ?? method.toLowerCase();
    return {
      action: `Microsoft.Resources/subscriptions/resourceGroups/${verb}`,
      scope: `/${segments.slice(0, 4).join('/')}`,
    };
  }
  const rest = segments.slice(index + 1);
  if (method === 'GET' && index === 2 && rest.length <= 2) return undefined;
  return resourcePermission(method, segments.slice(0, index), rest);
}
