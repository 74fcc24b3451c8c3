import { expect } from 'vitest';
import { scriptStep, test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

test('SIGINT interrupts the running step; cancelled() and always() steps and post steps still run', async ({
  start,
}) => {
  const { child, finished } = start(
    workflowWithSteps(
      'uses: actions/checkout@v7',
      'uses: ./probe\nwith:\n  post: console.log("post-ran".toUpperCase())',
      scriptStep(
        'trap "echo interrupted; exit 0" INT\necho "now-waiting" | tr a-z A-Z\nwhile true; do sleep 0.05; done',
      ),
      'run: echo "by-default" | tr a-z A-Z',
      'if: cancelled()\nrun: echo "if-cancelled" | tr a-z A-Z',
      'if: always()\nrun: echo "if-always" | tr a-z A-Z',
    ),
  );
  child.stdout?.on('data', (chunk: Buffer) => {
    // The word is written at once, so it is never split between two chunks.
    if (chunk.includes('NOW-WAITING')) child.kill('SIGINT');
  });
  const { exitCode, log } = await finished;
  expect(exitCode).toBe(1);
  expect(log).toMatch(/^\s+interrupted$/m);
  expect(log.match(/BY-DEFAULT|IF-CANCELLED|IF-ALWAYS|POST-RAN/g)).toEqual([
    'IF-CANCELLED',
    'IF-ALWAYS',
    'POST-RAN',
  ]);
  expect(log).toContain('flow.yml: cancelled');
});

test('the command line sets secrets, variables, environment, event, event name and the project that a checkout copies; a successful run exits with 0', async ({
  write,
  start,
}) => {
  const event = write(JSON.stringify({ ref: 'refs/heads/topic' }), 'event.json');
  const workflow = workflowWithSteps(
    'run: echo "[${{ vars.PLACE }}] [$ADDED] [$GITHUB_EVENT_NAME] [$GITHUB_REF]"',
    'run: echo "[${{ secrets.WORD }}] has ${#WORD} characters"\nenv: { WORD: "${{ secrets.WORD }}" }',
    'run: echo "[$(basename "$PWD")] [$(ls)]"',
    'uses: actions/checkout@v7',
    'run: ls probe',
  ).replace('on: push', 'on: [push, workflow_dispatch]');
  const { exitCode, log } = await start(workflow, [
    ...['--var', 'PLACE=moon', '--secret', 'WORD=a=b c', '--env', 'ADDED=x=y'],
    ...['--event', event, '--event-name', 'workflow_dispatch'],
  ]).finished;
  expect(log).toContain('[moon] [x=y] [workflow_dispatch] [refs/heads/topic]');
  expect(log).toContain('[***] has 5 characters');
  expect(log).toMatch(/^\s+\[space-travel\] \[\]$/m);
  expect(log).toMatch(/^\s+main\.js$/m);
  expect(exitCode).toBe(0);
});

test('a failed run exits with 1', async ({ start }) => {
  const { exitCode, log } = await start(workflowWithSteps('run: exit 3')).finished;
  expect(log).toContain('flow.yml: failure');
  expect(exitCode).toBe(1);
});

test('an invalid workflow is reported on standard error, runs nothing and exits with 1', async ({
  start,
}) => {
  const { exitCode, log } = await start(
    workflowWithSteps('run: echo ran', 'run: echo ${{ one.x }}', 'run: echo ${{ two.x }}'),
  ).finished;
  expect(exitCode).toBe(1);
  expect(log).toContain("(Line: 7, Col: 14): Unrecognized named-value: 'one'");
  expect(log).toContain("(Line: 8, Col: 14): Unrecognized named-value: 'two'");
  expect(log).not.toContain('Job');
});

test('an unknown option prints the usage and exits with 2', async ({ start }) => {
  const { exitCode, log } = await start(workflowWithSteps('run: echo'), ['--unknown']).finished;
  expect(exitCode).toBe(2);
  expect(log).toContain('Usage: npm start');
});
