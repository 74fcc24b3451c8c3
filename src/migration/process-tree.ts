import { type ChildProcess, execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** Milliseconds between SIGTERM and SIGKILL; less than the 7.5 s between GitHub's own signals. */
const SIGTERM_GRACE_MS = 4000;

/** Milliseconds for processes to disappear after SIGKILL; one that hangs in the kernel may stay. */
const SIGKILL_WAIT_MS = 1000;

/** Milliseconds between two polls of the processes that are being ended. */
const POLL_INTERVAL_MS = 100;

/**
 * Environment variable that identifies all processes of a command, even one that has left the process group and lost its
 * parent; the runner finds orphans by RUNNER_TRACKING_ID in the same way. Only Linux exposes the environment of processes.
 */
export const PROCESS_TAG_VARIABLE = 'AZURE_POSTGRESQL_ACTION_MIGRATION';

/**
 * Ends a detached child and the processes that it started: its process group, its descendants and every process with the
 * tag get SIGTERM, and SIGKILL if they still run after the grace period. On Windows, only the tree of a running child is
 * ended, because descendants of an ended parent cannot be found.
 * @param tag the child's value of {@link PROCESS_TAG_VARIABLE}
 * @returns the number of processes that were running
 */
export async function killProcessTree(child: ChildProcess, tag: string): Promise<number> {
  const { pid } = child;
  if (pid === undefined) return 0;
  if (process.platform === 'win32') return await killTreeOnWindows(child, pid);
  return await terminateProcesses(async () => {
    const table = await listProcesses();
    // Without a list of processes, only the group is known.
    if (table.length === 0) return isRunning(-pid) ? [-pid] : [];
    const members = new Set([...findDescendants(pid, table), ...(await findTagged(tag, table))]);
    return [...members];
  });
}

/** Ends every process with the tag, for the case that the process that started them was killed. */
export async function killTagged(tag: string): Promise<void> {
  await terminateProcesses(async () => await findTagged(tag, await listProcesses()));
}

async function killTreeOnWindows({ exitCode, signalCode }: ChildProcess, pid: number): Promise<number> {
  if (exitCode !== null || signalCode !== null) return 0;
  await execFileAsync('taskkill', ['/pid', String(pid), '/t', '/f']).catch(() => {});
  return 1;
}

/** Sends SIGTERM to each process that `find` returns, and SIGKILL after the grace period; returns their number. */
async function terminateProcesses(find: () => Promise<readonly number[]>): Promise<number> {
  const terminated = new Set<number>();
  const killAt = performance.now() + SIGTERM_GRACE_MS;
  for (;;) {
    const running = await find();
    const now = performance.now();
    if (running.length === 0 || now >= killAt + SIGKILL_WAIT_MS) return terminated.size;
    for (const pid of running) {
      if (now >= killAt) sendSignal(pid, 'SIGKILL');
      else if (!terminated.has(pid)) sendSignal(pid, 'SIGTERM');
      terminated.add(pid);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
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

interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** The running processes, without zombies, which in a container may never be reaped. */
async function listProcesses(): Promise<readonly ProcessInfo[]> {
  const lines = await (process.platform === 'linux' ? readProcStats() : readPsOutput()).catch(() => []);
  return lines.flatMap((line) => {
    const [pid = '', state = '', parent = '', group = ''] = line.trim().split(/\s+/);
    if (!/^\d+$/.test(pid) || /^[ZX]/.test(state)) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
  });
}

/** A line `pid state parent group` for each process; slim images have no `ps`. */
async function readProcStats(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The name before the state is in parentheses and can hold any character.
      return `${pid} ${text.slice(text.lastIndexOf(')') + 2) || 'X'}`;
    }),
  );
}

async function readPsOutput(): Promise<readonly string[]> {
  const { stdout } = await execFileAsync('ps', ['-A', '-o', 'pid=,stat=,ppid=,pgid=']);
  return stdout.split('\n');
}

/** The process, those of its process group, and the descendants of all of them. */
function findDescendants(root: number, table: readonly ProcessInfo[]): readonly number[] {
  const found = new Set(
    table.filter(({ pid, group }) => pid === root || group === root).map(({ pid }) => pid),
  );
  for (let hasNew = true; hasNew; ) {
    const children = table.filter(({ pid, parent }) => found.has(parent) && !found.has(pid));
    for (const { pid } of children) found.add(pid);
    hasNew = children.length > 0;
  }
  return [...found];
}

/** Ids of the processes with the tag; none without /proc. Processes of other users cannot be read, and never have it. */
async function findTagged(tag: string, table: readonly ProcessInfo[]): Promise<readonly number[]> {
  const assignment = `${PROCESS_TAG_VARIABLE}=${tag}`;
  const isTagged = await Promise.all(
    table.map(({ pid }) =>
      readFile(`/proc/${pid}/environ`, 'utf8')
        .then((text) => text.split('\0').includes(assignment))
        .catch(() => false),
    ),
  );
  return table.filter((_, i) => isTagged[i]).map(({ pid }) => pid);
}
