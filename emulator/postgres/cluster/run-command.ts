import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** The unprivileged account under which PostgreSQL runs when the emulator itself runs as root. */
export interface ServiceAccount {
  readonly uid: number;
  readonly gid: number;
}

export interface CommandOptions {
  /** Run as this account; without it as the emulator itself. */
  readonly account: ServiceAccount | undefined;
  /** The whole environment beside `PATH`: nothing of the caller's leaks into PostgreSQL. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/**
 * The account to run PostgreSQL under: none unless we are root, whom PostgreSQL refuses. It must stand in
 * `/etc/passwd`, for initdb looks itself up there; `nobody` is there on every Linux, and nothing is added to the system.
 *
 * @throws Error when we are root and the machine knows no other account.
 */
export async function findServiceAccount(): Promise<ServiceAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const entries = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((entry) => entry.uid > 0 && entry.gid > 0);
  const entry = entries.find(({ name }) => name === 'nobody') ?? entries[0];
  if (!entry) throw new Error('PostgreSQL cannot run as root, and /etc/passwd names no other account.');
  return { uid: entry.uid, gid: entry.gid };
}

/** What {@link runCommand} and the servers share: how to spawn under an account, away from a directory it may not enter. */
export function spawnOptions({ account, environment = {} }: CommandOptions) {
  return {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...environment },
    ...(account ?? {}),
  };
}

/**
 * Run a program to its end.
 *
 * @returns its standard output.
 * @throws Error with its standard error when it cannot be started or does not exit with 0.
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
