import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** The unprivileged account under which PostgreSQL runs when the emulator itself runs as root. */
export interface ServiceAccount {
  readonly uid: number;
  readonly gid: number;
}

export interface CommandOptions {
  /** The account to run as; undefined for the account of the emulator. */
  readonly account: ServiceAccount | undefined;
  /** The only variables besides `PATH`: the emulator's environment does not reach PostgreSQL. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/**
 * The account for PostgreSQL, which refuses to run as root; undefined if the emulator does not run as root. The account
 * must be in `/etc/passwd`, because initdb reads it there. `nobody` exists on every Linux.
 *
 * @throws Error if the emulator runs as root and the machine has no other account.
 */
export async function findServiceAccount(): Promise<ServiceAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const entries = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((entry) => entry.uid > 0 && entry.gid > 0);
  const entry = entries.find(({ name }) => name === 'nobody') ?? entries[0];
  if (!entry) throw new Error('PostgreSQL cannot run as root, and /etc/passwd has no other account.');
  return { uid: entry.uid, gid: entry.gid };
}

/** Options for `spawn`. The working directory is `/`, because the account may not have access to the current one. */
export function spawnOptions({ account, environment = {} }: CommandOptions) {
  return {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...environment },
    ...(account ?? {}),
  };
}

/**
 * Run a program until it exits.
 *
 * @returns its standard output.
 * @throws Error with its standard error if it does not start or does not exit with 0.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...spawnOptions(options), stdio: 'pipe' });
    const stdoutChunks: string[] = [];
    const stderrChunks: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => stdoutChunks.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => stderrChunks.push(text));
    child.stdin.on('error', () => {}).end(options.input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdoutChunks.join(''));
      else reject(new Error(`${command} ended with ${code ?? signal}: ${stderrChunks.join('').trim()}`));
    });
  });
}
