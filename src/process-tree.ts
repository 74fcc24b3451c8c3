import { type ChildProcess, execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Milliseconds between the polite signal and SIGKILL; GitHub leaves 7.5 s between its own (so we end before it does). */
const politeness = 4000;

/**
 * Ends a detached child with everything it started: SIGTERM to its process group and to descendants that left the
 * group, then SIGKILL to what is still there. Resolves when the child itself has gone.
 */
export async function endProcessTree(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    await run('taskkill', ['/pid', String(pid), '/t', '/f']).catch(() => {});
    return;
  }
  const members = await descendants(pid);
  signalAll(pid, members, 'SIGTERM');
  const end = performance.now() + politeness;
  while (performance.now() < end && (isAlive(-pid) || members.some(isAlive))) await sleep(50);
  signalAll(pid, [...members, ...(await descendants(pid))], 'SIGKILL');
}

function signalAll(pid: number, members: readonly number[], signal: NodeJS.Signals): void {
  for (const target of [-pid, ...members]) {
    try {
      process.kill(target, signal);
    } catch {
      // Gone already.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Process ids below `root` by parentage; none where there is no `ps`, and the group alone is ended then. */
async function descendants(root: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']).catch(() => ({ stdout: '' }));
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found: number[] = [];
  for (let parents = [root]; parents.length > 0; ) {
    parents = rows.flatMap(([pid, parent]) => (pid && parent && parents.includes(parent) ? [pid] : []));
    found.push(...parents);
  }
  return found;
}
