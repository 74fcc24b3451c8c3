import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as base, describe, expect } from 'vitest';
import { runMigrationCommand } from '../../src/migration/migration-command.ts';
import { runInContext } from '../helpers/process-context.ts';
import { isRunning as isRunningOnLinux } from '../helpers/unit/migration-process.ts';

/** Quoted so that bash and pwsh both pass it as one argument; it must not contain quotes, `$` or backticks. */
const node = (script: string): string => `node -e "${script}"`;

interface MigrationRun {
  /** Undefined on exit code 0. */
  readonly failure: string | undefined;
  /** Lines of standard output, without empty ones. */
  readonly lines: readonly string[];
}

interface Folders {
  readonly workspace: string;
  readonly temp: string;
}

const test = base.extend('folders', async ({ onTestFinished }): Promise<Folders> => {
  const root = mkdtempSync(join(tmpdir(), "smoke o'neil "));
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 10 }));
  const folders = { workspace: join(root, 'workspace'), temp: join(root, 'temp') };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  return folders;
});

/** Runs a command as the action does: in pwsh on Windows, in bash elsewhere. */
async function runCommand(
  { workspace, temp }: Folders,
  command: string,
  { workingDirectory = '.', signal = new AbortController().signal } = {},
): Promise<MigrationRun> {
  let output = '';
  const onOutput = (text: string): void => {
    output += text;
  };
  const env = { ...process.env, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp };
  const { failure } = await runInContext({ env, onOutput }, () =>
    runMigrationCommand(
      {
        command,
        workingDirectory,
        timeoutMs: undefined,
        environment: { ...env, DB_HOST: 'db.example' },
        tag: randomUUID(),
      },
      signal,
    ),
  );
  return { failure, lines: output.split(/\r?\n/).filter((line) => line !== '') };
}

/** Whether a process runs. On Linux, one that has ended can remain as a zombie. */
function isRunning(pid: number): boolean {
  if (process.platform === 'linux') return isRunningOnLinux(String(pid));
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a migration command in the shell of this system', () => {
  test('has the connection in its environment, and its output cannot be a workflow command', async ({
    folders,
  }) => {
    const script = 'console.log(process.env.DB_HOST); console.log(process.argv[1])';
    const { failure, lines } = await runCommand(folders, `${node(script)} "::error::x"`);
    expect(failure).toBeUndefined();
    const [, token] = /^::stop-commands::(\S{20,})$/.exec(lines[0] ?? '') ?? [];
    expect(lines.slice(1)).toEqual(['db.example', '::error::x', `::${token}::`]);
  });

  test('runs in its working directory, and leaves no script file', async ({ folders }) => {
    mkdirSync(join(folders.workspace, 'db'));
    const script = 'process.getBuiltinModule(process.argv[1]).writeFileSync(process.argv[2], String())';
    const { failure } = await runCommand(folders, `${node(script)} fs here`, { workingDirectory: 'db' });
    expect(failure).toBeUndefined();
    expect(existsSync(join(folders.workspace, 'db', 'here'))).toBe(true);
    expect(readdirSync(folders.temp)).toEqual([]);
  });

  test('fails with the exit code of its last program, and succeeds after output on standard error', async ({
    folders,
  }) => {
    expect((await runCommand(folders, node('process.exit(3)'))).failure).toBe('ended with exit code 3');
    expect((await runCommand(folders, node('console.error(1)'))).failure).toBeUndefined();
  });

  test('is ended with the processes that it has started if the job is cancelled', async ({ folders }) => {
    const pidFile = join(folders.workspace, 'pids');
    const controller = new AbortController();
    const running = runCommand(folders, `node "${join(import.meta.dirname, 'process-family.mjs')}" pids`, {
      signal: controller.signal,
    });
    const ended = expect(running).rejects.toThrow('the job was cancelled');
    while (!existsSync(pidFile) || !readFileSync(pidFile, 'utf8').endsWith('\n')) await sleep(20);
    const pids = readFileSync(pidFile, 'utf8').trim().split(' ').map(Number);
    expect(pids.map(isRunning)).toEqual([true, true]);
    controller.abort(new Error('the job was cancelled'));
    await ended;
    while (pids.some(isRunning)) await sleep(20);
  });
});
