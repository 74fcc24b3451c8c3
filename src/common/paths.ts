import { join, resolve } from 'node:path';

/** Absolute path of the workspace, which paths in inputs are relative to. */
export const workspacePath = (): string => resolve(process.env['GITHUB_WORKSPACE'] ?? '.');

/** Absolute path of a path in an input. */
export const resolveInWorkspace = (path: string): string => resolve(workspacePath(), path);

/** Path of a file in the runner's temporary folder, which the runner empties after the job. */
export const resolveInTempDirectory = (name: string): string => join(process.env['RUNNER_TEMP'] ?? '.', name);
