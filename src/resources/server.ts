import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config, Credentials, ServerConfig } from '../config/config.ts';
import { newServer } from '../config/creation.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import type { Difference, Observed } from '../plan/types.ts';
import { serverProperties } from './server-properties.ts';

interface Desired {
  readonly declared: ServerConfig;
  readonly administrator: Credentials | undefined;
}

/** The flexible server: made when missing, woken when stopped; declared properties are compared. */
export const server: Kind<Desired, Server, AzureReader, AzureWriter> = {
  resource: 'server',

  desired: (config: Config): readonly Desired[] => [
    { declared: config.server, administrator: config.administrator },
  ],

  nameOf: ({ declared }) => declared.name,

  async observe(reader): Promise<readonly Observed<Server>[]> {
    const seen = await reader.server();
    return [seen.status === 'present' ? { status: 'present', value: seen.value.server } : seen];
  },

  diff({ declared }, observed): readonly Difference[] {
    if (observed.status === 'absent') return [missing(declared)];
    if (observed.status === 'unknown') return [];
    const properties = serverProperties.flatMap((property) => property.diff(declared, observed.value) ?? []);
    return [...stopped(declared.name, observed.value), ...properties];
  },

  async apply(writer, change, { declared, administrator }, finding): Promise<Applied> {
    if (change.action === 'create' && administrator !== undefined) {
      return await writer.createServer(newServer(declared), administrator);
    }
    if (change.action === 'start') return await writer.startServer();
    const property = serverProperties.find(({ name }) => name === finding?.property);
    if (change.action === 'update' && property)
      await writer.updateServer((server) => property.patch(declared, server), property.name);
    return 'applied';
  },
};

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

function stopped(name: string, { state }: Server): Difference[] {
  if (state !== 'Stopped') return [];
  return [
    {
      finding: {
        resource: 'server',
        name,
        property: 'state',
        expected: 'Ready',
        actual: state,
        kind: 'changed',
      },
      mend: { resource: 'server', name, action: 'start', details: 'it was stopped' },
    },
  ];
}
