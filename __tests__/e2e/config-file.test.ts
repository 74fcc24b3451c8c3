import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { otherRepository, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

/** The inputs that a config-file must not contain. */
const secrets: Inputs = { 'admin-password': defaultInputs['admin-password'] ?? '' };
const configFileInputs: Inputs = { ...secrets, 'config-file': 'postgres.yml' };

const baseConfigFile = (server: string): string => `server-name: ${server}
region: westeurope
admin-username: relecloud_admin
database: relecloud
`;

/** Writes the config-file into the workspace of a job. */
function writeConfigFile<J extends Job>(job: J, text: string): J {
  writeFileSync(join(job.tempDirectory, 'postgres.yml'), text);
  return job;
}

const jobWithConfigFile = (emulator: EmulatorHarness, text: string): Job =>
  writeConfigFile(new Job(emulator), text);

/** The log without the add-mask commands. */
const visibleLog = (log: string): string => log.replace(/^::add-mask::.*$/gm, '');

const azureServices = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

describe('config-file', () => {
  test('can declare everything except secrets, and a second run plans nothing', async ({ emulator }) => {
    const text = `${baseConfigFile('of-a-file')}storage-size-gb: 64
backup-retention-days: 14
tags: { team: space-travel }
server-parameters: { work_mem: 8192 }
allowed-ip-ranges: { office: 198.51.100.0/24 }
extensions: [pgcrypto]
env-prefix: PG_
`;
    const step = await jobWithConfigFile(emulator, text).step(configFileInputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.exportedEnv).toMatchObject({ PG_NAME: 'relecloud' });
    expect(await emulator.serverState('of-a-file')).toMatchObject({
      properties: { storage: { storageSizeGB: 64 }, backup: { backupRetentionDays: 14 } },
      tags: { team: 'space-travel' },
      parameters: { work_mem: '8192' },
      rules: { office: { startIpAddress: '198.51.100.0', endIpAddress: '198.51.100.255' } },
    });

    await emulator.clearRecords();
    const again = await jobWithConfigFile(emulator, text).step(configFileInputs);
    expect(again.exitCode, again.log).toBe(0);
    expect(again.outputs).toMatchObject({ changes: '[]', drifted: 'false' });
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
  });

  test('is overridden by the step’s inputs, also by one with the default value', async ({ emulator }) => {
    const text = `${baseConfigFile('of-both')}allow-azure-services: true\nallowed-ip-ranges: [198.51.100.0/24]\n`;
    const own = { ...configFileInputs, 'allow-azure-services': 'false', database: 'relecloud_two' };
    const step = await jobWithConfigFile(emulator, text).step(own);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-name']).toBe('relecloud_two');
    expect(await emulator.ruleNames('of-both')).not.toContain(azureServices);

    const file = await jobWithConfigFile(emulator, text).step(configFileInputs);
    expect(file.exitCode, file.log).toBe(0);
    expect(await emulator.ruleNames('of-both')).toContain(azureServices);
  });

  test('is the location of the annotations of a check', async ({ emulator }) => {
    const server = 'of-a-check';
    const created = await jobWithConfigFile(emulator, baseConfigFile(server)).step(configFileInputs);
    expect(created.exitCode, created.log).toBe(0);
    const step = await jobWithConfigFile(
      emulator,
      `mode: check\n${baseConfigFile(server)}backup-retention-days: 21\n`,
    ).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/^::error [^:\n]*file=postgres\.yml,[^:\n]*line=6[^:\n]*::.*backup retention/m);
  });

  test('can contain skip-without-credentials, which skips a fork’s run', async ({ emulator }) => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: '' };
    const forkJob = (): Job => pullRequestJob(emulator, 9, { head: otherRepository }, env);
    const text = `${baseConfigFile('of-a-fork')}skip-without-credentials: true\n`;
    const step = await writeConfigFile(forkJob(), text).step({ 'config-file': 'postgres.yml' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/^::notice::Skipped: GitHub gives/m);

    const missing = await forkJob().step({ 'config-file': 'postgres.yml' });
    expect(missing.exitCode).toBe(1);
    expect(missing.log).toContain('check out the repository before this step');
    expect(missing.log).not.toContain('no-credentials');
    expect(await emulator.requests()).toEqual([]);
  });
});

describe('an invalid config-file is one error before any request', () => {
  const secret = 'Sw0rdfish-in-a-file';

  test('if it contains secrets, under any name, and their values are not shown', async ({ emulator }) => {
    const text = `${baseConfigFile('not-reached')}app-password: ${secret}-1\ngithub_token: ${secret}-2\ndb-password: ${secret}-3\nregion2: z\n`;
    const step = await jobWithConfigFile(emulator, text).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('4 inputs are invalid');
    expect(step.log).toContain('config-file postgres.yml, line 5, column 1: app-password is a secret');
    expect(step.log).toContain('config-file postgres.yml, line 6, column 1: github-token is a secret');
    for (const text of [visibleLog(step.log), step.summary, JSON.stringify(step.state)])
      expect(text).not.toContain(secret);
    for (const number of [1, 2, 3]) expect(step.log).toContain(`::add-mask::${secret}-${number}`);
    expect(await emulator.requests()).toEqual([]);
  });

  test('if its YAML is invalid: the error has line and column, but not the text', async ({ emulator }) => {
    const step = await jobWithConfigFile(
      emulator,
      `${baseConfigFile('not-reached')}region: "${secret}\n`,
    ).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/An input is invalid:.*config-file postgres\.yml, line \d+, column \d+: /s);
    expect(step.log).toContain('inputs-invalid');
    expect(step.log).not.toContain(secret);
    expect(await emulator.requests()).toEqual([]);
  });

  test('if it does not exist: the error states to check out the repository', async ({ emulator }) => {
    const step = await new Job(emulator).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('config-file postgres.yml is not in the workspace: check out the repository');
    expect(step.log).not.toContain('server-name is missing');
    expect(await emulator.requests()).toEqual([]);
  });

  test('if the file and the step have errors: all are reported together', async ({ emulator }) => {
    const text = `${baseConfigFile('not-reached')}high-availability: Sometimes\nfirewall: off\n`;
    const step = await jobWithConfigFile(emulator, text).step({ ...configFileInputs, 'on-drift': 'ignore' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('3 inputs are invalid');
    expect(step.log).toContain("config-file postgres.yml, line 5: high-availability is 'Sometimes'");
    expect(step.log).toContain('config-file postgres.yml, line 6, column 1: unknown input');
    expect(step.log).toContain("on-drift is 'ignore'");
    expect(await emulator.requests()).toEqual([]);
  });
});
