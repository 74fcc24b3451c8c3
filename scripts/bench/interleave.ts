import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The middle of the values; of an even number of values the mean of the two in the middle. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Runs every measurement once in each round, one after another, so that whatever slows the machine down for a while affects
 * all of them. The order is reversed in every second round, because a measurement also affects the next one.
 * @param measurements by name, each returns its result in any unit
 * @returns all results of each measurement, in the order of the rounds
 */
export async function interleave<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed())
      results[name].push(await measurements[name]());
  }
  return results;
}

/** {@link interleave}, with the median of each measurement. */
export async function interleavedMedians<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const results = await interleave(rounds, measurements);
  const names = Object.keys(results) as Name[];
  return Object.fromEntries(names.map((name) => [name, median(results[name])])) as Record<Name, number>;
}

export interface NodeRun {
  /** Arguments of this Node.js: the script first, or options. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** The exit code that the process must have. */
  readonly exitCode: number;
}

/**
 * Runs Node.js until it exits, with pipes as GitHub's runner has them.
 * @returns milliseconds from the spawn to the exit
 * @throws Error with its output if the exit code is another one
 */
export async function measureNode({ args, env, exitCode }: NodeRun): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const closed = once(child, 'close');
  const [code] = (await once(child, 'exit')) as [number | null];
  const milliseconds = performance.now() - start;
  await closed;
  if (code !== exitCode)
    throw new Error(`node ${args.join(' ')} exited with ${code} instead of ${exitCode}:\n${output}`);
  return milliseconds;
}
