import type { Server } from '@azure/arm-postgresql-flexible';
import { charsetOfLocale, findCharset } from '../../common/charsets.ts';
import { CREATION_TAG } from '../../common/creation-tag.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import {
  type BodyContext,
  type ServerPropertyValues,
  serverPropertyEntries,
  skuTier,
} from '../../inputs/server-properties.ts';
import type { Config, Credentials, ServerConfig } from '../../inputs/types.ts';
import { MAX_TAGS, validateNewAdministratorPassword } from '../../inputs/validators.ts';

/** The property values of a new server: the declared ones, and the defaults that action.yml documents. */
export function newServerValues(declared: ServerPropertyValues): ServerPropertyValues {
  const entries = serverPropertyEntries.map(([key, { default: value }]) => [
    key,
    declared[key] ?? (typeof value === 'function' ? value(declared) : value),
  ]);
  return Object.fromEntries(entries) as ServerPropertyValues;
}

/**
 * The request body that creates a server. It omits properties without a value, so that Azure's defaults apply.
 * @param context with `repositoryId`, the server gets the creation tag if the creation needs more requests
 */
export function newServerBody(
  declared: ServerConfig,
  administrator: Credentials,
  context: Omit<BodyContext, 'server' | 'administratorPassword'>,
): Server {
  const values = newServerValues(declared);
  const fragments = serverPropertyEntries.flatMap(([key, property]) => {
    const value = values[key];
    return value === undefined || property.isSetAfterCreation ? [] : [property.body(value, context)];
  });
  const { repositoryId } = context;
  if (repositoryId !== undefined && hasPostCreationSteps(declared))
    fragments.push({ tags: { [CREATION_TAG]: repositoryId } });
  return {
    location: '',
    administratorLogin: administrator.username,
    administratorLoginPassword: administrator.password,
    createMode: 'Create',
    ...mergeFragments(fragments),
  };
}

/** Merges objects, and the objects in them: several properties are members of `storage` and `authConfig`. */
function mergeFragments(fragments: readonly object[]): object {
  const merged: Record<string, unknown> = {};
  for (const [key, value] of fragments.flatMap((fragment) => Object.entries(fragment)))
    merged[key] = typeof value === 'object' ? Object.assign({}, merged[key], value) : value;
  return merged;
}

/** Whether a creation needs requests after the one that creates the server, so that the creation tag marks it until then. */
const hasPostCreationSteps = ({ parameters, maintenanceWindow }: ServerConfig): boolean =>
  parameters.size > 0 || (maintenanceWindow !== undefined && maintenanceWindow !== 'system-managed');

/** What Azure refuses, or cannot hold, in an elastic cluster (docs/azure-behavior.md#elastic-clusters). */
function clusterErrors(config: Config): string[] {
  const { version, storageAutoGrow } = newServerValues(config.server);
  const errors: string[] = [];
  if (Number(version) < 17)
    errors.push(
      `cluster-size is given with postgres-version ${version}, but elastic clusters need 17 or newer`,
    );
  if (storageAutoGrow)
    errors.push('storage-auto-grow is true, but the storage of an elastic cluster cannot grow automatically');
  if ('pullRequest' in config && config.pullRequest !== undefined)
    errors.push(
      'cluster-size is given, but an elastic cluster cannot hold databases of pull requests: use a server that is not a cluster',
    );
  return errors;
}

/** Errors that only matter if the server has to be created, a sentence each. They are reported before the first write. */
export function validateCreation(config: Config): string[] {
  const { server, administrator } = config;
  const errors: string[] = [];
  if (server.isNameIpAddress)
    errors.push('server-name is an address, which cannot be the name of a new server: set the short name');
  if (server.region === undefined)
    errors.push('region is missing: a new server needs one, such as westeurope');
  if (administrator === undefined) errors.push('admin-username and admin-password are missing');
  else {
    const passwordError = validateNewAdministratorPassword(administrator.password, administrator.username);
    if (passwordError) errors.push(`admin-password ${passwordError}`);
  }
  errors.push(...findCreationConflicts(config));
  if (hasPostCreationSteps(server) && server.tags.size >= MAX_TAGS)
    errors.push(
      `tags has ${server.tags.size} tags, but a new server needs one more (${CREATION_TAG}) until server-parameters and maintenance-window are set: declare at most ${MAX_TAGS - 1}`,
    );
  return [...errors, ...validateNewDatabase(config)];
}

/** Combinations of inputs that Azure rejects for a new server, a sentence each. */
function findCreationConflicts(config: Config): string[] {
  const { server } = config;
  const errors: string[] = [];
  const { skuName = '', highAvailability } = newServerValues(server);
  if (skuTier(skuName) === 'Burstable' && highAvailability !== 'Disabled')
    errors.push(
      `high-availability is ${highAvailability}, but sku-name ${skuName} is burstable, and Azure offers no high availability for it`,
    );
  if (server.clusterSize !== undefined) errors.push(...clusterErrors(config));
  const pgBouncer = [...server.parameters.keys()].find((name) => /^pgbouncer\./i.test(name));
  if (skuTier(skuName) === 'Burstable' && pgBouncer !== undefined)
    errors.push(
      `server-parameters has ${pgBouncer}, but sku-name ${skuName} is burstable, and Azure has no PgBouncer for it`,
    );
  return errors;
}

/** A charset that the collation of a new database does not fit, as far as the name of the collation says it. */
function validateNewDatabase(config: Config): readonly string[] {
  if (config.mode !== 'ensure' || config.database.template !== undefined) return [];
  const [charset, collation] = [defaultCharset(config.database), defaultCollation(config.database)];
  const required = charsetOfLocale(collation);
  return required === undefined || required === findCharset(charset)
    ? []
    : [
        `charset is ${charset}, but collation ${collation} requires ${required}: declare collation: C as well, which fits every charset`,
      ];
}
