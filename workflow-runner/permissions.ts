import { isMapping, isString, type Token } from './workflow-parser.ts';

export type PermissionLevel = 'read' | 'write';

/** The permissions of a job's GITHUB_TOKEN by scope; a missing scope means no access. */
export type Permissions = Readonly<Record<string, PermissionLevel>>;

// Workflow syntax reference, `permissions`. The parser rejects other names.
const PERMISSION_SCOPES = [
  'actions',
  'artifact-metadata',
  'attestations',
  'checks',
  'contents',
  'deployments',
  'discussions',
  'id-token',
  'issues',
  'models',
  'packages',
  'pages',
  'pull-requests',
  'repository-projects',
  'security-events',
  'statuses',
];

// The restricted default of new repositories and organizations ("Permissions for the GITHUB_TOKEN").
const DEFAULT_PERMISSIONS: Permissions = { contents: 'read', metadata: 'read', packages: 'read' };

/** The level that a scope gets from `read-all` or `write-all`: id-token has no read level, models no write level. */
function effectiveLevel(scope: string, requested: PermissionLevel): PermissionLevel | undefined {
  if (scope === 'id-token') return requested === 'write' ? 'write' : undefined;
  return scope === 'models' ? 'read' : requested;
}

function allPermissions(requested: PermissionLevel): Permissions {
  const levels = PERMISSION_SCOPES.map((scope) => [scope, effectiveLevel(scope, requested)] as const);
  const granted = levels.filter(
    (entry): entry is readonly [string, PermissionLevel] => entry[1] !== undefined,
  );
  return { ...Object.fromEntries(granted), metadata: 'read' };
}

/**
 * The permissions that `permissions:` grants: GitHub's defaults if it is missing, all scopes for `read-all` and
 * `write-all`, and exactly the named scopes for a mapping. Every token can read a repository's metadata.
 */
export function parsePermissions(token: Token | undefined): Permissions {
  if (token === undefined) return DEFAULT_PERMISSIONS;
  if (isString(token)) return allPermissions(token.value === 'write-all' ? 'write' : 'read');
  const granted: Record<string, PermissionLevel> = { metadata: 'read' };
  if (!isMapping(token)) return granted;
  for (const { key, value } of token) {
    const level = isString(value) ? value.value : '';
    if (level === 'read' || level === 'write') granted[key.toString()] = level;
  }
  return granted;
}

/** The same scopes, read-only and without OIDC token: what a pull request from a fork gets at most. */
export function toReadOnly(permissions: Permissions): Permissions {
  const { 'id-token': _idToken, ...others } = permissions;
  return Object.fromEntries(Object.keys(others).map((scope) => [scope, 'read']));
}
