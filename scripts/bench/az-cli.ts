import { execFile } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchEmulator } from './bench-emulator.ts';

const AZ = '/usr/bin/az';
const PYTHON = '/usr/bin/python3';
const exec = promisify(execFile);

/** Why the az CLI cannot be measured on this machine; undefined if it can. */
export function findAzProblem(): string | undefined {
  try {
    accessSync(AZ, constants.X_OK);
  } catch {
    return `${AZ} is not installed (Debian’s package azure-cli)`;
  }
  // Packages of Microsoft contain a Python of their own and newer versions, whose requests the emulator does not have.
  return readFileSync(AZ, 'utf8').startsWith(`#!${PYTHON}\n`)
    ? undefined
    : `${AZ} is not the one of Debian’s package azure-cli`;
}

/** A shell in which `az` has the emulator as its cloud, and is not signed in. */
export class AzShell {
  readonly #env: Readonly<Record<string, string>>;

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** @param parent a folder for its files */
  static async open(
    emulator: BenchEmulator,
    parent: string,
    env: Readonly<Record<string, string>>,
  ): Promise<AzShell> {
    const directory = mkdtempSync(join(parent, 'az-'));
    const programs = join(directory, 'bin');
    mkdirSync(programs);
    const az = join(programs, 'az');
    writeFileSync(az, `#!/bin/sh\nexec ${PYTHON} ${fileURLToPath(new URL('az.py', import.meta.url))} "$@"\n`);
    chmodSync(az, 0o755);
    const { env: emulatorEnv, graph, ca } = emulator.readyLine;
    const endpoints = {
      resourceManager: emulatorEnv['AZURE_RESOURCE_MANAGER_ENDPOINT'],
      activeDirectory: emulatorEnv['AZURE_AUTHORITY_HOST'],
      activeDirectoryResourceId: 'https://management.core.windows.net/',
      activeDirectoryGraphResourceId: graph,
      microsoftGraphResourceId: graph,
    };
    writeFileSync(join(directory, 'cloud.json'), JSON.stringify({ endpoints }));
    const shell = new AzShell({
      ...emulatorEnv,
      ...env,
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      HOME: directory,
      AZURE_CONFIG_DIR: join(directory, 'config'),
      AZURE_CORE_COLLECT_TELEMETRY: 'false',
      AZURE_CORE_NO_COLOR: 'true',
      REQUESTS_CA_BUNDLE: ca,
      GITHUB_ENV: join(directory, 'github-env'),
    });
    await shell.run(
      `az cloud register --name Emulator --cloud-config @'${directory}/cloud.json' && az cloud set --name Emulator`,
    );
    return shell;
  }

  /** Runs commands of bash. @returns milliseconds @throws Error with their output if they fail */
  async run(commands: string): Promise<number> {
    const start = performance.now();
    await exec('bash', ['-c', commands], { env: this.#env });
    return performance.now() - start;
  }
}
