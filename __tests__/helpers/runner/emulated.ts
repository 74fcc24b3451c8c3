import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Emulator, startEmulator } from '../../../emulator/index.ts';
import type { JsonObject } from '../../../emulator/json.ts';
import { gitHubControl, type RunResult, runWorkflow } from '../../../emulator/runner/index.ts';
import { send } from '../emulator/http-client.ts';
import { root } from '../root.ts';
import { file, workspace } from './run.ts';

const events = join(root, 'examples', 'events');

/** The path of one of the events that people find in examples/events. */
export function exampleEvent(name: string): string {
  return join(events, `${name}.json`);
}

/** The payload of one of them. */
export function examplePayload(name: string): JsonObject {
  return JSON.parse(readFileSync(exampleEvent(name), 'utf8'));
}

export interface Emulated {
  readonly emulator: Emulator;
  /** Runs a workflow's text on an event's file, the emulated GitHub being told of it. */
  run(workflow: string, event?: string, secrets?: Readonly<Record<string, string>>): Promise<RunResult>;
  /** What `control/state` says of a repository. */
  repository(name?: string): Promise<Record<'pulls' | 'comments' | 'runs', Record<string, JsonObject>>>;
}

/** One emulator for a test file, and the runner against it. */
export function useRunner(): Emulated {
  const held = {} as { emulator: Emulator };
  beforeAll(async () => {
    held.emulator = await startEmulator();
  });
  afterAll(() => held.emulator.close());
  return {
    get emulator() {
      return held.emulator;
    },
    run: (workflow, event, secrets = {}) =>
      runWorkflow({
        ...{ file: file(workflow), workspace, event, secrets },
        env: held.emulator.ready.env,
        gitHub: gitHubControl(held.emulator.ready),
      }),
    repository: async (name = 'relecloud/space-travel') => {
      const answer = await send(held.emulator, 'GET', `${held.emulator.ready.control}/state`);
      return JSON.parse(answer.text).repositories[name];
    },
  };
}

/** A step that sends a request to GitHub's API by the job's token and prints `NAME: STATUS BODY`. */
export function request(name: string, method: string, path: string, body?: JsonObject): string {
  return `- if: always()
        env: { TOKEN: "\${{ github.token }}", BODY: '${body === undefined ? '' : JSON.stringify(body)}' }
        run: node request.mjs ${name} ${method} "${path}"`;
}
