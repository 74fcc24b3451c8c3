import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import {
  type EmulatorProcess,
  startEmulatorProcess,
  stopEmulator,
} from '../../../workflow-runner/emulator-process.ts';
import {
  exampleProject,
  exampleValues,
  machineEnvironment,
} from '../../../workflow-runner/example-project.ts';
import { type GitHubTexts, readGitHubTexts } from '../../../workflow-runner/github-report.ts';
import {
  createGitHubControl,
  type RunOptions,
  type RunResult,
  runWorkflow,
} from '../../../workflow-runner/run-workflow.ts';
import { repositoryRoot } from '../root.ts';
import { test as base } from './workflow-test.ts';

/** `test` for the workflows in examples/: `runExample` runs one, optionally on an event of examples/events/. */
export const test = base
  .extend('built', { scope: 'file' }, async () => inject('built'))
  // The action as after a build: the bundle of the current sources, not the committed dist/.
  .extend('action', { scope: 'file' }, async ({ built }, { onCleanup }) => {
    const action = mkdtempSync(join(tmpdir(), 'action-'));
    onCleanup(() => rmSync(action, { recursive: true, force: true }));
    symlinkSync(join(repositoryRoot, 'action.yml'), join(action, 'action.yml'));
    symlinkSync(built.bundle, join(action, 'dist'));
    return action;
  })
  // An emulator in its own process, as with `npm start`.
  .extend('emulator', { scope: 'file' }, async ({ built: _ }, { onCleanup }): Promise<EmulatorProcess> => {
    const flags = ['--provision', '200', '--firewall-delay', '100', '--blocked', 'reject', '--host-names'];
    const templates = ['--postgres-templates', inject('postgresTemplates')];
    const emulator = await startEmulatorProcess(repositoryRoot, [...flags, ...templates], false);
    onCleanup(() => stopEmulator(emulator));
    return emulator;
  })
  .extend('runExample', { scope: 'file' }, async ({ built, action, emulator }) => {
    return (workflow: string, event?: string, options: Partial<RunOptions> = {}): Promise<RunResult> => {
      const file = join(repositoryRoot, 'examples', workflow);
      return runWorkflow({
        file,
        ...(event === undefined ? {} : { event: join(repositoryRoot, 'examples', 'events', event) }),
        repository: exampleProject(repositoryRoot, file),
        action,
        gitHub: createGitHubControl(emulator),
        ...exampleValues(emulator.env, emulator.clientSecret),
        ...options,
        env: { ...machineEnvironment(emulator.env), NODE_COMPILE_CACHE: built.compileCache, ...options.env },
      });
    };
  })
  // The comments and issues in the emulated GitHub, see readGitHubTexts.
  .extend('gitHubTexts', { scope: 'file' }, async ({ emulator }) => {
    const gitHub = createGitHubControl(emulator);
    return async (): Promise<GitHubTexts> => readGitHubTexts(await gitHub.readState());
  })
  // The values that no log may contain.
  .extend('secrets', { scope: 'file' }, async ({ emulator }) =>
    Object.values(exampleValues(emulator.env, emulator.clientSecret).secrets),
  );
