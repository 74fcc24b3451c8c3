import { describe, expect } from 'vitest';
import { parseWorkflowText } from '../../workflow-runner/workflow.ts';
import { test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

describe('an invalid workflow is rejected with line numbers', () => {
  const twoJobs = (needs: string) =>
    `on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: echo }]\n  b:\n    needs: ${needs}\n    runs-on: x\n    steps: [{ run: echo }]\n`;

  test.each([
    ['an unknown key', workflowWithSteps('runs: echo'), "f.yml (Line: 6, Col: 9): Unexpected value 'runs'"],
    [
      'an unknown context',
      workflowWithSteps('run: echo ${{ odd.x }}'),
      "f.yml (Line: 6, Col: 14): Unrecognized named-value: 'odd'",
    ],
    ['an unclosed expression', workflowWithSteps('run: echo ${{ github.ref'), 'The expression is not closed'],
    [
      'secrets in if',
      workflowWithSteps("if: secrets.A == ''\nrun: echo"),
      "Unrecognized named-value: 'secrets'",
    ],
    ['no jobs', 'on: push\n', 'Required property is missing: jobs'],
    ['invalid YAML', 'on: push\njobs: [\n', 'f.yml'],
    ['a cycle of needs', twoJobs('b'), "f.yml (Line: 7, Col: 12): Job 'b' depends on job 'b'"],
    [
      'an unknown job in needs',
      twoJobs('other'),
      "f.yml (Line: 7, Col: 12): Job 'b' depends on unknown job 'other'",
    ],
  ])('because of %s', async (_name, workflow, message) => {
    await expect(parseWorkflowText(workflow, 'f.yml')).rejects.toThrow(message);
  });

  test.each(['container: node', 'services: { db: { image: postgres } }', 'strategy: { matrix: { a: [1] } }'])(
    'because this runner does not support %s',
    async (line) => {
      const workflow = workflowWithSteps('run: echo').replace('runs-on', `${line}\n    runs-on`);
      const message = `f.yml (Line: 4): this runner does not support '${line.split(':')[0]}' in a job`;
      await expect(parseWorkflowText(workflow, 'f.yml')).rejects.toThrow(message);
    },
  );

  test('with all errors at once, before anything runs', async ({ run }) => {
    const lines: string[] = [];
    const rejected = run(
      workflowWithSteps('run: echo ran', 'run: echo ${{ one.x }}', 'run: echo ${{ two.x }}'),
      {
        write: (line) => lines.push(line),
      },
    );
    const message = await rejected.then(() => 'nothing', String);
    expect(message).toContain("(Line: 7, Col: 14): Unrecognized named-value: 'one'");
    expect(message).toContain("(Line: 8, Col: 14): Unrecognized named-value: 'two'");
    expect(lines).toEqual([]);
  });
});

test('jobs run in the order of their needs; a job that needs a failed job is skipped unless its if is true', async ({
  run,
}) => {
  const { exitCode, log } = await run(`
on: push
jobs:
  last:
    needs: [middle]
    if: always()
    runs-on: x
    steps:
      - run: echo "last sees \${{ needs.middle.result }}"
  beside:
    needs: first
    if: failure() && needs.first.outputs.why == 'planned'
    runs-on: x
    steps: [{ run: echo "beside" }]
  middle:
    needs: first
    runs-on: x
    steps: [{ run: echo "middle" }]
  first:
    runs-on: x
    outputs: { why: "\${{ steps.it.outputs.why }}" }
    steps:
      - id: it
        run: echo "why=planned" >> "$GITHUB_OUTPUT"; exit 1
`);
  expect(exitCode).toBe(1);
  expect(log.match(/^Job \w+.*/gm)).toEqual(['Job first', 'Job beside', 'Job middle (skipped)', 'Job last']);
  expect(log).toContain('last sees skipped');
});

test('a pull_request run gets its refs, branches, number and payload file', async ({ run, write }) => {
  const repo = { full_name: 'relecloud/app', id: 5, name: 'app' };
  const event = {
    action: 'synchronize',
    pull_request: { number: 12, head: { ref: 'topic', repo }, base: { ref: 'main', repo } },
    repository: repo,
  };
  const { exitCode, log } = await run(
    workflowWithSteps(
      'run: echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_HEAD_REF $GITHUB_BASE_REF $GITHUB_REPOSITORY $GITHUB_REPOSITORY_ID"',
      "run: node -p 'JSON.parse(fs.readFileSync(process.env.GITHUB_EVENT_PATH)).pull_request.number + ${{ github.event.pull_request.number }}'",
    ).replace('on: push', 'on: pull_request'),
    { event: write(JSON.stringify(event), 'event.json') },
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('pull_request refs/pull/12/merge topic main relecloud/app 5');
  expect(log).toMatch(/^\s+24$/m);
});

test('an event that does not start the workflow is rejected', async ({ run, write }) => {
  const event = write(JSON.stringify({ action: 'closed', pull_request: { number: 1 } }), 'event.json');
  const unnamed = run(workflowWithSteps('run: echo').replace('on: push', 'on: pull_request'), { event });
  await expect(unnamed).rejects.toThrow(
    "runs on pull_request of the types opened, synchronize, reopened, not 'closed'",
  );
  const types = workflowWithSteps('run: echo').replace(
    'on: push',
    'on: { pull_request: { types: [closed] } }',
  );
  expect((await run(types, { event })).exitCode).toBe(0);
  await expect(run(workflowWithSteps('run: echo'), { event })).rejects.toThrow(
    'flow.yml runs on push, not on pull_request',
  );
});

test('workflow_dispatch inputs come from the event or from their defaults, and keep their types', async ({
  run,
  write,
}) => {
  const workflow = workflowWithSteps('run: echo "${{ inputs.where }} ${{ inputs.dry && 1 || 2 }}"').replace(
    'on: push',
    'on: { workflow_dispatch: { inputs: { where: { default: moon, type: string }, dry: { default: false, type: boolean } } } }',
  );
  expect((await run(workflow)).log).toMatch(/^\s+moon 2$/m);
  const event = write(JSON.stringify({ inputs: { where: 'mars', dry: true } }), 'event.json');
  expect((await run(workflow, { event })).log).toMatch(/^\s+mars 1$/m);
});
