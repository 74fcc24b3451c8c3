import type { Server } from '@azure/arm-postgresql-flexible';
import { fail } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import type { AzureReader, FoundServer } from './reader.ts';
import { isPassing, stateAdvice, stateOf } from './server-states.ts';

/** The server once its state is none that passes by itself. */
export async function settledServer(run: Run, reader: AzureReader): Promise<FoundServer> {
  let first = true;
  return await waitFor(run, `server '${reader.config.name}' to be Ready`, async () => {
    const seen = first ? await reader.server() : await reader.lookAgain();
    first = false;
    if (seen.status === 'unknown') throw seen.error;
    // Absent just after a creation: ARM's list may lag behind.
    if (seen.status === 'absent') return undefined;
    return isPassing(stateOf(seen.value.server)) ? undefined : seen.value;
  });
}

/**
 * The server once it is Ready; a passing state is waited for.
 * @throws `server-not-usable` for the states that do not pass, `state-unknown`, `timed-out`
 */
export async function readyServer(run: Run, reader: AzureReader): Promise<FoundServer> {
  const settled = await settledServer(run, reader);
  const state = stateOf(settled.server);
  if (state === 'Ready') return settled;
  throw fail('server-not-usable', {
    server: settled.name,
    state,
    advice: stateAdvice(state),
  });
}

/** Whether clients from the internet can be let in by firewall rules; else the server is inside a network. */
export const hasPublicAccess = (server: Server): boolean =>
  server.network?.publicNetworkAccess !== 'Disabled' && !isInsideNetwork(server);

/** Whether the server was made inside a virtual network, where it has no firewall rules (facts.md §3). */
export const isInsideNetwork = ({ network }: Server): boolean => Boolean(network?.delegatedSubnetResourceId);
