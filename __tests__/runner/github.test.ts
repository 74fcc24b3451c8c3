import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { EmulatorError } from '../../workflow-runner/emulator-process.ts';
import { createGitHubControl } from '../../workflow-runner/run-workflow.ts';
import { sendGitHubRequest } from '../helpers/emulator/github-client.ts';
import { apiRequestStep, exampleEventPath, test } from '../helpers/runner/emulator-test.ts';

const repositoryPath = '/repos/relecloud/space-travel';

/** A workflow with these jobs; `permissions` and `steps` are YAML. */
function workflowWithJobs(
  on: string,
  jobs: Readonly<Record<string, { permissions?: string; steps: string }>>,
) {
  const each = Object.entries(jobs).map(
    ([id, { permissions, steps }]) => `  ${id}:
    runs-on: x
${permissions === undefined ? '' : `    permissions: ${permissions}\n`}    steps:
      ${steps}`,
  );
  return `on: ${on}\njobs:\n${each.join('\n')}\n`;
}

const readPullStep = apiRequestStep('pull', 'GET', `${repositoryPath}/pulls/7`);
const createCommentStep = apiRequestStep('comment', 'POST', `${repositoryPath}/issues/7/comments`, {
  body: 'Hello.',
});
const readOwnRunStep = apiRequestStep('run', 'GET', `${repositoryPath}/actions/runs/$GITHUB_RUN_ID`);

describe('a job’s token', () => {
  test('has the job’s permissions at the emulated GitHub', async ({ runOnAzure, repository }) => {
    const { log } = await runOnAzure(
      workflowWithJobs('pull_request', {
        writes: {
          permissions: '{ pull-requests: write }',
          steps: `${readPullStep}\n      ${createCommentStep}`,
        },
        reads: {
          permissions: '{ pull-requests: read }',
          steps: `${readPullStep}\n      ${createCommentStep}`,
        },
        default: { steps: readPullStep },
      }),
      { event: exampleEventPath('pull-request-opened') },
    );
    const results = log.match(/(pull|comment|Job \w+): (\d+|\w+)/g);
    expect(results).toEqual([
      ...['pull: 200', 'comment: 201', 'Job writes: success'],
      ...['pull: 200', 'comment: 403', 'Job reads: success'],
      ...['pull: 403', 'Job default: success'],
    ]);
    const { comments } = await repository();
    expect(comments['7']).toMatchObject([{ body: 'Hello.', user: { login: 'github-actions[bot]' } }]);
  });

  test('is read-only in a fork’s pull request, regardless of what its workflow requests', async ({
    runOnAzure,
  }) => {
    const path = `${repositoryPath}/issues/8/comments`;
    const steps = `${apiRequestStep('read', 'GET', path)}\n      ${apiRequestStep('write', 'POST', path, { body: 'x' })}`;
    const workflowOn = (on: string) => workflowWithJobs(on, { job: { permissions: 'write-all', steps } });
    const fork = await runOnAzure(workflowOn('pull_request'), { event: exampleEventPath('fork-opened') });
    expect(fork.log.match(/(read|write): \d+/g)).toEqual(['read: 200', 'write: 403']);
    const base = await runOnAzure(workflowOn('pull_request_target'), {
      event: exampleEventPath('fork-opened'),
    });
    expect(base.log.match(/(read|write): \d+/g)).toEqual(['read: 200', 'write: 201']);
  });

  test('is different for each job, the same in github.token and secrets.GITHUB_TOKEN, masked, and revoked after the job', async ({
    emulator,
    write,
    runOnAzure,
  }) => {
    const tokensFile = write('', 'tokens');
    const steps = `- run: echo "\${{ github.token }}" >> '${tokensFile}'
      - run: echo "same \${{ github.token == secrets.GITHUB_TOKEN }}, token \${{ github.token }}"`;
    const { log } = await runOnAzure(workflowWithJobs('push', { one: { steps }, two: { steps } }));
    expect(log.match(/same true, token \*\*\*$/gm)).toHaveLength(2);
    const tokens = readFileSync(tokensFile, 'utf8').trim().split('\n');
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) {
      expect(token).toMatch(/^ghs_\d{9}\.[\w-]{252}\.[\w-]{252}$/);
      const response = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls`, {
        authorization: `token ${token}`,
      });
      expect([response.status, response.json['message']]).toEqual([401, 'Bad credentials']);
    }
  });
});

describe('the runner reports to the emulated GitHub', () => {
  test('the pull request of each event', async ({ runOnAzure, repository }) => {
    const workflow = workflowWithJobs(
      '{ pull_request: { types: [opened, synchronize] }, pull_request_target: { types: [closed] } }',
      { job: { steps: '- run: echo' } },
    );
    const recorded = [];
    for (const event of ['opened', 'synchronize', 'closed']) {
      await runOnAzure(workflow, { event: exampleEventPath(`pull-request-${event}`) });
      const { pulls } = await repository();
      recorded.push(pulls['7']);
    }
    expect(recorded).toMatchObject([
      { state: 'open', title: 'A weekend on Mars', head: { ref: 'weekend-on-mars' } },
      { state: 'open', head: { sha: '9b3e1d7a0c5f8e2b4d6a1c9f3e7b0d5a8c2f4e61' } },
      { state: 'closed', merged: true },
    ]);
    await runOnAzure(workflow, { event: exampleEventPath('fork-opened') });
    const { pulls } = await repository();
    expect(pulls['8']).toMatchObject({
      user: { login: 'mona', id: 2_701_847 },
      head: { repo: { id: 700_300_400, full_name: 'mona/space-travel' } },
      base: { repo: { id: 700_100_200, full_name: 'relecloud/space-travel' } },
    });
  });

  test('the run: in progress while it runs, then completed with its conclusion', async ({
    runOnAzure,
    repository,
  }) => {
    const runsBefore = Object.keys((await repository()).runs);
    const workflow = workflowWithJobs('push', {
      job: { permissions: '{ actions: read }', steps: `${readOwnRunStep}\n      - run: exit 1` },
    });
    const { log, exitCode } = await runOnAzure(workflow);
    expect(exitCode).toBe(1);
    expect(log).toMatch(/run: 200 .*"status":"in_progress","conclusion":null/);
    const newRuns = Object.entries((await repository()).runs).filter(([id]) => !runsBefore.includes(id));
    expect(newRuns).toHaveLength(1);
    expect(newRuns[0]?.[1]).toMatchObject({
      status: 'completed',
      conclusion: 'failure',
      event: 'push',
      run_attempt: 1,
      path: expect.stringMatching(/^\.github\/workflows\/.*flow\.yml$/),
    });
  });

  test('a repository that it does not have yet', async ({ write, runOnAzure, repository }) => {
    const rockets = { id: 5, full_name: 'mona/rockets', name: 'rockets', owner: { login: 'mona', id: 1 } };
    const event = write(JSON.stringify({ ref: 'refs/heads/main', repository: rockets }), 'event.json');
    await runOnAzure(workflowWithJobs('push', { job: { steps: '- run: echo' } }), { event });
    expect(await repository('mona/rockets')).toMatchObject({ id: 5, pulls: {} });
  });
});

test('patchState throws an EmulatorError if the emulator rejects the change, cannot be reached or is not trusted', async ({
  emulator,
}) => {
  const { control, ca } = emulator.readyLine;
  const change = { repository: 'no-slash' };
  await expect(createGitHubControl({ control, ca }).patchState(change)).rejects.toThrow(EmulatorError);
  const nowhere = createGitHubControl({ control: 'https://127.0.0.1:9/_emulator', ca });
  await expect(nowhere.patchState(change)).rejects.toThrow('The emulator cannot be reached');
  const untrusted = createGitHubControl({ control, ca: exampleEventPath('fork-opened') });
  await expect(untrusted.patchState({ repository: 'a/b' })).rejects.toThrow(EmulatorError);
});
