import { describe, expect } from 'vitest';
import { parseKeyValues } from '../../workflow-runner/step-files.ts';
import { scriptStep, test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

describe('parseKeyValues reads the lines of GITHUB_ENV, GITHUB_OUTPUT and GITHUB_STATE', () => {
  test.each([
    [
      'plain',
      'a=1\nb=x=y\n\n',
      [
        ['a', '1'],
        ['b', 'x=y'],
      ],
    ],
    [
      'heredocs',
      'a<<E\none\n\n two=2\nE\nb=3',
      [
        ['a', 'one\n\n two=2'],
        ['b', '3'],
      ],
    ],
    ['an empty heredoc', 'a<<E\nE\n', [['a', '']]],
    ['a value that contains <<', 'a=b<<c', [['a', 'b<<c']]],
    ['a heredoc whose delimiter contains =', 'a<<E=F\n1\nE=F', [['a', '1']]],
  ])('%s', (_name, text, expected) => {
    expect(parseKeyValues(text)).toEqual(expected);
  });

  test.each([
    ['no separator', 'abc', "Invalid format 'abc'"],
    ['no name', '=1', "Invalid format '=1'"],
    ['no delimiter', 'a<<\n1\n', "Invalid format 'a<<'"],
    ['no closing delimiter', 'a<<E\n1\nE2\n', "Matching delimiter not found 'E'"],
  ])('and rejects a line with %s', (_name, text, message) => {
    expect(() => parseKeyValues(text)).toThrow(message);
  });
});

test("GITHUB_ENV applies to later steps: it overrides the job's env, and a step's own env overrides it", async ({
  run,
}) => {
  const { exitCode, log } = await run(
    `env:\n  A: workflow\n${workflowWithSteps(
      scriptStep(
        'echo "A=file" >> "$GITHUB_ENV"\nprintf "M<<E\\n1\\n2\\nE\\n" >> "$GITHUB_ENV"\necho "now [$A]"',
      ),
      scriptStep('echo "then [$A] [${{ env.A }}] [$M]"'),
      scriptStep('echo "own [$A] [${{ env.A }}]"', 'env: { A: step }'),
    )}`,
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('now [workflow]');
  expect(log).toMatch(/then \[file\] \[file\] \[1\n\s+2\]/);
  expect(log).toContain('own [step] [step]');
});

test('GITHUB_ENV cannot set NODE_OPTIONS, GITHUB_* and RUNNER_*; the step succeeds', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      scriptStep(
        'echo "node_options=--inspect\nOK=1\nGITHUB_REPOSITORY=evil/evil\nRUNNER_OS=Plan9" >> "$GITHUB_ENV"',
      ),
      scriptStep('echo "[$NODE_OPTIONS$node_options] [$OK] [$GITHUB_REPOSITORY] [$RUNNER_OS]"'),
    ),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('Error: node_options cannot be set through GITHUB_ENV');
  expect(log).toContain('[] [1] [relecloud/space-travel] [Linux]');
});

test('a step that writes an invalid line to GITHUB_ENV, GITHUB_OUTPUT or GITHUB_STATE fails, regardless of its exit code', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      'id: env\ncontinue-on-error: true\nrun: echo "nonsense" >> "$GITHUB_ENV"',
      'id: output\ncontinue-on-error: true\nrun: echo "nonsense" >> "$GITHUB_OUTPUT"',
      'id: state\ncontinue-on-error: true\nrun: echo "nonsense" >> "$GITHUB_STATE"',
      'run: echo "${{ join(steps.*.outcome) }}"',
    ),
  );
  expect(exitCode).toBe(0);
  for (const name of ['env', 'output', 'state']) {
    expect(log).toContain(`Error: Unable to process file command '${name}'. Invalid format 'nonsense'`);
  }
  expect(log).toContain('failure,failure,failure');
});

test('GITHUB_OUTPUT and GITHUB_PATH apply to later steps, GITHUB_STEP_SUMMARY to the summary', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      `id: made\n${scriptStep(`
        mkdir -p "$RUNNER_TEMP/bin"
        printf '#!/bin/sh\\necho "from the path"' > "$RUNNER_TEMP/bin/greet"
        chmod +x "$RUNNER_TEMP/bin/greet"
        echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
        printf 'text<<E\\nwith = and\\ntwo lines\\nE\\n' >> "$GITHUB_OUTPUT"
        echo "## Title" >> "$GITHUB_STEP_SUMMARY"`)}`,
      scriptStep('greet\necho "$TEXT"', 'env:\n  TEXT: ${{ steps.made.outputs.text }}'),
    ),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('from the path');
  expect(log).toMatch(/with = and\n\s+two lines/);
  expect(log).toMatch(/\nSummary\n {2}## Title\n/);
});
