import type { Server } from '@azure/arm-postgresql-flexible';
import type { ServerFacts } from '../common/server-facts.ts';

/** The facts in ARM's answer about a server; undefined for each that it does not contain. */
export function toServerFacts({
  id = '',
  administratorLogin,
  version,
  storage,
  sourceServerResourceId,
}: Server): ServerFacts {
  const majorVersion = Number.parseInt(version ?? '', 10);
  const [, resourceGroup, name] = /\/resourceGroups\/([^/]+)\/.*\/flexibleServers\/([^/]+)$/i.exec(id) ?? [];
  return {
    name,
    resourceGroup,
    administrator: administratorLogin || undefined,
    majorVersion: Number.isNaN(majorVersion) ? undefined : majorVersion,
    storageGiB: storage?.storageSizeGB,
    hasAutoGrow: storage?.autoGrow === undefined ? undefined : storage.autoGrow.toLowerCase() === 'enabled',
    primaryServer: sourceServerResourceId?.split('/').at(-1) || undefined,
  };
}
