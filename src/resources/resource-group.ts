import type { AzureReader } from '../azure/reader.ts';
import { normalizeRegion } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { defaultResourceGroup, resolveNewServer } from '../inputs/defaults.ts';
import type { Config } from '../inputs/types.ts';
import { type Diff, type Observed, present } from '../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../reconcile/resource-handler.ts';

interface DesiredResourceGroup {
  readonly name: string;
  readonly region: string;
}

/** The group of a server that has to be made; where the server is, its group is too, and is never looked at. */
export const resourceGroupHandler: ResourceHandler<DesiredResourceGroup, string, AzureReader, AzureWriter> = {
  resource: 'resource group',

  desired({ server }: Config): readonly DesiredResourceGroup[] {
    return [{ name: defaultResourceGroup(server), region: resolveNewServer(server).region }];
  },

  nameOf: ({ name }) => name,

  async observe(reader, [desired]): Promise<readonly Observed<string>[]> {
    const server = await reader.getServer();
    if (server.status === 'present') return [present(server.value.resourceGroup)];
    // The server's own entry tells that it is unknown, and why.
    if (server.status === 'unknown' || desired === undefined) return [server];
    return [await reader.getResourceGroup(desired.name)];
  },

  diff({ name, region }, observed): readonly Diff[] {
    if (observed.status !== 'absent') return [];
    const details = `in ${normalizeRegion(region)}`;
    return [{ change: { resource: 'resource group', name, action: 'create', details } }];
  },

  async apply(writer, { name }, { region }): Promise<ApplyResult> {
    await writer.createResourceGroup(name, normalizeRegion(region));
    return 'created';
  },
};
