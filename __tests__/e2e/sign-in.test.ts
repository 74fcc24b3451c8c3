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

async function requestedGrants(
  emulator: EmulatorHarness,
  job: Job,
  more: Record<string, string> = {},
): Promise<{ step: PhaseResult; grants: string }> {
  await emulator.clearRecords();
  const step = await job.spawnStep({ ...inputs, ...more });
  const entra = (await emulator.requests()).filter(({ service }) => service === 'entra');
  return { step, grants: JSON.stringify(entra.map(({ path, body }) => [path, body])) };
}

describe('the action signs in to Azure', () => {
  test('with OIDC if the job can request a token, and post requests a new one', async ({ emulator }) => {
    const job = new Job(emulator);
    const { step, grants } = await requestedGrants(emulator, job);
    expect(step.exitCode, step.log).toBe(0);
    expect(grants).toContain('jwt-bearer');
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
      expect(step.log).toContain(`::add-mask::${clientSecret}`);
      expect(JSON.stringify(step.state)).not.toContain(clientSecret);
      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);
    }
    expect(await emulator.ruleNames('signed-in')).toEqual([]);
  });

  test('with a managed identity if the job cannot request a token', async ({ emulator }) => {
    const job = withoutIdToken(new Job(emulator, emulator.instance.readyLine.managedIdentity.env));
    const { step, grants } = await requestedGrants(emulator, job);
    expect(step.exitCode, step.log).toBe(0);
    expect(grants).toContain('/metadata/identity/oauth2/token');
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
    await job.runPosts();
  });

  test('or fails with an error that states what the job needs', async ({ emulator }) => {
    const job = withoutIdToken(
      new Job(emulator, { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' }),
    );
    const { step } = await requestedGrants(emulator, job);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('id-token: write');
  });
});
