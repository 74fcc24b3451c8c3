import type { Server } from '@azure/arm-postgresql-flexible';
import { fail } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import type { AzureReader, FoundServer } from './reader.ts';

/** States that pass by themselves, also a creation by somebody else (facts.md §1). */
const passing = ['Provisioning', 'Updating', 'Starting', 'Restarting', 'Stopping'];

const advice: Readonly<Record<string, string>> = {
  Stopped: 'Start it (az postgres flexible-server start), or leave start-if-stopped on.',
  Dropping: 'It is being deleted: wait until it is gone, or choose another server-name.',
  Disabled: 'See in the Azure portal why it is disabled.',
  Inaccessible: 'Its encryption key cannot be reached: restore the access of the server to its key.',
};

/** The server once its state is none that passes by itself. */
export async function settledServer(run: Run, reader: AzureReader): Promise<FoundServer> {
  let first = true;
  return await waitFor(run, `server '${reader.config.name}' to be Ready`, async () => {
    const seen = first ? await reader.server() : await reader.lookAgain();
    first = false;
    if (seen.status === 'unknown') throw seen.error;
    // Absent just after a creation: ARM's list may lag behind.
    if (seen.status === 'absent') return undefined;
    return passing.includes(seen.value.server.state ?? 'Ready') ? undefined : seen.value;
  });
}

/**
 * The server once it is Ready; a passing state is waited for.
 * @throws `server-not-usable` for the states that do not pass, `state-unknown`, `timed-out`
 */
export async function readyServer(run: Run, reader: AzureReader): Promise<FoundServer> {
  const settled = await settledServer(run, reader);
  const { state = 'Ready' } = settled.server;
  if (state === 'Ready') return settled;
  throw fail('server-not-usable', {
    server: settled.name,
    state,
    advice: advice[state] ?? 'Look at the server in the Azure portal.',
  });
}

/** Whether clients from the internet can be let in by firewall rules; else the server is inside a network. */
export const hasPublicAccess = (server: Server): boolean =>
  server.network?.publicNetworkAccess !== 'Disabled' &&
  server.network?.delegatedSubnetResourceId === undefined;
