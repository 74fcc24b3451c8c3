import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { startEmulator } from '../../../emulator/emulator.ts';
import {
  createGitHubControl,
  type RunOptions,
  type RunResult,
} from '../../../workflow-runner/run-workflow.ts';
import { send } from '../emulator/http-client.ts';
import { repositoryRoot } from '../root.ts';
import { test as base } from './workflow-test.ts';

const eventsDirectory = join(repositoryRoot, 'examples', 'events');

/** The path of an event in examples/events. */
export function exampleEventPath(name: string): string {
  return join(eventsDirectory, `${name}.json`);
}

/** The payload of an event in examples/events. */
export function examplePayload(name: string): JsonObject {
  return JSON.parse(readFileSync(exampleEventPath(name), 'utf8'));
}

/** A repository in the response of `control/state`. */
type RepositoryState = Record<'pulls' | 'comments' | 'runs', Record<string, JsonObject>>;

/**
 * `test` with one emulator for each file. `runOnAzure` runs a workflow's text against it and reports the run to its
 * GitHub; `repository` reads a repository's state from it.
 */
export const test = base
  .extend('emulator', { scope: 'file' }, async ({ compileCache: _ }, { onCleanup }) => {
    const emulator = await startEmulator();
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('runOnAzure', { scope: 'file' }, async ({ emulator, run }) => {
    return (workflow: string, options: Partial<RunOptions> = {}): Promise<RunResult> =>
      run(workflow, {
        env: emulator.readyLine.env,
        gitHub: createGitHubControl(emulator.readyLine),
        ...options,
      });
  })
  .extend('repository', { scope: 'file' }, async ({ emulator }) => {
    return async (name = 'relecloud/space-travel'): Promise<RepositoryState> => {
      const response = await send(emulator, 'GET', `${emulator.readyLine.control}/state`);
      return JSON.parse(response.text).repositories[name];
    };
  });

/** A step that sends a request to GitHub's API with the job's token and prints `NAME: STATUS BODY`. */
export function apiRequestStep(name: string, method: string, path: string, body?: JsonObject): string {
  return `- if: always()
        env: { TOKEN: "\${{ github.token }}", BODY: '${body === undefined ? '' : JSON.stringify(body)}' }
        run: node request.mjs ${name} ${method} "${path}"`;
}
