import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asObject, asString, isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import { inheritedEnvironment } from './contexts.ts';

/** An emulator that runs beside this process, as `npm run emulator` starts it. */
export interface EmulatorProcess {
  readonly pid: number;
  /** The emulator's ready line. */
  readonly control: string;
  readonly ca: string;
  readonly clientSecret: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Where its output goes; removed with it. */
  readonly folder: string;
}

/** The emulator could not be started; the message holds what it wrote. */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError';
}

// They only end a hang: on a busy machine everything takes longer.
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 120_000;
const RESPONSE_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 50;

function parseJson(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    // A line that is not finished yet, or a file that someone changed.
    return {};
  }
}

function parseReadyLine(line: string, pid: number, folder: string): EmulatorProcess | undefined {
  const ready = parseJson(line);
  if (!isJsonObject(ready['env'])) return undefined;
  const control = asString(ready['control']);
  const ca = asString(ready['ca']);
  if (control === undefined || ca === undefined) return undefined;
  const env = Object.fromEntries(Object.entries(ready['env']).map(([name, value]) => [name, String(value)]));
  return { pid, control, ca, clientSecret: asString(ready['clientSecret']), env, folder };
}

function readFileOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

async function waitUntilReady(child: ChildProcess, folder: string): Promise<EmulatorProcess> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const [line, rest] = readFileOr(join(folder, 'stdout'), '').split('\n', 2);
    const ready = rest === undefined ? undefined : parseReadyLine(line ?? '', child.pid ?? 0, folder);
    if (ready !== undefined) return ready;
    await delay(POLL_INTERVAL_MS);
  }
  const stderr = readFileOr(join(folder, 'stderr'), '').trim() || 'it wrote nothing to standard error';
  child.kill('SIGTERM');
  throw new EmulatorError(
    `The emulator did not become ready. It said:\n${stderr}\nTry it alone: npm run emulator`,
  );
}

// Under npm's name the emulator ends when its parent does, however that happens; one that is kept must not.
function emulatorEnvironment(outlivesParent: boolean): Record<string, string> {
  return outlivesParent
    ? inheritedEnvironment()
    : { ...inheritedEnvironment(), npm_lifecycle_event: 'start' };
}

function spawnEmulator(
  root: string,
  folder: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const output = (name: string) => openSync(join(folder, name), 'w', 0o600);
  // A process group of its own: Ctrl-C must leave the emulator to the post steps.
  const child = spawn(process.execPath, ['emulator/cli.ts', ...flags], {
    cwd: root,
    env,
    stdio: ['ignore', output('stdout'), output('stderr')],
    detached: true,
  });
  child.unref();
  return child;
}

/**
 * Starts the emulator and waits until it is ready.
 * @param root the project's folder.
 * @param flags for `emulator/cli.ts`.
 * @param outlivesParent whether it stays when this process ends.
 * @throws {EmulatorError} where it ends before, or is not ready within two minutes.
 */
export async function startEmulatorProcess(
  root: string,
  flags: readonly string[],
  outlivesParent: boolean,
): Promise<EmulatorProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
  try {
    return await waitUntilReady(
      spawnEmulator(root, folder, flags, emulatorEnvironment(outlivesParent)),
      folder,
    );
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ends an emulator and waits until it has cleaned up after itself (at most two minutes). */
export async function stopEmulator(emulator: EmulatorProcess): Promise<void> {
  try {
    process.kill(emulator.pid, 'SIGTERM');
  } catch {
    // It has ended already.
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isRunning(emulator.pid) && Date.now() < deadline) await delay(POLL_INTERVAL_MS);
  rmSync(emulator.folder, { recursive: true, force: true });
}

function keptEmulatorFile(root: string): string {
  return join(root, '.emulator', 'kept.json');
}

/** Remembers a running emulator for the next call; only this user can read its secrets. */
export function saveKeptEmulator(root: string, emulator: EmulatorProcess): void {
  mkdirSync(join(root, '.emulator'), { recursive: true, mode: 0o700 });
  writeFileSync(keptEmulatorFile(root), JSON.stringify(emulator), { mode: 0o600 });
}

export function clearKeptEmulator(root: string): void {
  rmSync(join(root, '.emulator'), { recursive: true, force: true });
}

async function isResponding(emulator: EmulatorProcess): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(
    `${emulator.control}/state`,
    { ca: readFileOr(emulator.ca, ''), timeout: RESPONSE_TIMEOUT_MS },
    (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    },
  );
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(false));
  return promise;
}

/** The emulator that an earlier call kept, undefined where there is none that still answers. */
export async function findKeptEmulator(root: string): Promise<EmulatorProcess | undefined> {
  const text = readFileOr(keptEmulatorFile(root), '');
  if (text === '') return undefined;
  const kept = parseJson(text);
  const pid = Number(kept['pid']);
  const folder = asString(kept['folder']) ?? '';
  const emulator = parseReadyLine(text, pid, folder);
  // The process id may belong to someone else by now, so it counts only with an answer from where it listened.
  if (emulator !== undefined && isRunning(pid) && (await isResponding(emulator))) return emulator;
  if (emulator !== undefined) rmSync(folder, { recursive: true, force: true });
  clearKeptEmulator(root);
  return undefined;
}
