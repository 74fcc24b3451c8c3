import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';
import { accessToken } from '../helpers/emulator/arm-client.ts';

const inputs = { ...defaultInputs, 'server-name': 'signed-in' };

function withoutVariables(job: Job, ...names: readonly string[]): Job {
  for (const name of names) delete job.env[name];
  return job;
}

const withoutIdToken = (job: Job): Job =>
  withoutVariables(job, 'ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN');

const credential = (subject: string) => ({
  issuer: 'https://token.actions.githubusercontent.com',
  subject,
  audience: 'api://AzureADTokenExchange',
});

async function requestedGrants(
  emulator: EmulatorHarness,
  job: Job,
  more: Record<string, string> = {},
): Promise<{ step: PhaseResult; grants: string }> {
  await emulator.clearRecords();
  const step = await job.step({ ...inputs, ...more });
  const entra = (await emulator.requests()).filter(({ service }) => service === 'entra');
  return { step, grants: JSON.stringify(entra.map(({ path, body }) => [path, body])) };
}

describe('the action signs in to Azure', () => {
  test('with OIDC if the job can request a token, and post requests a new one', async ({ emulator }) => {
    const job = new Job(emulator);
    const { step, grants } = await requestedGrants(emulator, job);
    expect(step.exitCode, step.log).toBe(0);
    expect(grants).toContain('jwt-bearer');
    expect(step.log).toContain(
      `Signed in to Azure with OpenID Connect (client-id ${job.env['AZURE_CLIENT_ID']}, subject repo:relecloud/space-travel:ref:refs/heads/main)`,
    );
    await emulator.clearRecords();
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect((await emulator.requests()).filter(({ service }) => service === 'oidc').length).toBe(1);
  });

  test('with a client secret before OIDC, from the input or from AZURE_CLIENT_SECRET', async ({
    emulator,
  }) => {
    const { clientSecret } = emulator.instance.readyLine;
    for (const source of ['input', 'env'] as const) {
      const job = new Job(emulator, source === 'env' ? { AZURE_CLIENT_SECRET: clientSecret } : {});
      const { step, grants } = await requestedGrants(
        emulator,
        job,
        source === 'input' ? { 'client-secret': clientSecret } : {},
      );
      expect(step.exitCode, step.log).toBe(0);
      expect(grants).not.toContain('jwt-bearer');
      expect(step.log).toContain('Signed in to Azure with a client secret (client-id ');
      expect(step.log).toContain(`::add-mask::${clientSecret}`);
      expect(JSON.stringify(step.state)).not.toContain(clientSecret);
      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);
    }
    expect(await emulator.ruleNames('signed-in')).toEqual([]);
  });

  test('with a managed identity if the job cannot request a token', async ({ emulator }) => {
    const job = withoutIdToken(new Job(emulator, emulator.instance.readyLine.managedIdentity.env));
    await emulator.clearRecords();
    // In its own process, because the SDK remembers which kind of managed identity a process has.
    const step = await job.spawnStep(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.stringify(await emulator.requests())).toContain('/metadata/identity/oauth2/token');
    expect(step.log).toContain('Signed in to Azure with the managed identity of this runner');
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
  });

  test('with the az CLI’s session if nothing else is available', async ({ emulator }) => {
    // The az CLI prints a token as JSON. The token is from the emulated Entra.
    const job = withoutIdToken(
      new Job(emulator, { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' }),
    );
    const accessTokenText = await accessToken(emulator.instance);
    const session = {
      accessToken: accessTokenText,
      expires_on: Math.floor(Date.now() / 1000) + 3000,
      tokenType: 'Bearer',
    };
    writeFileSync(join(job.tempDirectory, 'az'), `#!/bin/sh\necho '${JSON.stringify(session)}'\n`);
    chmodSync(join(job.tempDirectory, 'az'), 0o755);
    job.env['PATH'] = `${job.tempDirectory}:${job.env['PATH']}`;
    const { step } = await requestedGrants(
      emulator,
      withoutVariables(job, 'AZURE_CLIENT_ID', 'AZURE_TENANT_ID'),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain(`::add-mask::${accessTokenText}`);
    expect(step.log).toContain('Signed in to Azure with the session of the az CLI');
    await job.runPosts();
  });

  test.for<[form: string, change: object, query: string, explanation: RegExp]>([
    [
      'names in another case',
      { federatedCredentials: [credential('repo:Relecloud/Space-Travel:ref:refs/heads/main')] },
      '',
      /AADSTS7002138.*only in upper and lower case/s,
    ],
    [
      'ids',
      { repository: 'octo/boats', repositoryId: 4711, oidcSubject: 'immutable' },
      '',
      /'repo:octo@\d+\/boats@4711:ref:refs\/heads\/main'.*contains the ids of owner and repository/s,
    ],
    [
      'chosen claims',
      { repository: 'octo/boats', oidcSubject: { claims: ['repository_id', 'context'] } },
      '&event_name=pull_request',
      /'repository_id:4711:pull_request'.*customized.*contains no branch/s,
    ],
    [
      'an environment',
      { repository: 'octo/boats', oidcSubject: 'name' },
      '&environment=it%27s:b',
      /has environment: it's:b, so a credential for a branch/,
    ],
    [
      'pull_request_target',
      { federatedCredentials: [credential('repo:octo/boats:pull_request')] },
      '&event_name=pull_request_target',
      /On pull_request_target.*default branch/,
    ],
    [
      'GitHub Enterprise Server',
      { repository: 'octo/boats', oidcIssuer: 'https://ghes.example/_services/token' },
      '',
      /AADSTS700211.*GitHub Enterprise Server/s,
    ],
  ])(
    'an OIDC token of %s that no credential matches: the printed command registers exactly it',
    async ([, change, query, explanation], { emulator }) => {
      await emulator.control('PATCH', 'state', change);
      const job = new Job(emulator);
      job.env['ACTIONS_ID_TOKEN_REQUEST_URL'] += query;
      const checkInputs = { ...inputs, mode: 'check', 'server-name': 'no-such-server' };
      const rejected = await job.step(checkInputs);
      expect(rejected.log).toContain('(sign-in-failed)');
      expect(rejected.log).toMatch(explanation);
      const parameters =
        /az ad app federated-credential create --id (\S+) --parameters ('(?:[^']|'\\'')*')/.exec(
          rejected.log.replaceAll('%0A', '\n').replaceAll('%25', '%'),
        );
      expect(parameters?.[1]).toBe(emulator.env['AZURE_CLIENT_ID']);
      // A shell reads the word as a user's shell does.
      const word = execFileSync('sh', ['-c', `printf %s ${parameters?.[2]}`], { encoding: 'utf8' });
      const { name, issuer, subject, audiences } = JSON.parse(word);
      expect(name).toMatch(/^[A-Za-z0-9][\w-]{2,119}$/);
      expect(audiences).toHaveLength(1);
      await emulator.control('PATCH', 'state', {
        federatedCredentials: [{ issuer, subject, audience: audiences[0] }],
      });
      expect((await job.step(checkInputs)).log).toMatch(
        /Server 'no-such-server' does not exist|server-not-found|drifted/,
      );
    },
  );

  test('each error number of Entra has its own advice, and none but a missing match blames a federated credential', async ({
    emulator,
  }) => {
    const advice: Readonly<Record<string, string>> = {
      AADSTS700016: 'has no application with this client-id',
      AADSTS90002: 'This tenant does not exist in this cloud',
      AADSTS900023: 'neither an id nor a domain',
      AADSTS7000215: 'set its value, not its id',
      AADSTS7000222: 'has expired',
      AADSTS7000112: 'is disabled in this tenant',
      AADSTS700024: 'check the clock of the runner',
      AADSTS700027: 'not signed by the issuer',
      AADSTS53003: 'Conditional Access policy',
      AADSTS500011: 'check azure-environment',
      AADSTS7000999: 'https://login.microsoftonline.com/error?code=7000999',
    };
    for (const [number, text] of Object.entries(advice)) {
      await emulator.clearRecords();
      const body = { error: 'invalid_client', error_description: `${number}: Refused. Trace ID: x` };
      await emulator.addFault({ service: 'entra', path: '/oauth2/' }, { status: 401, body }, { times: 9 });
      const step = await new Job(emulator).step({ ...inputs, mode: 'check' });
      expect(step.log, number).toContain(text);
      expect(step.log, number).not.toContain('federated');
    }
    await emulator.clearRecords();
  });

  test('or fails with an error that states why nothing else signs in, and what the job needs', async ({
    emulator,
  }) => {
    const job = withoutIdToken(
      new Job(emulator, { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' }),
    );
    writeFileSync(join(job.tempDirectory, 'az'), '#!/bin/sh\necho "ERROR: run az login" >&2; exit 1\n');
    chmodSync(join(job.tempDirectory, 'az'), 0o755);
    job.env['PATH'] = `${job.tempDirectory}:${job.env['PATH']}`;
    const step = await job.step({ ...inputs, mode: 'check' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/failed: this runner has no managed identity; .*az login/);
    expect(step.log).toContain('For OpenID Connect, add `permissions: id-token: write` to the job. Or');
  });

  test('an unknown tenant is named as the cause', async ({ emulator }) => {
    const tenant = '11111111-1111-1111-1111-111111111111';
    const step = await new Job(emulator).step({ ...inputs, mode: 'check', 'tenant-id': tenant });
    expect(step.log).toContain(`AADSTS90002: Tenant '${tenant}' not found`);
    expect(step.log).toContain('check tenant-id and azure-environment');
  });
});
