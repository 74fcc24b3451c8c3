import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { resolveInTempDirectory, resolveInWorkspace } from '../common/paths.ts';
import { formatDuration } from '../common/polling.ts';
import { closePipeWriter, drainOutput, MigrationOutput, openPipe } from './migration-output.ts';
import { killProcessTree, PROCESS_TAG_VARIABLE } from './process-tree.ts';

/** A migration command and its environment. */
export interface MigrationCommand {
  readonly command: string;
  readonly workingDirectory: string;
  /** Time limit in milliseconds; undefined: that of the run. */
  readonly timeoutMs: number | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** Identifies all processes that the command starts, see {@link PROCESS_TAG_VARIABLE}. */
  readonly tag: string;
  /** Called when the running command gets SIGTERM. */
  readonly onTerminate?: () => void;
}

/** How a command ended. */
export interface MigrationResult {
  /** Follows "The migration command"; undefined on exit code 0. */
  readonly failure: string | undefined;
  /** The last lines of its output. */
  readonly output: string;
  /** Number of its processes that were still running and were ended. */
  readonly terminatedProcesses: number;
}

/** Variables that `run:` steps do not have, or that the migration must not get. */
const EXCLUDED_ENV = [
  /^INPUT_/,
  /^STATE_/,
  /^GITHUB_STATE$/,
  /^ACTIONS_ID_TOKEN_/,
  /^ACTIONS_(RUNTIME|RESULTS|CACHE)_/,
  /^AZURE_CLIENT_SECRET$/,
];

/**
 * The environment of a `run:` step and the connection, without the excluded variables.
 * @param applicationName identifies the migration's sessions; not used if the workflow has set PGAPPNAME
 */
export function migrationEnvironment(
  env: NodeJS.ProcessEnv,
  connection: ReadonlyMap<string, string>,
  applicationName: string,
): NodeJS.ProcessEnv {
  const allowed = Object.entries(env).filter(([name]) => !EXCLUDED_ENV.some((pattern) => pattern.test(name)));
  return {
    ...Object.fromEntries(allowed),
    PGAPPNAME: env['PGAPPNAME'] || applicationName,
    ...Object.fromEntries(connection),
  };
}

/**
 * Runs the user's command as the runner runs a step (bash; pwsh on Windows). Its output streams to standard output with
 * workflow commands stopped. Only the exit code decides about success, not a NOTICE on standard error. Processes that it
 * leaves running are ended before workflow commands resume, also after exit code 0.
 * @param signal ends the command with its process tree
 * @throws the signal's reason
 */
export async function runMigrationCommand(
  migration: MigrationCommand,
  signal: AbortSignal,
): Promise<MigrationResult> {
  signal.throwIfAborted();
  const { file, shell, args } = await writeScript(migration.command);
  const output = new MigrationOutput();
  await output.stopCommands();
  try {
    const { child, sources } = await spawnCommand(migration, shell, args);
    const relayed = Promise.all(sources.map((source) => output.relay(source)));
    const failure = await waitForExit(child, migration, signal);
    const terminatedProcesses = await killProcessTree(child, migration.tag);
    await drainOutput(sources, relayed);
    signal.throwIfAborted();
    return { failure, output: output.tail, terminatedProcesses };
  } finally {
    await output.resumeCommands();
    await rm(file, { force: true });
  }
}

/** Starts the command. Standard output and standard error go to one pipe if named pipes exist. */
async function spawnCommand(
  { workingDirectory, environment, tag }: MigrationCommand,
  shell: string,
  args: readonly string[],
): Promise<{ child: ChildProcess; sources: readonly Readable[] }> {
  const options: SpawnOptions = {
    cwd: resolveInWorkspace(workingDirectory),
    env: { ...environment, [PROCESS_TAG_VARIABLE]: tag },
    // A separate process group, so that all of it can be ended.
    detached: process.platform !== 'win32',
    windowsHide: true,
  };
  const pipe = await openPipe();
  if (pipe === undefined) {
    const child = spawn(shell, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    return { child, sources: [child.stdout, child.stderr].filter((stream) => stream !== null) };
  }
  try {
    const child = spawn(shell, args, { ...options, stdio: ['ignore', pipe.writer, pipe.writer] });
    return { child, sources: [pipe.reader] };
  } finally {
    closePipeWriter(pipe);
  }
}

async function writeScript(
  command: string,
): Promise<{ file: string; shell: string; args: readonly string[] }> {
  const extension = process.platform === 'win32' ? 'ps1' : 'sh';
  const file = resolveInTempDirectory(`${randomUUID()}.${extension}`);
  const { text, shell, args } = createScript(command, file, process.platform);
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  return { file, shell, args };
}

/** The text of a script file, and how it is run. */
interface Script {
  readonly text: string;
  readonly shell: string;
  readonly args: readonly string[];
}

/** Bash, and pwsh on Windows, with the options of the runner for a step. */
export function createScript(command: string, file: string, platform: NodeJS.Platform): Script {
  if (platform !== 'win32')
    return { text: command, shell: 'bash', args: ['--noprofile', '--norc', '-eo', 'pipefail', file] };
  return {
    text: `$ErrorActionPreference = 'stop'\n${command}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }\n`,
    shell: 'pwsh',
    args: ['-command', `. '${file.replaceAll("'", "''")}'`],
  };
}

/**
 * Resolves when the command has ended, has reached its time limit, or the signal is aborted.
 * @returns the failure, see {@link MigrationResult}
 */
async function waitForExit(
  child: ChildProcess,
  { timeoutMs, onTerminate }: MigrationCommand,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const terminate = (reason: string): void => {
    onTerminate?.();
    resolve(reason);
  };
  const onAbort = (): void => terminate('was ended');
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          terminate(
            `took longer than migration-timeout-minutes (${formatDuration(timeoutMs)}) and was ended`,
          );
        }, timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) => resolve(`could not be started: ${error.message}`));
  child.once('exit', (code, killedBy) => {
    if (code === 0) resolve(undefined);
    else resolve(code === null ? `was ended by ${killedBy}` : `ended with exit code ${code}`);
  });
  if (signal.aborted) onAbort();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
