import { expect, test } from 'vitest';
import { runProcess } from '../../emulator/runner/process.ts';
import { isRunning } from '../helpers/runner/run.ts';

test('a process that ignores SIGINT and SIGTERM is killed with all that it started, after both graces', async () => {
  const cancellation = new AbortController();
  const lines: string[] = [];
  const started = performance.now();
  const exitCode = await runProcess({
    file: '/bin/bash',
    args: [
      '-c',
      'trap "echo int" INT; trap "echo term" TERM; sleep 300 & echo "child $!"; while true; do wait; done',
    ],
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '' },
    onLine: (line) => {
      lines.push(line);
      if (line.startsWith('child')) cancellation.abort();
    },
    cancellation: cancellation.signal,
    grace: { interrupt: 300, terminate: 200 },
  });
  expect(exitCode).toBe(128 + 9);
  expect(performance.now() - started).toBeGreaterThan(480);
  expect(lines.filter((line) => !line.startsWith('child'))).toEqual(['int', 'term']);
  const child = Number(lines[0]?.split(' ')[1]);
  expect(isRunning(child)).toBe(false);
});
