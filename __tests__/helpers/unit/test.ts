import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, vi } from 'vitest';
import { FakeGitHub } from './fake-github.ts';
import { type RunInFakeTime, runInFakeTime, useFakeTime } from './fake-time.ts';
import { type MigrationOptions, type RunningMigration, startMigration } from './migration-process.ts';

/**
 * The unit tests' `test`, with what a test has to clean up. The files of a worker share modules, environment and
 * timers, so each fixture restores what it changes.
 */
export const test = base
  .extend('inFakeTime', async ({ onTestFinished }): Promise<RunInFakeTime> => {
    onTestFinished(useFakeTime());
    return runInFakeTime;
  })
  /** A new folder, which is `GITHUB_WORKSPACE`. */
  .extend('workspace', async ({ onTestFinished }): Promise<string> => {
    const workspace = mkdtempSync(join(tmpdir(), 'workspace-'));
    vi.stubEnv('GITHUB_WORKSPACE', workspace);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(workspace, { recursive: true });
    });
    return workspace;
  })
  /** A server at `GITHUB_API_URL` that no request has reached yet. */
  .extend('gitHub', async ({ onTestFinished }): Promise<FakeGitHub> => {
    const gitHub = new FakeGitHub();
    await gitHub.listen();
    vi.stubEnv('GITHUB_API_URL', gitHub.url);
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await gitHub.close();
    });
    return gitHub;
  })
  .extend(
    'migration',
    async ({ onTestFinished }): Promise<(given: MigrationOptions) => RunningMigration> =>
      (given) => {
        const running = startMigration(given);
        onTestFinished(running.close);
        return running;
      },
  );
