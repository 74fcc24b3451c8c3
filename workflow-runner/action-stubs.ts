import { dirname } from 'node:path';

/** Replaces a remote action. The runner has a checkout and Node.js, so nothing has to be downloaded. */
export interface ActionStub {
  /** Printed instead of the action's own output. */
  readonly message: string;
  /** A folder to put in front of PATH. */
  readonly path: string | undefined;
}

const ACTION_STUBS: Readonly<Record<string, (workspace: string) => ActionStub>> = {
  'actions/checkout': (workspace) => ({
    message: `Nothing to check out: the workspace is the existing checkout, ${workspace}.`,
    path: undefined,
  }),
  'actions/setup-node': () => ({
    message: `Nothing to install: this runner's Node.js ${process.version} is now in front of PATH.`,
    path: dirname(process.execPath),
  }),
};

/** The stub for `owner/name@ref`; undefined if this runner has none. */
export function findActionStub(uses: string, workspace: string): ActionStub | undefined {
  return ACTION_STUBS[uses.split('@')[0]?.toLowerCase() ?? '']?.(workspace);
}

/** True for `./path`, an action in the workspace. */
export function isLocalAction(uses: string): boolean {
  return uses.startsWith('./');
}

/** A sentence for error messages. */
export const SUPPORTED_ACTIONS_HINT = `Use an action of this repository (./path) or one of ${Object.keys(ACTION_STUBS).join(', ')}.`;

/** True if this runner can run the action of a step's `uses:`. */
export function isSupportedAction(uses: string): boolean {
  return isLocalAction(uses) || findActionStub(uses, '') !== undefined;
}
