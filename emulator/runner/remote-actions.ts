import { dirname } from 'node:path';

/** What a remote action does here, where checkout and Node.js are there already. */
export interface StandIn {
  /** Said in the log in place of the action's own output. */
  readonly message: string;
  /** A folder for the front of PATH. */
  readonly path: string | undefined;
}

const standIns: Readonly<Record<string, (workspace: string) => StandIn>> = {
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
export function standInFor(uses: string, workspace: string): StandIn | undefined {
  return standIns[uses.split('@')[0]?.toLowerCase() ?? '']?.(workspace);
}

/** True for `./path`, an action in the workspace. */
export function isLocalAction(uses: string): boolean {
  return uses.startsWith('./');
}

/** A sentence that names what `uses:` may say here. */
export const supportedActions = `use an action of this repository (./path) or one of ${Object.keys(standIns).join(', ')}`;

/** True where this runner can take the step's `uses:`. */
export function isSupported(uses: string): boolean {
  return isLocalAction(uses) || standInFor(uses, '') !== undefined;
}
