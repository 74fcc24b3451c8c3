import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import {
  isBeingCreatedOrDeleted,
  isTransient,
  normalizeState,
  stateHint,
} from '../../azure/server-states.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { CREATION_TAG, unfinishedCreationOwner } from '../../inputs/creation-tag.ts';
import { type NewServerContext, resolveNewServer } from '../../inputs/defaults.ts';
import type { Config, Credentials, EnsureConfig, ServerConfig } from '../../inputs/types.ts';
import * as validators from '../../inputs/validators.ts';
import type { Diff, DiffWithFinding, Finding, Observed } from '../../reconcile/findings.ts';
import { FIX_HINT, IMMUTABLE_HINT } from '../../reconcile/remedy.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import { createServer } from './create-server.ts';
import { type ServerProperty, serverProperties } from './server-properties.ts';

interface DesiredServer {
  readonly declared: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly creationContext: NewServerContext;
}

/** The flexible server: made when missing, woken when stopped; declared properties are compared. */
export const serverHandler: ResourceHandler<DesiredServer, Server, AzureReader, AzureWriter> = {
  resource: 'server',

  desired: (config: Config): readonly DesiredServer[] => [
    {
      declared: config.server,
      administrator: config.administrator,
      creationContext: {
        tenantId: config.signIn.tenantId,
        ...(config.mode === 'ensure'
          ? { database: config.database.name, repositoryId: creatorRepositoryId(config) }
          : {}),
      },
    },
  ],

  nameOf: ({ declared }) => declared.name,

  async observe(reader): Promise<readonly Observed<Server>[]> {
    const seen = await reader.getServer();
    return [seen.status === 'present' ? { status: 'present', value: seen.value.server } : seen];
  },

  diff({ declared }, observed): readonly Diff[] {
    if (observed.status === 'absent') return [missingServerDiff(declared)];
    if (observed.status === 'unknown') return [];
    const state = normalizeState(observed.value);
    if (isBeingCreatedOrDeleted(state)) return [unknownStateDiff(declared.name, state)];
    const properties = serverProperties.flatMap(
      (property) => diffProperty(property, declared, observed.value) ?? [],
    );
    return [
      ...notRunningDiff(declared.name, state),
      ...unfinishedCreationDiff(declared.name, observed.value),
      ...orderForAzure(properties, declared),
    ];
  },

  async apply(writer, change, { declared, administrator, creationContext }, finding): Promise<ApplyResult> {
    if (change.action === 'create' && administrator !== undefined) {
      return await createServer(writer, resolveNewServer(declared, creationContext), administrator);
    }
    if (change.action === 'start') return await writer.startServer();
    const property = serverProperties.find(({ name }) => name === finding?.property);
    if (change.action === 'update' && property?.patch) {
      const { patch, name } = property;
      await writer.updateServer(
        (server) =>
          patch(declared, server, { ...creationContext, administratorPassword: administrator?.password }),
        name,
        (server) => diffProperty(property, declared, server) === undefined,
      );
    }
    return 'applied';
  },
};

/** By which a creation's tag names who creates the server. */
export const creatorRepositoryId = ({ repository }: EnsureConfig): string => repository.id || '0';

/** Why declared parameters and the maintenance window may differ. A check reports it; by itself it is no drift. */
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
      remedy: 'mode: ensure in that repository finishes it; or remove the tag',
    },
  ];
}

const HIGH_AVAILABILITY = 'high availability';

/** What a burstable size forbids has to go before the server becomes one; else it comes last, when the size allows it. */
function orderForAzure(differences: readonly DiffWithFinding[], { skuName = '' }: ServerConfig): Diff[] {
  const first =
    validators.parseSkuTier(skuName) === 'Burstable'
      ? differences.filter(({ finding }) => finding.property === HIGH_AVAILABILITY)
      : [];
  return [...first, ...differences.filter((difference) => !first.includes(difference))];
}

function diffProperty(
  property: ServerProperty,
  declared: ServerConfig,
  server: Server,
): DiffWithFinding | undefined {
  const { normalize = (value: string) => value, requiresRestart, remedy = IMMUTABLE_HINT } = property;
  const expected = property.declared(declared, server);
  if (expected === undefined) return undefined;
  const actual = property.actual(server, declared) ?? undefined;
  const resourceRef = { resource: 'server', name: declared.name } as const;
  const finding = { ...resourceRef, property: property.name, expected } as const;
  // Law 8: what is not told is not as declared.
  if (actual === undefined)
    return {
      finding: { ...finding, actual: 'Azure does not tell', kind: 'unknown' },
      remedy: 'look at the server in the Azure portal',
    };
  if (normalize(expected) === normalize(actual) || property.isAzureManagedChange?.(expected, actual, server))
    return undefined;
  const changed = { ...finding, actual, kind: 'changed' } as const;
  const canPatchInPlace =
    property.patch !== undefined && (property.canPatch?.(actual, expected, server, declared) ?? true);
  if (!canPatchInPlace) return { finding: changed, remedy };
  const restart = requiresRestart ? ', which restarts the server' : '';
  const details = `${property.name}: ${actual} → ${expected}${restart}`;
  return {
    finding: changed,
    change: { ...resourceRef, action: 'update', details },
    remedy: `${FIX_HINT}${restart}`,
  };
}

function missingServerDiff(declared: ServerConfig): Diff {
  const { region, version, skuName, storageSizeGB } = resolveNewServer(declared);
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

/** Nobody declares a state: of a server that does not run only is unknown what cannot be looked at. */
function notRunningDiff(name: string, state: string): DiffWithFinding[] {
  if (state === 'Ready' || isTransient(state)) return [];
  if (state !== 'Stopped') return [unknownStateDiff(name, state)];
  const change = { resource: 'server', name, action: 'start', details: 'it was stopped' } as const;
  return [{ ...unknownStateDiff(name, state), change, remedy: 'mode: ensure starts it' }];
}

const unknownStateDiff = (name: string, state: string): DiffWithFinding => ({
  finding: { resource: 'server', name, property: 'state', expected: 'Ready', actual: state, kind: 'unknown' },
  remedy: stateHint(state),
});

/** Whether a finding says that a server is in a state that hides much of it. */
export const isServerStateFinding = ({ resource, property, kind }: Finding): boolean =>
  resource === 'server' && property === 'state' && kind === 'unknown';
