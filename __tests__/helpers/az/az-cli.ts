import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const PYTHON = '/usr/bin/python3';

/** Why the tests with the az CLI cannot run on this machine; undefined if they can. */
export function findAzProblem(): string | undefined {
  const az = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'az'))
    .find((path) => isExecutable(path));
  if (az === undefined) return 'az is not installed: apt-get install azure-cli';
  // Packages of Microsoft contain a Python of their own and newer versions, whose requests the emulator does not have.
  return readFileSync(az, 'utf8').startsWith(`#!${PYTHON}\n`)
    ? undefined
    : `${az} is not the one of Debian's package azure-cli`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The az CLI of this machine, imported once for many commands, with a configuration of its own. */
export interface AzCli {
  /** Variables with which a shell script runs it as `az`. */
  readonly env: Readonly<Record<string, string>>;
  /** For files of the scripts; removed by {@link close}. */
  readonly directory: string;
  close(): Promise<void>;
}

/** Starts the process that runs the commands, see `server.py`. */
export async function startAzCli(): Promise<AzCli> {
  const directory = mkdtempSync(join(tmpdir(), 'az-'));
  const socket = join(directory, 'socket');
  const client = join(import.meta.dirname, 'client.py');
  const az = join(directory, 'az');
  writeFileSync(az, `#!/bin/sh\nexec ${PYTHON} -I -S '${client}' "$@"\n`);
  chmodSync(az, 0o755);
  const env = {
    PATH: [directory, process.env['PATH']].join(delimiter),
    HOME: directory,
    AZ_SERVER: socket,
    AZURE_CONFIG_DIR: join(directory, 'config'),
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    AZURE_CORE_NO_COLOR: 'true',
  };
  const server = spawn(PYTHON, [join(import.meta.dirname, 'server.py'), socket], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const [first] = await Promise.race([once(server.stdout, 'data'), ended]);
  if (String(first).trim() !== 'ready') {
    remove();
    throw new Error(`The az CLI did not start: ${String(first)}`);
  }
  return {
    env,
    directory,
    close: async () => {
      server.stdin.end();
      await ended;
      remove();
    },
  };
}
