import { type ChildProcess, execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Milliseconds between the polite signal and SIGKILL; GitHub leaves 7.5 s between its own (so we end before it does). */
const politeness = 4000;

/**
 * The environment variable by whose value everything is found that a command started, also what has left its process
 * group and lost its parent (as the runner finds orphans by RUNNER_TRACKING_ID). Linux alone shows environments.
 */
export const markVariable = 'AZURE_POSTGRESQL_ACTION_MIGRATION';

/**
 * Ends a detached child with everything it started: SIGTERM to its process group, to its descendants and to whatever
 * bears the mark, then SIGKILL to what is still there.
 * @param mark the child's value of {@link markVariable}
 */
export async function endProcessTree(child: ChildProcess, mark: string): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    await run('taskkill', ['/pid', String(pid), '/t', '/f']).catch(() => {});
    return;
  }
  await end(async () => [-pid, ...(await descendants(pid)), ...(await marked(mark))]);
}

/** Ends what still bears the mark, after its parent was killed; nothing where there is no mark. */
export async function endMarked(mark: string | undefined): Promise<void> {
  if (mark !== undefined) await end(() => marked(mark));
}

async function end(find: () => Promise<readonly number[]>): Promise<void> {
  const members = await find();
  signalAll(members, 'SIGTERM');
  const patience = performance.now() + politeness;
  while (performance.now() < patience && members.some(isAlive)) await sleep(50);
  signalAll([...members, ...(await find())], 'SIGKILL');
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
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

/** Process ids that bear the mark; none where there is no /proc. */
async function marked(mark: string): Promise<readonly number[]> {
  const entry = `${markVariable}=${mark}`;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const bears = await Promise.all(
    // Other users' processes cannot be read, and are not ours.
    pids.map((pid) =>
      readFile(`/proc/${pid}/environ`, 'utf8')
        .then((text) => text.split('\0').includes(entry))
        .catch(() => false),
    ),
  );
  return pids.filter((_, i) => bears[i]).map(Number);
}
