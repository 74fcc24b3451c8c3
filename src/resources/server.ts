import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config, Credentials, ServerConfig } from '../config/config.ts';
import { type AroundServer, newServer } from '../config/creation.ts';
import * as rules from '../config/rules.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { byFix, immutable } from '../plan/remedy.ts';
import type { Difference, FoundDifference, Observed } from '../plan/types.ts';
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
        database: config.mode === 'ensure' ? config.database.name : undefined,
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
    const { state = 'Ready' } = observed.value;
    if (halfThere.includes(state)) return [stateUnknown(declared.name, state)];
    const properties = serverProperties.flatMap(
      (property) => propertyDifference(property, declared, observed.value) ?? [],
    );
    return [...stopped(declared.name, state), ...inOrder(properties, declared)];
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
      );
    }
    return 'applied';
  },
};

/** States in which what ARM shows of a server is not yet, or no longer, what it is (facts.md §1). */
export const halfThere: readonly string[] = ['Provisioning', 'Dropping'];

const high = 'high availability';

/** What a burstable size forbids has to go before the server becomes one; else it comes last, when the size allows it. */
function inOrder(differences: readonly FoundDifference[], { skuName = '' }: ServerConfig): Difference[] {
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
  const { name, normalize = (value: string) => value, restarts, remedy = immutable } = property;
  const [expected, actual] = [property.declared(declared, server), property.actual(server, declared)];
  if (expected === undefined || actual === undefined || normalize(expected) === normalize(actual))
    return undefined;
  if (property.byItself?.(expected, actual, server)) return undefined;
  const thing = { resource: 'server', name: declared.name } as const;
  const finding = { ...thing, property: name, expected, actual, kind: 'changed' } as const;
  const inPlace = property.patch !== undefined && (property.possible?.(actual, expected, server) ?? true);
  if (!inPlace) return { finding, remedy };
  const restart = restarts ? ', which restarts the server' : '';
  return {
    finding,
    mend: { ...thing, action: 'update', details: `${name}: ${actual} → ${expected}${restart}` },
    remedy: `${byFix}${restart}`,
  };
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

/** Nobody declares a state: of a stopped server only is unknown what cannot be looked at, and it can be woken. */
function stopped(name: string, state: string): Difference[] {
  if (state !== 'Stopped') return [];
  const mend = { resource: 'server', name, action: 'start', details: 'it was stopped' } as const;
  return [{ ...stateUnknown(name, state), mend, remedy: 'mode: ensure starts it' }];
}

function stateUnknown(name: string, state: string): FoundDifference {
  return {
    finding: {
      resource: 'server',
      name,
      property: 'state',
      expected: 'Ready',
      actual: state,
      kind: 'unknown',
    },
    remedy: state === 'Dropping' ? 'it is being deleted' : 'wait until it is Ready, and check again',
  };
}
