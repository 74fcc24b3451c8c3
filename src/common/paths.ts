import { join, resolve } from 'node:path';

/** The workspace, from which paths of inputs are taken; absolute. */
export const workspacePath = (): string => resolve(process.env['GITHUB_WORKSPACE'] ?? '.');

/** A path of the user's, as a step means it: from the workspace. */
export const resolveInWorkspace = (path: string): string => resolve(workspacePath(), path);

/** A file of ours in the runner's temporary folder, which is the job's own and goes with it. */
export const resolveInTempDirectory = (name: string): string => join(process.env['RUNNER_TEMP'] ?? '.', name);
