import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { requiredPermission } from '../../emulator/services/arm/required-permission.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { type Inputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { perPullRequestInputs, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';
import { valueAt } from '../helpers/emulator/http-client.ts';
import { repositoryRoot } from '../helpers/root.ts';

const role = JSON.parse(readFileSync(join(repositoryRoot, 'docs', 'azure-role.json'), 'utf8')) as {
  readonly Actions: readonly string[];
};
const issuer = 'https://token.actions.githubusercontent.com';

/** A managed identity whose only role is docs/azure-role.json, on a group that exists. Returns the inputs to use it. */
async function createIdentityWithRole(emulator: EmulatorHarness, group: string): Promise<Inputs> {
  const arm = await ArmClient.signIn(emulator.instance);
  const put = async (path: string, version: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await arm.send('PUT', `${arm.subscriptionPath}${path}?api-version=${version}`, body);
    if (answer.status >= 300) throw new Error(answer.text);
    return answer.json;
  };
  const location = { location: 'westeurope' };
  for (const name of [group, 'identities']) await put(`/resourceGroups/${name}`, '2025-04-01', location);
  const identities = '/resourceGroups/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities';
  const identity = await put(`${identities}/github`, '2023-01-31', location);
  for (const context of ['ref:refs/heads/main', 'pull_request'])
    await put(`${identities}/github/federatedIdentityCredentials/${context.slice(0, 3)}`, '2023-01-31', {
      properties: {
        issuer,
        subject: `repo:relecloud/space-travel:${context}`,
        audiences: ['api://AzureADTokenExchange'],
      },
    });
  const definition = await put(
    `/providers/Microsoft.Authorization/roleDefinitions/${randomUUID()}`,
    '2022-04-01',
    {
      properties: {
        roleName: 'PostgreSQL for GitHub Actions',
        permissions: [{ actions: role.Actions, notActions: [] }],
        assignableScopes: [arm.subscriptionPath],
      },
    },
  );
  await put(
    `/resourceGroups/${group}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`,
    '2022-04-01',
    {
      properties: {
        roleDefinitionId: definition['id'],
        principalId: valueAt(identity, 'properties', 'principalId'),
        principalType: 'ServicePrincipal',
      },
    },
  );
  return { 'client-id': String(valueAt(identity, 'properties', 'clientId')), 'resource-group': group };
}

function expectSuccess(step: PhaseResult): void {
  expect(step.exitCode, step.log).toBe(0);
}

/** A job whose OIDC token belongs to its event. */
function withSubject(job: Job, query: string): Job {
  job.env['ACTIONS_ID_TOKEN_REQUEST_URL'] += `&${query}`;
  return job;
}

describe('the role in docs/azure-role.json', () => {
  test('on the resource group permits every mode, and contains no action that no mode requests', async ({
    emulator,
  }) => {
    const identity = await createIdentityWithRole(emulator, 'smallest-role');
    await emulator.clearRecords();
    const inputs = { ...perPullRequestInputs('smallest-role'), ...identity };
    const base: Inputs = {
      ...inputs,
      'per-pull-request': 'false',
      extensions: 'pgcrypto',
      'server-parameters': 'work_mem=8192',
      tags: 'team=space',
      'on-drift': 'fix',
    };
    const onMain = (): Job => withSubject(new Job(emulator), 'ref=refs/heads/main');

    const created = onMain();
    expectSuccess(await created.step(base));
    for (const post of await created.runPosts()) expectSuccess(post); // deletes the temporary rule
    // In two steps: an update during the start fails later, which takes 30 s to notice without reading the operation.
    const changed = { ...base, tags: 'team=planets' };
    await emulator.patchServer('smallest-role', { properties: { state: 'Stopped' } });
    expectSuccess(await onMain().step(base)); // starts the server
    expectSuccess(await onMain().step(changed));
    expectSuccess(await onMain().step({ ...changed, mode: 'check', 'on-drift': 'fail' }));

    const job = (action: string): Job =>
      withSubject(pullRequestJob(emulator, 7, { action, state: 'open' }), 'event_name=pull_request');
    expectSuccess(await job('opened').step(inputs));
    expectSuccess(await job('closed').step({ ...inputs, mode: 'drop' }));
    expectSuccess(await onMain().step({ ...inputs, mode: 'sweep', 'per-pull-request': 'false' }));

    const used = (await emulator.requests())
      .filter(({ service, status }) => service === 'arm' && status < 400)
      .map(({ method, path }) => requiredPermission(method, path.replace(/\?.*/, '').split('/').slice(1)))
      .map((permission) => permission?.action.toLowerCase());
    const unused = role.Actions.filter((action) => !used.includes(action.toLowerCase()));
    // Operations are read, and a missing group is created, only if the role is on the subscription. A database is deleted
    // through ARM only if it belongs to the service.
    expect(unused).toEqual([
      'Microsoft.Resources/subscriptions/resourceGroups/write',
      'Microsoft.DBforPostgreSQL/locations/*',
      'Microsoft.DBforPostgreSQL/flexibleServers/databases/delete',
    ]);
  });
});
