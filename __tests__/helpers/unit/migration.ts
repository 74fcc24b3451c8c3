import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { tests } from '../root.ts';

const fixture = join(tests, 'helpers', 'unit', 'run-migration.ts');

/** A migration in a process of its own, in a workspace and a temporary folder of its own. */
export interface RunningMigration {
  readonly child: ChildProcess;
  readonly workspace: string;
  readonly temporary: string;
  readonly ended: Promise<{ readonly outcome: string; readonly stdout: string; readonly stderr: string }>;
}

export interface GivenMigration {
  readonly command: string;
  readonly workingDirectory?: string;
  readonly timeout?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

export function startMigration(given: GivenMigration): RunningMigration {
  const workspace = mkdtempSync(join(tmpdir(), 'migration-workspace-'));
  const temporary = mkdtempSync(join(tmpdir(), 'migration-temp-'));
  const child = spawn(process.execPath, [fixture, JSON.stringify(given)], {
    env: { ...process.env, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temporary },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    for (const folder of [workspace, temporary]) rmSync(folder, { recursive: true, force: true });
  });
  const { stdout, stderr } = child;
  const report = child.stdio[3];
  if (
    stdout === null ||
    stderr === null ||
    report === null ||
    report === undefined ||
    !('readable' in report)
  ) {
    throw new Error('the migration has no pipes');
  }
  const texts = Promise.all([
    text(stdout),
    text(stderr),
    text(report as NodeJS.ReadableStream & AsyncIterable<Buffer>),
  ]);
  const ended = Promise.all([texts, once(child, 'exit')]).then(([[out, err, said]]) => ({
    outcome: said === '' ? err : String(JSON.parse(said)),
    stdout: out,
    stderr: err,
  }));
  return { child, workspace, temporary, ended };
}
