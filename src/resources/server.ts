import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import { isHalfThere, isPassing, stateAdvice, stateOf } from '../azure/server-states.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config, Credentials, EnsureConfig, ServerConfig } from '../config/config.ts';
import { type AroundServer, newServer } from '../config/creation.ts';
import { creationTag, unfinishedBy } from '../config/creation-tag.ts';
import * as rules from '../config/rules.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { byFix, immutable } from '../plan/remedy.ts';
import type { Difference, Finding, FoundDifference, Observed } from '../plan/types.ts';
import { type ServerProperty, serverProperties } from './server-properties.ts';

interface Desired {
  readonly declared: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly around: AroundServer;
}

/** The flexible server: made when missing, woken when stopped; declared properties are compared. */
export const server: Kind<Desired, Server, AzureReader, AzureWriter> = {
  resource: 'server',

  desired: (config: Config): readonly Desired[] => [
    {
      declared: config.server,
      administrator: config.administrator,
      around: {
        tenantId: config.signIn.tenantId,
        ...(config.mode === 'ensure'
          ? { database: config.database.name, repositoryId: creatorOf(config) }
          : {}),
      },
    },
  ],

  nameOf: ({ declared }) => declared.name,

  async observe(reader): Promise<readonly Observed<Server>[]> {
    const seen = await reader.server();
    return [seen.status === 'present' ? { status: 'present', value: seen.value.server } : seen];
  },

  diff({ declared }, observed): readonly Difference[] {
    if (observed.status === 'absent') return [missing(declared)];
    if (observed.status === 'unknown') return [];
    const state = stateOf(observed.value);
    if (isHalfThere(state)) return [stateUnknown(declared.name, state)];
    const properties = serverProperties.flatMap(
      (property) => propertyDifference(property, declared, observed.value) ?? [],
    );
    return [
      ...notRunning(declared.name, state),
      ...unfinished(declared.name, observed.value),
      ...asAzureTakesThem(properties, declared),
    ];
  },

  async apply(writer, change, { declared, administrator, around }, finding): Promise<Applied> {
    if (change.action === 'create' && administrator !== undefined) {
      return await writer.createServer(newServer(declared, around), administrator);
    }
    if (change.action === 'start') return await writer.startServer();
    const property = serverProperties.find(({ name }) => name === finding?.property);
    if (change.action === 'update' && property?.patch) {
      const { patch, name } = property;
      await writer.updateServer(
        (server) => patch(declared, server, { ...around, administratorPassword: administrator?.password }),
        name,
        (server) => propertyDifference(property, declared, server) === undefined,
      );
    }
    return 'applied';
  },
};

/** By which a creation's tag names who creates the server. */
export const creatorOf = ({ repository }: EnsureConfig): string => repository.id || '0';

/** Why declared parameters and the maintenance window may differ. A check reports it; by itself it is no drift. */
function unfinished(name: string, { tags }: Server): FoundDifference[] {
  const repository = unfinishedBy(tags);
  if (repository === undefined) return [];
  return [
    {
      finding: {
        resource: 'server',
        name,
        property: 'creation',
        expected: 'finished',
        actual: `a run of repository ${repository} has not finished it (tag ${creationTag})`,
        kind: 'unknown',
      },
      remedy: 'mode: ensure in that repository finishes it; or remove the tag',
    },
  ];
}

const high = 'high availability';

/** What a burstable size forbids has to go before the server becomes one; else it comes last, when the size allows it. */
function asAzureTakesThem(
  differences: readonly FoundDifference[],
  { skuName = '' }: ServerConfig,
): Difference[] {
  const first =
    rules.skuTier(skuName) === 'Burstable'
      ? differences.filter(({ finding }) => finding.property === high)
      : [];
  return [...first, ...differences.filter((difference) => !first.includes(difference))];
}

function propertyDifference(
  property: ServerProperty,
  declared: ServerConfig,
  server: Server,
): FoundDifference | undefined {
  const { normalize = (value: string) => value, restarts, remedy = immutable } = property;
  const expected = property.declared(declared, server);
  if (expected === undefined) return undefined;
  const actual = property.actual(server, declared) ?? undefined;
  const thing = { resource: 'server', name: declared.name } as const;
  const finding = { ...thing, property: property.name, expected } as const;
  // Law 8: what is not told is not as declared.
  if (actual === undefined)
    return {
      finding: { ...finding, actual: 'Azure does not tell', kind: 'unknown' },
      remedy: 'look at the server in the Azure portal',
    };
  if (normalize(expected) === normalize(actual) || property.byItself?.(expected, actual, server))
    return undefined;
  const changed = { ...finding, actual, kind: 'changed' } as const;
  const inPlace =
    property.patch !== undefined && (property.possible?.(actual, expected, server, declared) ?? true);
  if (!inPlace) return { finding: changed, remedy };
  const restart = restarts ? ', which restarts the server' : '';
  const details = `${property.name}: ${actual} → ${expected}${restart}`;
  return { finding: changed, mend: { ...thing, action: 'update', details }, remedy: `${byFix}${restart}` };
}

function missing(declared: ServerConfig): Difference {
  const { region, version, skuName, storageSizeGB } = newServer(declared);
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
    mend: { resource: 'server', name: declared.name, action: 'create', details },
  };
}

/** Nobody declares a state: of a server that does not run only is unknown what cannot be looked at. */
function notRunning(name: string, state: string): FoundDifference[] {
  if (state === 'Ready' || isPassing(state)) return [];
  if (state !== 'Stopped') return [stateUnknown(name, state)];
  const mend = { resource: 'server', name, action: 'start', details: 'it was stopped' } as const;
  return [{ ...stateUnknown(name, state), mend, remedy: 'mode: ensure starts it' }];
}

const stateUnknown = (name: string, state: string): FoundDifference => ({
  finding: { resource: 'server', name, property: 'state', expected: 'Ready', actual: state, kind: 'unknown' },
  remedy: stateAdvice(state),
});

/** Whether a finding says that a server is in a state that hides much of it. */
export const isOfState = ({ resource, property, kind }: Finding): boolean =>
  resource === 'server' && property === 'state' && kind === 'unknown';
