import { dirname } from 'node:path';

/** What a remote action does here, where checkout and Node.js are there already. */
export interface ActionStub {
  /** Said in the log in place of the action's own output. */
  readonly message: string;
  /** A folder for the front of PATH. */
  readonly path: string | undefined;
}

const ACTION_STUBS: Readonly<Record<string, (workspace: string) => ActionStub>> = {
  'actions/checkout': (workspace) => ({
    message: `This runner's workspace is the present checkout, ${workspace}: nothing to do.`,
    path: undefined,
  }),
  'actions/setup-node': () => ({
    message: `This runner brings its own Node.js, ${process.version}: it is put in front of PATH.`,
    path: dirname(process.execPath),
  }),
};

/** The stand-in for `owner/name@ref`, undefined where this runner has none. */
export function findActionStub(uses: string, workspace: string): ActionStub | undefined {
  return ACTION_STUBS[uses.split('@')[0]?.toLowerCase() ?? '']?.(workspace);
}

/** True for `./path`, an action in the workspace. */
export function isLocalAction(uses: string): boolean {
  return uses.startsWith('./');
}

/** A sentence that names what `uses:` may say here. */
export const SUPPORTED_ACTIONS_HINT = `use an action of this repository (./path) or one of ${Object.keys(ACTION_STUBS).join(', ')}`;

/** True where this runner can take the step's `uses:`. */
export function isSupportedAction(uses: string): boolean {
  return isLocalAction(uses) || findActionStub(uses, '') !== undefined;
}
