import { describe, expect } from 'vitest';
import { toReadOnly } from '../../workflow-runner/permissions.ts';
import type { RunOptions, RunResult } from '../../workflow-runner/run-workflow.ts';
import { parseWorkflowText } from '../../workflow-runner/workflow.ts';
import { exampleEventPath, test } from '../helpers/runner/emulator-test.ts';
import { workflowWithSteps } from '../helpers/runner/workflow-test.ts';

const plainWorkflow = workflowWithSteps('run: echo');
const withJobPermissions = (permissions: string, workflow = plainWorkflow) =>
  workflow.replace('    steps:', `    permissions: ${permissions}\n    steps:`);
const withWorkflowPermissions = (permissions: string, workflow = plainWorkflow) =>
  `permissions: ${permissions}\n${workflow}`;

async function permissionsOf(workflow: string) {
  const [job] = (await parseWorkflowText(workflow, 'f.yml')).jobs;
  return job?.permissions ?? {};
}

describe('the permissions of GITHUB_TOKEN', () => {
  test.each([
    [
      'without permissions: contents, packages and metadata',
      plainWorkflow,
      { contents: 'read', metadata: 'read', packages: 'read' },
    ],
    ['with an empty mapping: only metadata', withWorkflowPermissions('{}'), { metadata: 'read' }],
    [
      'with a mapping: only the named scopes and metadata',
      withWorkflowPermissions('{ pull-requests: write, contents: read, issues: none }'),
      { metadata: 'read', 'pull-requests': 'write', contents: 'read' },
    ],
    [
      'with permissions in the workflow and the job: only those of the job',
      withWorkflowPermissions('write-all', withJobPermissions('{ issues: read }')),
      { metadata: 'read', issues: 'read' },
    ],
  ])('%s', async (_what, workflow, expected) => {
    expect(await permissionsOf(workflow)).toEqual(expected);
  });

  test('read-all grants read without OIDC tokens, write-all grants write and OIDC tokens', async () => {
    const reading = await permissionsOf(withWorkflowPermissions('read-all'));
    expect(new Set(Object.values(reading))).toEqual(new Set(['read']));
    expect(reading).toMatchObject({ actions: 'read', issues: 'read', 'pull-requests': 'read' });
    expect(reading).not.toHaveProperty('id-token');
    const writing = await permissionsOf(withJobPermissions('write-all'));
    expect(writing).toMatchObject({
      actions: 'write',
      'id-token': 'write',
      models: 'read',
      metadata: 'read',
    });
  });

  test('the parser rejects unknown scopes and levels', async () => {
    await expect(parseWorkflowText(withWorkflowPermissions('{ pulls: read }'), 'f.yml')).rejects.toThrow(
      "Unexpected value 'pulls'",
    );
    await expect(parseWorkflowText(withWorkflowPermissions('{ issues: admin }'), 'f.yml')).rejects.toThrow(
      'f.yml (Line: 1',
    );
  });

  test('for a fork they are read-only, without OIDC tokens', () => {
    expect(toReadOnly({ 'id-token': 'write', issues: 'write', contents: 'read' })).toEqual({
      issues: 'read',
      contents: 'read',
    });
  });
});

describe('the OIDC token', () => {
  type Run = (workflow: string, options: Partial<RunOptions>) => Promise<RunResult>;
  async function claimsOf(
    run: Run,
    on: string,
    event: string | undefined,
    job = '',
  ): Promise<Record<string, unknown>> {
    const workflow = workflowWithSteps('run: node claims.mjs')
      .replace('on: push', `on: ${on}`)
      .replace('    runs-on:', `    permissions: { id-token: write }\n${job}    runs-on:`);
    const { log } = await run(workflow, { event });
    return JSON.parse(/claims (\{.*\})/.exec(log)?.[1] ?? '{}');
  }

  const repo = 'repo:relecloud/space-travel';
  const opened = exampleEventPath('pull-request-opened');

  test.for<[what: string, on: string, event: string | undefined, job: string, subject: string]>([
    ['the branch for push', 'push', undefined, '', `${repo}:ref:refs/heads/main`],
    ['only “pull_request” for pull_request', 'pull_request', opened, '', `${repo}:pull_request`],
    [
      'the base branch for pull_request_target',
      'pull_request_target',
      opened,
      '',
      `${repo}:ref:refs/heads/main`,
    ],
    [
      'the job’s environment',
      'push',
      undefined,
      '    environment: production\n',
      `${repo}:environment:production`,
    ],
    [
      'the evaluated name of an environment mapping, also for pull_request',
      'pull_request',
      opened,
      '    environment: { name: "pr-${{ github.event.number }}", url: "https://example.com" }\n',
      `${repo}:environment:pr-7`,
    ],
    [
      'no environment if its name is empty',
      'push',
      undefined,
      '    environment: "${{ \'\' }}"\n',
      `${repo}:ref:refs/heads/main`,
    ],
    [
      'an environment with its colon escaped',
      'push',
      undefined,
      '    environment: "a:b"\n',
      `${repo}:environment:a%3Ab`,
    ],
  ])('has in its subject %s', async ([_what, on, event, job, subject], { runOnAzure }) => {
    expect(await claimsOf(runOnAzure, on, event, job)).toMatchObject({
      sub: subject,
      aud: 'x',
      event_name: on,
    });
  });

  test('has the repository and the ref of the event', async ({ runOnAzure, write }) => {
    const repository = { id: 5, full_name: 'mona/rockets', name: 'rockets', owner: { login: 'mona', id: 1 } };
    const event = write(JSON.stringify({ ref: 'refs/tags/v1', repository }), 'event.json');
    expect(await claimsOf(runOnAzure, 'push', event)).toMatchObject({
      sub: 'repo:mona/rockets:ref:refs/tags/v1',
      repository: 'mona/rockets',
      repository_id: '5',
      repository_owner: 'mona',
    });
  });
});
