import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { normalizeRegion } from '../common/regions.ts';
import { defaultResourceGroup } from '../inputs/defaults.ts';
import type { Config } from '../inputs/types.ts';
import { type Diff, type Observed, present } from '../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../reconcile/resource-handler.ts';

interface DesiredResourceGroup {
  readonly name: string;
  readonly region: string;
}

/** The resource group of a new server. An existing server has a group, which is never read. */
export const resourceGroupHandler: ResourceHandler<DesiredResourceGroup, string, AzureReader, AzureWriter> = {
  resource: 'resource group',

  desired({ server }: Config): readonly DesiredResourceGroup[] {
    return [{ name: defaultResourceGroup(server), region: server.region ?? '' }];
  },

  nameOf: ({ name }) => name,

  async observe(reader, [desired]): Promise<readonly Observed<string>[]> {
    const server = await reader.getServer();
    if (server.status === 'present') return [present(server.value.resourceGroup)];
    // The server's own handler reports why it is unknown.
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
