import type { Server } from '@azure/arm-postgresql-flexible';
import { actionError } from '../common/errors.ts';
import { followAge, type RunContext, type SetReason, waitFor } from '../common/polling.ts';
import type { AzureReader, FoundServer } from './reader.ts';

/** States of a flexible server (docs/azure-behavior.md#server-states). */
const SERVER_STATES = [
  'Ready',
  'Updating',
  'Restarting',
  'Starting',
  'Stopping',
  'Stopped',
  'Provisioning',
  'Dropping',
  'Disabled',
  'Inaccessible',
] as const;

/** A server's state as the documentation spells it; `unknown` if Azure names none. */
export function normalizeState({ state }: Server): string {
  if (!state) return 'unknown';
  return SERVER_STATES.find((each) => each.toLowerCase() === state.toLowerCase()) ?? state;
}

/** States that end without an action of a user. */
const TRANSIENT_STATES: readonly string[] = [
  'Provisioning',
  'Updating',
  'Starting',
  'Restarting',
  'Stopping',
];

export const isTransient = (state: string): boolean => TRANSIENT_STATES.includes(state);

/** Whether the properties that ARM shows are not final yet, or no longer valid. */
export const isBeingCreatedOrDeleted = (state: string): boolean =>
  state === 'Provisioning' || state === 'Dropping';

/** Whether PostgreSQL accepts connections, or may accept them. */
export const acceptsConnections = (state: string): boolean =>
  ['Ready', 'Updating', 'Restarting', 'Starting'].includes(state);

const STATE_HINTS: Readonly<Record<string, string>> = {
  Stopped:
    'Start it (az postgres flexible-server start), or set start-if-stopped to true in mode ensure, drop or sweep.',
  Dropping: 'It is being deleted: wait until it is deleted, or choose another server-name.',
  Disabled: 'Check in the Azure portal why it is disabled.',
  Inaccessible: 'Its encryption key cannot be reached: restore the access of the server to its key.',
};

/** What to do about a server that cannot be used in its state. */
export const stateHint = (state: string): string =>
  STATE_HINTS[state] ??
  (isTransient(state) ? 'Wait until it is Ready.' : 'Check the server in the Azure portal.');

/** What to do about a server that stays in a transient state. */
const STUCK_STATE_HINT =
  'See the activity log of the server in the Azure portal for the operation that has not ended. If there is none, restart the server, or open a support request.';

/**
 * Between the reads of a server that another run changes. Fifty jobs can wait for one server, and together they stay below
 * the 25 reads a second that ARM permits (docs/azure-behavior.md#throttling).
 */
export const SHARED_SERVER_PAUSES = followAge({ minMs: 2000 });

/** Waits until the server is in a state that is not transient. */
export async function waitForStableState(run: RunContext, reader: AzureReader): Promise<FoundServer> {
  let isFirst = true;
  const poll = async (setReason: SetReason): Promise<FoundServer | undefined> => {
    const observed = isFirst ? await reader.getServer() : await reader.refreshServer();
    isFirst = false;
    if (observed.status === 'unknown') throw observed.error;
    // ARM's list may lag behind a creation.
    if (observed.status === 'absent') {
      setReason('Azure does not show it yet');
      return undefined;
    }
    const state = normalizeState(observed.value.server);
    setReason(`it is in state ${state}`);
    return isTransient(state) ? undefined : observed.value;
  };
  const what = `server '${reader.config.name}' to be Ready`;
  return await waitFor(run, what, poll, { pauses: SHARED_SERVER_PAUSES, hint: STUCK_STATE_HINT });
}

/**
 * Waits until the server is Ready.
 * @throws `server-not-usable` for any other state that is not transient, `state-unknown`
 */
export async function waitForReady(run: RunContext, reader: AzureReader): Promise<FoundServer> {
  const found = await waitForStableState(run, reader);
  const state = normalizeState(found.server);
  if (state === 'Ready') return found;
  throw actionError('server-not-usable', { server: found.name, state, hint: stateHint(state) });
}

/** Whether firewall rules can admit clients from the internet. */
export const hasPublicAccess = (server: Server): boolean =>
  server.network?.publicNetworkAccess !== 'Disabled' && !hasPrivateAccess(server);

/** Whether the server was created inside a virtual network, where it has no firewall rules. */
export const hasPrivateAccess = ({ network }: Server): boolean => Boolean(network?.delegatedSubnetResourceId);
