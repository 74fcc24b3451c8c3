import timersPromises from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import {
  type CancellationGrace,
  GITHUB_CANCELLATION_GRACE,
  runProcess,
} from '../../workflow-runner/run-process.ts';
import { waitForExit } from '../helpers/runner/workflow-test.ts';
import { replaceSetTimeout } from '../helpers/unit/fake-time.ts';

/** Ignores SIGINT and SIGTERM, prints that it got them, and has a child process. */
const signalIgnoringScript =
  'trap "echo int" INT; trap "echo term" TERM; sleep 3600 & echo "child $!"; while true; do wait; done';

function runScript(
  script: string,
  onLine: (line: string) => void,
  cancellation: AbortSignal,
  cancellationGrace: CancellationGrace,
) {
  const env = { PATH: process.env['PATH'] ?? '' };
  return runProcess({
    file: '/bin/bash',
    args: ['-c', script],
    cwd: '/',
    env,
    onLine,
    cancellation,
    cancellationGrace,
  });
}

test('a process that ignores SIGINT and SIGTERM is killed with its child processes after both grace periods', async () => {
  const cancellation = new AbortController();
  const lines: string[] = [];
  const graces: { readonly milliseconds: unknown; readonly end: () => void }[] = [];
  // A grace period ends when the process has printed the signal, so the order does not depend on its speed.
  const { setTimeout: realSetTimeout } = timersPromises;
  onTestFinished(() => replaceSetTimeout(realSetTimeout));
  replaceSetTimeout(((milliseconds, value) => {
    return new Promise((resolve) => graces.push({ milliseconds, end: () => resolve(value as never) }));
  }) as typeof realSetTimeout);
  const exitCode = await runScript(
    signalIgnoringScript,
    (line) => {
      lines.push(`${line.split(' ')[0]} after ${graces.length} graces`);
      const childPid = /child (\d+)/.exec(line)?.[1];
      if (childPid === undefined) graces.at(-1)?.end();
      else {
        lines[0] = line;
        cancellation.abort();
      }
    },
    cancellation.signal,
    GITHUB_CANCELLATION_GRACE,
  );
  expect(exitCode).toBe(128 + 9);
  expect(lines.slice(1)).toEqual(['int after 1 graces', 'term after 2 graces']);
  expect(graces.slice(0, 2).map(({ milliseconds }) => milliseconds)).toEqual([7500, 2500]);
  replaceSetTimeout(realSetTimeout);
  await waitForExit(Number(lines[0]?.split(' ')[1]));
});

test('grace periods are milliseconds of real time', async () => {
  const cancellation = new AbortController();
  const script = 'trap "" INT TERM; echo ready; sleep 3600';
  const grace = { interruptMs: 1, terminateMs: 1 };
  expect(await runScript(script, () => cancellation.abort(), cancellation.signal, grace)).toBe(128 + 9);
});
