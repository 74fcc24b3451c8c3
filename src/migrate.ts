import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { fail } from './errors.ts';
import { inTemporaryFolder, inWorkspace } from './folders.ts';
import { endProcessTree, markVariable } from './process-tree.ts';
import { duration } from './waiting.ts';

/** What a migration runs with. */
export interface Migration {
  readonly command: string;
  readonly workingDirectory: string;
  /** In milliseconds; undefined: the run's own limit. */
  readonly timeout: number | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** By which everything is found that the command starts. */
  readonly mark: string;
}

/** What `run:` steps do not have, or what the migration has no business with (design.md, the migration's environment). */
const takenAway = [
  /^INPUT_/,
  /^STATE_/,
  /^GITHUB_STATE$/,
  /^ACTIONS_ID_TOKEN_/,
  /^ACTIONS_RUNTIME_TOKEN$/,
  /^AZURE_CLIENT_SECRET$/,
];

/** The environment of a `run:` step plus the connection, less what is taken away. */
export function migrationEnvironment(
  env: NodeJS.ProcessEnv,
  connection: ReadonlyMap<string, string>,
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !takenAway.some((pattern) => pattern.test(name)));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(connection) };
}

/**
 * Runs the user's command as the runner would run it in a step (bash; pwsh on Windows), its output streaming to ours
 * with workflow commands stopped. Judged by its exit code alone: a NOTICE on standard error is no failure.
 * @param signal ends it with its whole process tree; its reason is thrown then
 * @throws `migration-failed`, or the signal's reason
 */
export async function migrate(migration: Migration, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { file, shell, args } = await script(migration.command);
  const token = randomUUID();
  const limit = migration.timeout === undefined ? [] : [timeLimit(migration.timeout)];
  process.stdout.write(`::stop-commands::${token}\n`);
  try {
    const child = spawn(shell, args, {
      cwd: inWorkspace(migration.workingDirectory),
      env: { ...migration.environment, [markVariable]: migration.mark },
      stdio: ['ignore', 'inherit', 'inherit'],
      // A group of its own, so that the whole of it can be ended.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    await outcome(child, migration.mark, AbortSignal.any([signal, ...limit]));
  } finally {
    // On a line of its own, wherever the command's output ended.
    process.stdout.write(`\n::${token}::\n`);
    await rm(file, { force: true });
  }
}

function timeLimit(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const reason = fail('migration-failed', {
    reason: `took longer than migration-timeout-minutes (${duration(milliseconds)}) and was ended`,
  });
  setTimeout(() => controller.abort(reason), milliseconds).unref();
  return controller.signal;
}

async function script(command: string): Promise<{ file: string; shell: string; args: readonly string[] }> {
  if (process.platform === 'win32') {
    const file = inTemporaryFolder(`${randomUUID()}.ps1`);
    const body = `$ErrorActionPreference = 'stop'\n${command}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }\n`;
    await writeFile(file, body, { mode: 0o600, flag: 'wx' });
    return { file, shell: 'pwsh', args: ['-command', `. '${file}'`] };
  }
  const file = inTemporaryFolder(`${randomUUID()}.sh`);
  await writeFile(file, command, { mode: 0o600, flag: 'wx' });
  return { file, shell: 'bash', args: ['--noprofile', '--norc', '-eo', 'pipefail', file] };
}

/** Resolves on exit code 0; ends the process tree when the signal aborts. */
async function outcome(child: ChildProcess, mark: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  const end = async (): Promise<void> => {
    await endProcessTree(child, mark);
    reject(signal.reason);
  };
  const onAbort = (): void => void end().catch(reject);
  signal.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) =>
    reject(fail('migration-failed', { reason: `could not be started: ${error.message}` }, { cause: error })),
  );
  child.once('exit', (code, killedBy) => {
    if (signal.aborted) return;
    if (code === 0) done();
    else
      reject(
        fail('migration-failed', {
          reason: code === null ? `was ended by ${killedBy}` : `ended with exit code ${code}`,
        }),
      );
  });
  if (signal.aborted) onAbort();
  await promise.finally(() => signal.removeEventListener('abort', onAbort));
}
