import type { Token } from './template-tokens.ts';
import { isMapping, isString } from './workflow-parser.ts';

export type PermissionLevel = 'read' | 'write';

/** What a job's GITHUB_TOKEN may do; what is missing is forbidden. */
export type Permissions = Readonly<Record<string, PermissionLevel>>;

// Workflow syntax reference, `permissions`; the workflow's grammar refuses other names.
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

/** The highest level that there is below the wanted one: id-token cannot be read, models cannot be written. */
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
 * What `permissions:` grants: GitHub's defaults where nothing is said, everything for `read-all` and `write-all`, and
 * where a map is given what it names, all else being `none`. Every token may read a repository's metadata.
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

/** The same with nothing to write, as a pull request from a fork has it, whatever its workflow asks for. */
export function toReadOnly(permissions: Permissions): Permissions {
  const { 'id-token': _never, ...others } = permissions;
  return Object.fromEntries(Object.keys(others).map((scope) => [scope, 'read']));
}
