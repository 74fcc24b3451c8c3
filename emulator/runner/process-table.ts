import { readdirSync, readFileSync } from 'node:fs';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended since it was listed, or belongs to someone else.
    return '';
  }
}

function entry(pid: string): Entry {
  const stat = read(`/proc/${pid}/stat`);
  // The name stands in parentheses and may itself contain them, so the rest is counted from the last one.
  const close = stat.lastIndexOf(')');
  const parent = Number(stat.slice(close + 2).split(' ')[1] ?? 0);
  return { pid: Number(pid), parent, name: stat.slice(stat.indexOf('(') + 1, close) };
}

function processes(): Entry[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(entry);
  } catch {
    return [];
  }
}

/** The ids of all processes below one, on Linux; none elsewhere. */
export function descendants(pid: number): number[] {
  const all = processes();
  const below = (parent: number): number[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each.pid, ...below(each.pid)]);
  return below(pid);
}

/** Ends a process at once; one that has ended already is no fault. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** The processes, on Linux, that were started with this entry `NAME=value` in their environment. */
export function startedWith(variable: string): { readonly pid: number; readonly name: string }[] {
  return processes().filter(({ pid }) => read(`/proc/${pid}/environ`).split('\0').includes(variable));
}
