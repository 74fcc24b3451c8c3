import type { Server } from '@azure/arm-postgresql-flexible';
import { type ActionError, actionError } from '../../common/errors.ts';
import { sanitizeText } from '../../common/sanitize.ts';
import type { EnsureConfig } from '../../inputs/types.ts';

/**
 * Why the declared database cannot be created on this server: an elastic cluster has only the database of its creation, and
 * refuses `CREATE DATABASE` (docs/azure-behavior.md#elastic-clusters).
 * @returns undefined for a server that is not a cluster
 */
export function clusterDatabaseError(
  { name = '', cluster }: Pick<Server, 'name' | 'cluster'>,
  { database, pullRequest }: Pick<EnsureConfig, 'database' | 'pullRequest'>,
): ActionError | undefined {
  if (!cluster?.clusterSize) return undefined;
  // An older api-version does not show the name.
  const only = cluster.defaultDatabaseName && sanitizeText(cluster.defaultDatabaseName);
  const reason = `server '${name}' is an elastic cluster, which has only the database of its creation${only ? `, '${only}'` : ''}.`;
  const hint =
    pullRequest === undefined
      ? `Set the input database to ${only ? `'${only}'` : 'that database'}, or use a server that is not a cluster.`
      : 'Databases of pull requests need a server that is not a cluster: set server-name to another one.';
  return actionError('database-failed', { database: database.name, reason, hint });
}
