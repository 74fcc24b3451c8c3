import { type ChildProcess, execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Milliseconds between SIGTERM and SIGKILL; GitHub leaves 7.5 s between its own signals (so we end before it does). */
const SIGTERM_GRACE_MS = 4000;

/** Milliseconds for processes to disappear after SIGKILL; one that hangs in the kernel may stay. */
const SIGKILL_WAIT_MS = 1000;

/** Milliseconds between two looks at the processes that are being ended. */
const POLL_INTERVAL_MS = 100;

/**
 * The environment variable by whose value everything is found that a command started, also what has left its process
 * group and lost its parent (as the runner finds orphans by RUNNER_TRACKING_ID). Only Linux shows environments.
 */
export const tagVariable = 'AZURE_POSTGRESQL_ACTION_MIGRATION';

/**
 * Ends what a detached child has started, and the child itself if it still runs: its process group, its descendants and
 * every process with the tag get SIGTERM, and SIGKILL if they still run after the grace period. On Windows, where a
 * parent that has ended cannot be followed, only the tree of a child that still runs is ended.
 * @param tag the child's value of {@link tagVariable}
 * @returns how many processes were running
 */
export async function endProcessTree(child: ChildProcess, tag: string): Promise<number> {
  const { pid } = child;
  if (pid === undefined) return 0;
  if (process.platform === 'win32') return await endTreeOnWindows(child, pid);
  return await end(async () => {
    const table = await processTable();
    // Where processes cannot be listed, the group is all that is known.
    if (table.length === 0) return isRunning(-pid) ? [-pid] : [];
    const members = new Set([...familyOf(pid, table), ...(await tagged(tag, table))]);
    return [...members];
  });
}

/** Ends every process that has the tag, after the process that started them was killed. */
export async function endTagged(tag: string): Promise<void> {
  await end(async () => await tagged(tag, await processTable()));
}

async function endTreeOnWindows({ exitCode, signalCode }: ChildProcess, pid: number): Promise<number> {
  if (exitCode !== null || signalCode !== null) return 0;
  await run('taskkill', ['/pid', String(pid), '/t', '/f']).catch(() => {});
  return 1;
}

/** Sends SIGTERM to what `find` returns, whenever it appears, and SIGKILL once the grace period is over. */
async function end(find: () => Promise<readonly number[]>): Promise<number> {
  const terminated = new Set<number>();
  const graceEnds = performance.now() + SIGTERM_GRACE_MS;
  for (;;) {
    const running = await find();
    const now = performance.now();
    if (running.length === 0 || now >= graceEnds + SIGKILL_WAIT_MS) return terminated.size;
    for (const pid of running) {
      if (now >= graceEnds) signal(pid, 'SIGKILL');
      else if (!terminated.has(pid)) signal(pid, 'SIGTERM');
      terminated.add(pid);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}

/** @param pid negative for a process group */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** The processes that run now. A zombie has ended, and in a container may have nobody who waits for it. */
async function processTable(): Promise<readonly ProcessEntry[]> {
  const lines = await (process.platform === 'linux' ? linesOfProc() : linesOfPs()).catch(() => []);
  return lines.flatMap((line) => {
    const [pid = '', state = '', parent = '', group = ''] = line.trim().split(/\s+/);
    if (!/^\d+$/.test(pid) || /^[ZX]/.test(state)) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
  });
}

/** A line `pid state parent group` for each process; slim images have no `ps`. */
async function linesOfProc(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The name before the state is in parentheses and can hold any character.
      return `${pid} ${text.slice(text.lastIndexOf(')') + 2) || 'X'}`;
    }),
  );
}

async function linesOfPs(): Promise<readonly string[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=,ppid=,pgid=']);
  return stdout.split('\n');
}

/** The process, those of its process group, and the descendants of all of them. */
function familyOf(root: number, table: readonly ProcessEntry[]): readonly number[] {
  const found = new Set(
    table.filter(({ pid, group }) => pid === root || group === root).map(({ pid }) => pid),
  );
  for (let grows = true; grows; ) {
    const children = table.filter(({ pid, parent }) => found.has(parent) && !found.has(pid));
    for (const { pid } of children) found.add(pid);
    grows = children.length > 0;
  }
  return [...found];
}

/** Process ids that have the tag; none where there is no /proc. Other users' processes cannot be read, and are not ours. */
async function tagged(tag: string, table: readonly ProcessEntry[]): Promise<readonly number[]> {
  const entry = `${tagVariable}=${tag}`;
  const has = await Promise.all(
    table.map(({ pid }) =>
      readFile(`/proc/${pid}/environ`, 'utf8')
        .then((text) => text.split('\0').includes(entry))
        .catch(() => false),
    ),
  );
  return table.filter((_, i) => has[i]).map(({ pid }) => pid);
}
