import type { Server } from '@azure/arm-postgresql-flexible';
import { actionError } from '../common/errors.ts';
import { type RunContext, waitFor } from '../common/polling.ts';
import type { AzureReader, FoundServer } from './reader.ts';
import { isTransient, normalizeState, stateHint } from './server-states.ts';

/** The server once its state is none that passes by itself. */
export async function waitForStableState(run: RunContext, reader: AzureReader): Promise<FoundServer> {
  let isFirst = true;
  return await waitFor(run, `server '${reader.config.name}' to be Ready`, async () => {
    const observedServer = isFirst ? await reader.getServer() : await reader.refreshServer();
    isFirst = false;
    if (observedServer.status === 'unknown') throw observedServer.error;
    // Absent just after a creation: ARM's list may lag behind.
    if (observedServer.status === 'absent') return undefined;
    return isTransient(normalizeState(observedServer.value.server)) ? undefined : observedServer.value;
  });
}

/**
 * The server once it is Ready; a passing state is waited for.
 * @throws `server-not-usable` for the states that do not pass, `state-unknown`, `timed-out`
 */
export async function waitForReady(run: RunContext, reader: AzureReader): Promise<FoundServer> {
  const foundServer = await waitForStableState(run, reader);
  const state = normalizeState(foundServer.server);
  if (state === 'Ready') return foundServer;
  throw actionError('server-not-usable', {
    server: foundServer.name,
    state,
    hint: stateHint(state),
  });
}

/** Whether clients from the internet can be let in by firewall rules; else the server is inside a network. */
export const hasPublicAccess = (server: Server): boolean =>
  server.network?.publicNetworkAccess !== 'Disabled' && !hasPrivateAccess(server);

/** Whether the server was made inside a virtual network, where it has no firewall rules (facts.md §3). */
export const hasPrivateAccess = ({ network }: Server): boolean => Boolean(network?.delegatedSubnetResourceId);
