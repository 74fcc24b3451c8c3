import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isObject, type JsonObject, objectOr, stringOr } from '../json.ts';
import { machineEnvironment } from './contexts.ts';

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
const readyWithin = 120_000;
const endWithin = 120_000;
const answersWithin = 30_000;
const pollEvery = 50;

function parseJson(text: string): JsonObject {
  try {
    return objectOr(JSON.parse(text));
  } catch {
    // A line that is not finished yet, or a file that someone changed.
    return {};
  }
}

function parseReady(line: string, pid: number, folder: string): EmulatorProcess | undefined {
  const ready = parseJson(line);
  if (!isObject(ready['env'])) return undefined;
  const control = stringOr(ready['control']);
  const ca = stringOr(ready['ca']);
  if (control === undefined || ca === undefined) return undefined;
  const env = Object.fromEntries(Object.entries(ready['env']).map(([name, value]) => [name, String(value)]));
  return { pid, control, ca, clientSecret: stringOr(ready['clientSecret']), env, folder };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

async function waitUntilReady(child: ChildProcess, folder: string): Promise<EmulatorProcess> {
  const deadline = Date.now() + readyWithin;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const [line, rest] = readOr(join(folder, 'stdout'), '').split('\n', 2);
    const ready = rest === undefined ? undefined : parseReady(line ?? '', child.pid ?? 0, folder);
    if (ready !== undefined) return ready;
    await delay(pollEvery);
  }
  const said = readOr(join(folder, 'stderr'), '').trim() || 'it wrote nothing to standard error';
  child.kill('SIGTERM');
  throw new EmulatorError(
    `The emulator did not become ready. It said:\n${said}\nTry it alone: npm run emulator`,
  );
}

// Under npm's name the emulator ends when its parent does, however that happens; one that is kept must not.
function environment(outlivesUs: boolean): Record<string, string> {
  return outlivesUs ? machineEnvironment() : { ...machineEnvironment(), npm_lifecycle_event: 'start' };
}

function launch(
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
 * @param outlivesUs whether it stays when this process ends.
 * @throws {EmulatorError} where it ends before, or is not ready within two minutes.
 */
export async function startEmulator(
  root: string,
  flags: readonly string[],
  outlivesUs: boolean,
): Promise<EmulatorProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
  try {
    return await waitUntilReady(launch(root, folder, flags, environment(outlivesUs)), folder);
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
  const deadline = Date.now() + endWithin;
  while (isRunning(emulator.pid) && Date.now() < deadline) await delay(pollEvery);
  rmSync(emulator.folder, { recursive: true, force: true });
}

function keptFile(root: string): string {
  return join(root, '.emulator', 'kept.json');
}

/** Remembers a running emulator for the next call; only this user can read its secrets. */
export function keepEmulator(root: string, emulator: EmulatorProcess): void {
  mkdirSync(join(root, '.emulator'), { recursive: true, mode: 0o700 });
  writeFileSync(keptFile(root), JSON.stringify(emulator), { mode: 0o600 });
}

export function forgetEmulator(root: string): void {
  rmSync(join(root, '.emulator'), { recursive: true, force: true });
}

async function answers(emulator: EmulatorProcess): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(
    `${emulator.control}/state`,
    { ca: readOr(emulator.ca, ''), timeout: answersWithin },
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
  const text = readOr(keptFile(root), '');
  if (text === '') return undefined;
  const kept = parseJson(text);
  const pid = Number(kept['pid']);
  const folder = stringOr(kept['folder']) ?? '';
  const emulator = parseReady(text, pid, folder);
  // The process id may belong to someone else by now, so it counts only with an answer from where it listened.
  if (emulator !== undefined && isRunning(pid) && (await answers(emulator))) return emulator;
  if (emulator !== undefined) rmSync(folder, { recursive: true, force: true });
  forgetEmulator(root);
  return undefined;
}
