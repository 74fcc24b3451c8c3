import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asObject, asString, isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import { inheritedEnvironment } from './contexts.ts';

/** An emulator in its own process, as `npm run emulator` starts it. */
export interface EmulatorProcess {
  readonly pid: number;
  /** Base URL of the control API. This and the next three are from the emulator's ready line. */
  readonly control: string;
  /** Path of the root certificate. */
  readonly ca: string;
  readonly clientSecret: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** The folder with its standard output and standard error; removed when it stops. */
  readonly folder: string;
}

/** The emulator did not start, cannot be reached or rejected a change; the message states why. */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError';
}

// Generous limits that only end a hang: on a busy machine everything takes longer.
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 120_000;
const RESPONSE_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 50;

function parseJson(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    // The line is incomplete, or the file was changed manually.
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
  const stderr = readFileOr(join(folder, 'stderr'), '').trim() || '(nothing)';
  child.kill('SIGTERM');
  throw new EmulatorError(
    `The emulator did not start. Its standard error:\n${stderr}\nTo start it alone, run: npm run emulator`,
  );
}

// With this variable, which npm sets, the emulator exits when its parent exits. With --keep it must not.
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
  // In its own process group: after Ctrl-C the post steps still need the emulator.
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
 * @param outlivesParent whether it continues to run when this process exits.
 * @throws {EmulatorError} if it exits before that, or is not ready within two minutes.
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

/** Stops an emulator and waits until it has cleaned up (at most two minutes). */
export async function stopEmulator(emulator: EmulatorProcess): Promise<void> {
  try {
    process.kill(emulator.pid, 'SIGTERM');
  } catch {
    // It has already exited.
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isRunning(emulator.pid) && Date.now() < deadline) await delay(POLL_INTERVAL_MS);
  rmSync(emulator.folder, { recursive: true, force: true });
}

function runningEmulatorFile(root: string): string {
  return join(root, '.emulator', 'kept.json');
}

/** Saves how to reach a running emulator, for the next `npm start`; only this user can read the file. */
export function saveRunningEmulator(root: string, emulator: EmulatorProcess): void {
  mkdirSync(join(root, '.emulator'), { recursive: true, mode: 0o700 });
  writeFileSync(runningEmulatorFile(root), JSON.stringify(emulator), { mode: 0o600 });
}

/** Removes what {@link saveRunningEmulator} saved. */
export function clearRunningEmulator(root: string): void {
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

/** The emulator that an earlier `npm start` left running; undefined if none responds. */
export async function findRunningEmulator(root: string): Promise<EmulatorProcess | undefined> {
  const text = readFileOr(runningEmulatorFile(root), '');
  if (text === '') return undefined;
  const saved = parseJson(text);
  const pid = Number(saved['pid']);
  const folder = asString(saved['folder']) ?? '';
  const emulator = parseReadyLine(text, pid, folder);
  // Another process can have the process id by now, so the emulator must also respond.
  if (emulator !== undefined && isRunning(pid) && (await isResponding(emulator))) return emulator;
  if (emulator !== undefined) rmSync(folder, { recursive: true, force: true });
  clearRunningEmulator(root);
  return undefined;
}
