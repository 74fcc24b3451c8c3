import type { Server } from '@azure/arm-postgresql-flexible';

/** States of a flexible server (facts.md §1). */
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

/** A server's state in the spelling of the documentation. */
export function normalizeState({ state }: Server): string {
  if (!state) return 'unknown';
  return SERVER_STATES.find((each) => each.toLowerCase() === state.toLowerCase()) ?? state;
}

/** States that pass by themselves, also a creation by somebody else. */
const TRANSIENT_STATES: readonly string[] = [
  'Provisioning',
  'Updating',
  'Starting',
  'Restarting',
  'Stopping',
];

export const isTransient = (state: string): boolean => TRANSIENT_STATES.includes(state);

/** Whether what ARM shows of the server is not yet, or no longer, what it is. */
export const isBeingCreatedOrDeleted = (state: string): boolean =>
  state === 'Provisioning' || state === 'Dropping';

/** Whether PostgreSQL answers, or may. */
export const acceptsConnections = (state: string): boolean =>
  ['Ready', 'Updating', 'Restarting', 'Starting'].includes(state);

const STATE_HINTS: Readonly<Record<string, string>> = {
  Stopped: 'Start it (az postgres flexible-server start), or leave start-if-stopped on.',
  Dropping: 'It is being deleted: wait until it is gone, or choose another server-name.',
  Disabled: 'See in the Azure portal why it is disabled.',
  Inaccessible: 'Its encryption key cannot be reached: restore the access of the server to its key.',
};

/** What to do about a server in a state that is of no use. */
export const stateHint = (state: string): string =>
  STATE_HINTS[state] ??
  (isTransient(state) ? 'Wait until it is Ready.' : 'Look at the server in the Azure portal.');
