import { join, resolve } from 'node:path';

/** A path of the user's, as a step means it: from the workspace. */
export const inWorkspace = (path: string): string => resolve(process.env['GITHUB_WORKSPACE'] ?? '.', path);

/** A file of ours in the runner's temporary folder, which is the job's own and goes with it. */
export const inTemporaryFolder = (name: string): string => join(process.env['RUNNER_TEMP'] ?? '.', name);
