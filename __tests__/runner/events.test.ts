import { describe, expect } from 'vitest';
import { asObject } from '../../emulator/core/json.ts';
import { readEvent } from '../../workflow-runner/event.ts';
import { parseWorkflowText } from '../../workflow-runner/workflow.ts';
import { exampleEventPath, examplePayload, test } from '../helpers/runner/emulator-test.ts';
import { workflowWithSteps } from '../helpers/runner/workflow-test.ts';

const workflowOn = (events: string, workflow = workflowWithSteps('run: echo')) =>
  workflow.replace('on: push', `on: ${events}`);
const pullRequestTriggers =
  '{ pull_request: { types: [opened, synchronize, reopened] }, pull_request_target: { types: [closed] } }';

async function eventNameOf(events: string, payload: string): Promise<string> {
  return readEvent(await parseWorkflowText(workflowOn(events), 'f.yml'), payload, undefined).name;
}

describe('the event on which a pull request starts the workflow', () => {
  test.each([
    ['pull-request-opened', pullRequestTriggers, 'pull_request'],
    ['pull-request-synchronize', pullRequestTriggers, 'pull_request'],
    ['pull-request-closed', pullRequestTriggers, 'pull_request_target'],
    ['fork-opened', pullRequestTriggers, 'pull_request'],
    ['pull-request-opened', '[pull_request_target, pull_request]', 'pull_request'],
    ['pull-request-opened', 'pull_request_target', 'pull_request_target'],
    ['pull-request-closed', '{ pull_request_target: { types: closed } }', 'pull_request_target'],
  ])('%s with `on: %s` is %s', async (payload, events, name) => {
    expect(await eventNameOf(events, exampleEventPath(payload))).toBe(name);
  });

  test('no event starts the workflow if neither has the activity among its types', async () => {
    const closed = eventNameOf(
      '[pull_request, pull_request_target]',
      exampleEventPath('pull-request-closed'),
    );
    await expect(closed).rejects.toThrow(
      "f.yml runs on pull_request of the types opened, synchronize, reopened, not 'closed'",
    );
  });
});

describe('the payload has the numbers, branches and ids of a webhook', () => {
  const payloadFiles = [
    'pull-request-opened',
    'pull-request-synchronize',
    'pull-request-closed',
    'fork-opened',
  ];

  test.each(payloadFiles)('examples/events/%s.json', (name) => {
    const { number, pull_request: pull, repository } = examplePayload(name);
    expect(asObject(pull)).toMatchObject({
      number,
      base: { ref: 'main', repo: { id: 700_100_200, full_name: 'relecloud/space-travel' } },
      head: { ref: expect.any(String), repo: { id: expect.any(Number) } },
    });
    expect(repository).toMatchObject({ id: 700_100_200, full_name: 'relecloud/space-travel' });
  });

  test('also the default payload', async () => {
    for (const event of ['pull_request', 'pull_request_target']) {
      const { name, payload } = readEvent(
        await parseWorkflowText(workflowOn(event), 'f.yml'),
        undefined,
        undefined,
      );
      expect(name).toBe(event);
      expect(payload).toMatchObject({
        repository: { id: 700_100_200 },
        pull_request: { state: 'open', head: { repo: { id: 700_100_200 } } },
      });
    }
  });
});

describe('the github context', () => {
  const printRefs = workflowOn(
    pullRequestTriggers,
    workflowWithSteps(
      'run: echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_REF_NAME $GITHUB_HEAD_REF $GITHUB_BASE_REF"',
    ),
  );

  test('has the merge branch on pull_request, the base branch on pull_request_target', async ({
    runOnAzure,
  }) => {
    const opened = await runOnAzure(printRefs, { event: exampleEventPath('pull-request-opened') });
    expect(opened.log).toContain('pull_request refs/pull/7/merge 7/merge weekend-on-mars main');
    const closed = await runOnAzure(printRefs, { event: exampleEventPath('pull-request-closed') });
    expect(closed.log).toContain('pull_request_target refs/heads/main main weekend-on-mars main');
  });

  test('has the base branch on pull_request after the merge', async ({ runOnAzure }) => {
    const workflow = printRefs.replace(pullRequestTriggers, '{ pull_request: { types: [closed] } }');
    const { log } = await runOnAzure(workflow, { event: exampleEventPath('pull-request-closed') });
    expect(log).toContain('pull_request refs/heads/main main weekend-on-mars main');
  });

  test('has the GraphQL endpoint of the API endpoint', async ({ runOnAzure, emulator }) => {
    const { log } = await runOnAzure(workflowWithSteps('run: echo "$GITHUB_GRAPHQL_URL"'));
    expect(log).toContain(`${emulator.readyLine.env['GITHUB_API_URL']}/graphql`);
  });
});

test("a fork's run gets secrets on pull_request_target, which runs the base branch's workflow, and none on pull_request", async ({
  runOnAzure,
}) => {
  const workflow = workflowWithSteps(
    'run: echo "length ${#SECRET}"\nenv: { SECRET: "${{ secrets.PASSWORD }}" }',
  );
  const secrets = { PASSWORD: 'twelve-chars' };
  for (const [event, length] of [
    ['pull_request_target', 12],
    ['pull_request', 0],
  ] as const) {
    const { log } = await runOnAzure(workflowOn(event, workflow), {
      event: exampleEventPath('fork-opened'),
      secrets,
    });
    expect(log).toMatch(new RegExp(`^ +length ${length}$`, 'm'));
  }
});

test('schedule and workflow_dispatch start a run; concurrency and timeout-minutes are accepted', async ({
  runOnAzure,
}) => {
  const workflow = (event: string) =>
    `concurrency: { group: "a-\${{ github.ref }}", cancel-in-progress: false }\n${workflowOn(event)}`.replace(
      'runs-on:',
      'concurrency: one\n    timeout-minutes: 5\n    runs-on:',
    );
  for (const event of ['{ schedule: [{ cron: "0 3 * * *" }] }', 'workflow_dispatch']) {
    const { exitCode, log } = await runOnAzure(workflow(event));
    expect(exitCode).toBe(0);
    expect(log).toMatch(/on (schedule|workflow_dispatch), relecloud\/space-travel/);
  }
});
