import type { AzureReader } from '../azure/reader.ts';
import { regionName } from '../azure/regions.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config } from '../config/config.ts';
import { groupOfNew, newServer } from '../config/creation.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { type Difference, type Observed, present } from '../plan/types.ts';

interface Desired {
  readonly name: string;
  readonly region: string;
}

/** The group of a server that has to be made; where the server is, its group is too, and is never looked at. */
export const resourceGroup: Kind<Desired, string, AzureReader, AzureWriter> = {
  resource: 'resource group',

  desired({ server }: Config): readonly Desired[] {
    return [{ name: groupOfNew(server), region: newServer(server).region }];
  },

  nameOf: ({ name }) => name,

  async observe(reader, [desired]): Promise<readonly Observed<string>[]> {
    const server = await reader.server();
    if (server.status === 'present') return [present(server.value.resourceGroup)];
    // The server's own entry tells that it is unknown, and why.
    if (server.status === 'unknown' || desired === undefined) return [server];
    return [await reader.resourceGroup(desired.name)];
  },

  diff({ name, region }, observed): readonly Difference[] {
    if (observed.status !== 'absent') return [];
    const details = `in ${regionName(region)}`;
    return [{ mend: { resource: 'resource group', name, action: 'create', details } }];
  },

  async apply(writer, { name }, { region }): Promise<Applied> {
    await writer.createResourceGroup(name, regionName(region));
    return 'created';
  },
};
