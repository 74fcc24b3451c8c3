import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { exampleValues } from '../../../workflow-runner/cli.ts';
import {
  type EmulatorProcess,
  startEmulatorProcess,
  stopEmulator,
} from '../../../workflow-runner/emulator-process.ts';
import { createGitHubControl, type RunResult, runWorkflow } from '../../../workflow-runner/run-workflow.ts';
import { repositoryRoot } from '../root.ts';
import { test as base } from './workflow-test.ts';

/** `test` for the workflows in examples/: `runExample` runs one, optionally on an event of examples/events/. */
export const test = base
  .extend('built', { scope: 'file' }, async () => inject('built'))
  // The checkout as after a build: `uses: ./` runs the bundle of the current sources, not the committed dist/.
  .extend('workspace', { scope: 'file' }, async ({ built }, { onCleanup }) => {
    const workspace = mkdtempSync(join(tmpdir(), 'workspace-'));
    onCleanup(() => rmSync(workspace, { recursive: true, force: true }));
    for (const entry of readdirSync(repositoryRoot).filter((name) => name !== 'dist')) {
      symlinkSync(join(repositoryRoot, entry), join(workspace, entry));
    }
    symlinkSync(built.bundle, join(workspace, 'dist'));
    return workspace;
  })
  // An emulator in its own process, as with `npm start`.
  .extend('emulator', { scope: 'file' }, async ({ built: _ }, { onCleanup }): Promise<EmulatorProcess> => {
    const flags = ['--provision', '200', '--firewall-delay', '100', '--blocked', 'reject', '--host-names'];
    const templates = ['--postgres-templates', inject('postgresTemplates')];
    const emulator = await startEmulatorProcess(repositoryRoot, [...flags, ...templates], false);
    onCleanup(() => stopEmulator(emulator));
    return emulator;
  })
  .extend('runExample', { scope: 'file' }, async ({ built, workspace, emulator }) => {
    const { env, clientSecret } = emulator;
    return (workflow: string, event?: string): Promise<RunResult> =>
      runWorkflow({
        file: join(repositoryRoot, 'examples', workflow),
        ...(event === undefined ? {} : { event: join(repositoryRoot, 'examples', 'events', event) }),
        workspace,
        env: { ...env, NODE_COMPILE_CACHE: built.compileCache },
        gitHub: createGitHubControl(emulator),
        ...exampleValues(env, clientSecret),
      });
  })
  // The values that no log may contain.
  .extend('secrets', { scope: 'file' }, async ({ emulator }) =>
    Object.values(exampleValues(emulator.env, emulator.clientSecret).secrets),
  );
