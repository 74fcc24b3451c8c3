import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import {
  isBeingCreatedOrDeleted,
  isTransient,
  normalizeState,
  stateHint,
} from '../../azure/server-states.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { CREATION_TAG, unfinishedCreationOwner } from '../../common/creation-tag.ts';
import {
  type AnyServerProperty,
  type BodyContext,
  expectedValue,
  type ServerPropertyValues,
  serverProperties,
  serverPropertyEntries,
  skuTier,
} from '../../inputs/server-properties.ts';
import type { Config, Credentials, EnsureConfig, ServerConfig } from '../../inputs/types.ts';
import type { Diff, DiffWithFinding, Finding, Observed } from '../../reconcile/findings.ts';
import { FIX_HINT, IMMUTABLE_HINT } from '../../reconcile/remedy.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import { createServer } from './create-server.ts';
import { newServerBody, newServerValues } from './new-server.ts';
import { type ServerPropertyEntry, updateProperties } from './update-properties.ts';

interface DesiredServer {
  readonly declared: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly startIfStopped: boolean;
  /** What a request depends on besides the declared values. */
  readonly context: BodyContext;
}

/** The flexible server: created if it is missing, started if it is stopped. Declared properties are compared. */
export const serverHandler: ResourceHandler<DesiredServer, Server, AzureReader, AzureWriter> = {
  resource: 'server',

  desired: (config: Config): readonly DesiredServer[] => [
    {
      declared: config.server,
      administrator: config.administrator,
      startIfStopped: config.startIfStopped,
      context: {
        tenantId: config.signIn.tenantId,
        administratorPassword: config.administrator?.password,
        ...(config.mode === 'ensure'
          ? { database: config.database.name, repositoryId: creatorRepositoryId(config) }
          : {}),
      },
    },
  ],

  nameOf: ({ declared }) => declared.name,

  async observe(reader): Promise<readonly Observed<Server>[]> {
    const observed = await reader.getServer();
    return [observed.status === 'present' ? { status: 'present', value: observed.value.server } : observed];
  },

  diff({ declared, startIfStopped, context }, observed): readonly Diff[] {
    if (observed.status === 'absent') return [missingServerDiff(declared)];
    if (observed.status === 'unknown') return [];
    const state = normalizeState(observed.value);
    if (isBeingCreatedOrDeleted(state)) return [unknownStateDiff(declared.name, state)];
    const properties = serverPropertyEntries.flatMap(
      ([key, property]) => diffProperty(declared, context, key, property, observed.value) ?? [],
    );
    return [
      ...notRunningDiff(declared.name, state, startIfStopped),
      ...unfinishedCreationDiff(declared.name, observed.value),
      ...orderForAzure(properties, declared),
    ];
  },

  async apply(writer, change, desired, finding): Promise<ApplyResult> {
    const { declared, administrator, context } = desired;
    if (change.action === 'create' && administrator !== undefined)
      return await createServer(writer, newServerBody(declared, administrator, context));
    if (change.action === 'start') return await writer.startServer();
    if (change.action === 'update' && finding !== undefined) await updateFound(writer, desired, [finding]);
    return 'applied';
  },

  combined: {
    requestOf: ({ property }) => findProperty(property)?.[1].updatedWith,
    async apply(writer, desired, findings): Promise<ApplyResult> {
      await updateFound(writer, desired, findings);
      return 'applied';
    },
  },
};

const findProperty = (propertyName: string): ServerPropertyEntry | undefined =>
  serverPropertyEntries.find(([, { name }]) => name === propertyName);

/** Sends one request for the properties of these findings. */
const updateFound = (
  writer: AzureWriter,
  { declared, context }: DesiredServer,
  findings: readonly Finding[],
): Promise<void> =>
  updateProperties(writer, declared, context, {
    properties: findings.flatMap(({ property }) => {
      const entry = findProperty(property);
      return entry === undefined ? [] : [entry];
    }),
    isDifferent: ([key, property], server) =>
      diffProperty(declared, context, key, property, server) !== undefined,
  });

/** Value of the creation tag: the repository whose run creates the server. */
export const creatorRepositoryId = ({ repository }: EnsureConfig): string => repository.id || '0';

/** Explains why declared parameters and the maintenance window can differ. An unfinished creation alone is not drift. */
function unfinishedCreationDiff(name: string, { tags }: Server): DiffWithFinding[] {
  const repository = unfinishedCreationOwner(tags);
  if (repository === undefined) return [];
  return [
    {
      finding: {
        resource: 'server',
        name,
        property: 'creation',
        expected: 'finished',
        actual: `a run of repository ${repository} has not finished it (tag ${CREATION_TAG})`,
        kind: 'unknown',
      },
      remedy: 'run mode: ensure in that repository to finish it, or remove the tag',
    },
  ];
}

/**
 * Azure allows high availability only on sizes that are not burstable. So it is turned off before the server becomes
 * burstable, and otherwise turned on after the size has changed.
 */
function orderForAzure(differences: readonly DiffWithFinding[], { skuName = '' }: ServerConfig): Diff[] {
  const isFirst = ({ finding }: DiffWithFinding): boolean =>
    skuTier(skuName) === 'Burstable' && finding.property === serverProperties.highAvailability.name;
  return [...differences.filter(isFirst), ...differences.filter((difference) => !isFirst(difference))];
}

/** Compares one property; undefined if it does not differ or is not declared. */
function diffProperty(
  declared: ServerConfig,
  context: BodyContext,
  key: keyof ServerPropertyValues,
  property: AnyServerProperty,
  server: Server,
): DiffWithFinding | undefined {
  const value = declared[key];
  const expected = expectedValue(property, value, server);
  if (expected === undefined) return undefined;
  const { normalize = (shown: string) => shown.toLowerCase(), remedy = IMMUTABLE_HINT } = property;
  const resourceRef = { resource: 'server', name: declared.name } as const;
  const finding = { ...resourceRef, property: property.name, expected } as const;
  const actual = property.actual(server, value) ?? undefined;
  // Unknown is never treated as equal.
  if (actual === undefined)
    return {
      finding: { ...finding, actual: 'not reported by Azure', kind: 'unknown' },
      remedy: 'check the server in the Azure portal',
    };
  const difference = { actual, expected, server, declared: { ...declared } };
  if (normalize(expected) === normalize(actual) || property.isAzureManagedChange?.(difference))
    return undefined;
  const changed = { ...finding, actual, kind: 'changed' } as const;
  const { canUpdate = () => true } = property;
  if (canUpdate === false || !canUpdate(difference))
    return { finding: changed, remedy: typeof remedy === 'string' ? remedy : remedy(difference) };
  const effects = [
    ...(property.requiresRestart ? ['restarts the server'] : []),
    ...(property.updateEffects?.(value, { ...context, server }) ?? []),
  ];
  const otherEffects = effects.length === 0 ? '' : `, which ${effects.join(' and ')}`;
  const details = `${property.name}: ${actual} → ${expected}${otherEffects}`;
  return {
    finding: changed,
    change: { ...resourceRef, action: 'update', details },
    remedy: `${FIX_HINT}${otherEffects}`,
  };
}

function missingServerDiff(declared: ServerConfig): Diff {
  const { region = '', version, skuName, storageSizeGB } = newServerValues(declared);
  const details = `PostgreSQL ${version}, ${skuName}, ${storageSizeGB} GiB, in ${region}`;
  return {
    finding: {
      resource: 'server',
      name: declared.name,
      property: '',
      expected: 'present',
      actual: 'absent',
      kind: 'missing',
    },
    change: { resource: 'server', name: declared.name, action: 'create', details },
  };
}

/** The state is not declared, so a server that does not run is not drift: its databases are unknown. */
function notRunningDiff(name: string, state: string, startIfStopped: boolean): DiffWithFinding[] {
  if (state === 'Ready' || isTransient(state)) return [];
  if (state !== 'Stopped' || !startIfStopped) return [unknownStateDiff(name, state)];
  const change = { resource: 'server', name, action: 'start', details: 'it was stopped' } as const;
  return [{ ...unknownStateDiff(name, state), change, remedy: 'run mode: ensure to start it' }];
}

const unknownStateDiff = (name: string, state: string): DiffWithFinding => ({
  finding: { resource: 'server', name, property: 'state', expected: 'Ready', actual: state, kind: 'unknown' },
  remedy: stateHint(state),
});

/** Whether a finding reports a state in which parts of the server cannot be checked. */
export const isServerStateFinding = ({ resource, property, kind }: Finding): boolean =>
  resource === 'server' && property === 'state' && kind === 'unknown';
