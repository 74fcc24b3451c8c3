import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { RunnerFolders } from './contexts.ts';
import { StepError } from './job-state.ts';

/** What the stub of a remote action has done. */
export interface StubResult {
  /** Printed instead of the action's own output. */
  readonly message: string;
  /** A folder to put in front of PATH. */
  readonly path?: string;
}

/** The machine of a run, as a stub needs it. */
export interface StubMachine {
  readonly folders: RunnerFolders;
  /** The environment of the machine's processes. */
  readonly variables: Readonly<Record<string, string>>;
}

type ActionStub = (machine: StubMachine) => Promise<StubResult>;

// What a project installs or builds is not in its repository.
const NOT_IN_REPOSITORY = new Set(['.git', 'node_modules']);

async function checkout({ folders: { repository, workspace } }: StubMachine): Promise<StubResult> {
  if (repository === undefined)
    return { message: `Nothing to check out: the workspace is the existing checkout, ${workspace}.` };
  await cp(repository, workspace, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !NOT_IN_REPOSITORY.has(basename(path)),
  });
  return { message: `Copied ${repository} to the workspace, ${workspace}.` };
}

async function setupNode(): Promise<StubResult> {
  return {
    message: `Nothing to install: this runner's Node.js ${process.version} is now in front of PATH.`,
    path: dirname(process.execPath),
  };
}

/** A virtual environment with the packages of this machine's Python, so that pip installs only what they lack. */
async function setupPython({ folders, variables }: StubMachine): Promise<StubResult> {
  const environment = join(folders.toolCache, 'Python');
  try {
    await promisify(execFile)('python3', ['-m', 'venv', '--system-site-packages', environment], {
      env: variables,
    });
  } catch (error) {
    throw new StepError(
      `Python cannot create a virtual environment; install Python 3 with its module venv (Debian: python3-venv). ${String(error)}`,
    );
  }
  return {
    message: `Nothing to install: an environment of this machine's Python is now in front of PATH, ${environment}.`,
    path: join(environment, 'bin'),
  };
}

const ACTION_STUBS: Readonly<Record<string, ActionStub>> = {
  'actions/checkout': checkout,
  'actions/setup-node': setupNode,
  'actions/setup-python': setupPython,
};

/** The stub for `owner/name@ref`, which replaces the action on this machine; undefined if there is none. */
export function findActionStub(uses: string): ActionStub | undefined {
  return ACTION_STUBS[uses.split('@')[0]?.toLowerCase() ?? ''];
}

/**
 * The folder of a JavaScript action that this runner can run: of `./path` in the workspace, and of this repository's own
 * action for `OWNER/azure-postgresql-action@REF` with any owner and any ref. Undefined for other actions.
 */
export function findActionFolder(uses: string, folders: RunnerFolders): string | undefined {
  if (uses.startsWith('./')) return join(folders.workspace, uses);
  return isOwnAction(uses) ? folders.action : undefined;
}

function isOwnAction(uses: string): boolean {
  return /^[^/@]+\/azure-postgresql-action@/.test(uses);
}

/** A sentence for error messages. */
export const SUPPORTED_ACTIONS_HINT = `Use OWNER/azure-postgresql-action@REF, an action of the workspace (./path), or one of ${Object.keys(ACTION_STUBS).join(', ')}.`;

/** True if this runner can run the action of a step's `uses:`. */
export function isSupportedAction(uses: string): boolean {
  return uses.startsWith('./') || isOwnAction(uses) || findActionStub(uses) !== undefined;
}
