import { readdirSync, readFileSync } from 'node:fs';

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function readFileOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended since it was listed, or belongs to someone else.
    return '';
  }
}

function readProcess(pid: string): ProcessEntry {
  const stat = readFileOrEmpty(`/proc/${pid}/stat`);
  // The name stands in parentheses and may itself contain them, so the rest is counted from the last one.
  const close = stat.lastIndexOf(')');
  const parent = Number(stat.slice(close + 2).split(' ')[1] ?? 0);
  return { pid: Number(pid), parent, name: stat.slice(stat.indexOf('(') + 1, close) };
}

function listProcesses(): ProcessEntry[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readProcess);
  } catch {
    return [];
  }
}

/** The ids of all processes below one, on Linux; none elsewhere. */
export function findDescendants(pid: number): number[] {
  const all = listProcesses();
  const below = (parent: number): number[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each.pid, ...below(each.pid)]);
  return below(pid);
}

/** Ends a process at once; one that has ended already is no fault. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** The processes, on Linux, that were started with this entry `NAME=value` in their environment. */
export function findByEnvironment(variable: string): { readonly pid: number; readonly name: string }[] {
  return listProcesses().filter(({ pid }) =>
    readFileOrEmpty(`/proc/${pid}/environ`).split('\0').includes(variable),
  );
}
