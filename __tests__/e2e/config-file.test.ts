import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { otherRepository, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

/** What no file can hold. */
const secrets: Inputs = { 'admin-password': defaultInputs['admin-password'] ?? '' };
const configFileInputs: Inputs = { ...secrets, 'config-file': 'postgres.yml' };

const baseConfigFile = (server: string): string => `server-name: ${server}
region: westeurope
admin-username: relecloud_admin
database: relecloud
`;

/** A job that has checked out a repository with this file at its root. */
function writeConfigFile<J extends Job>(job: J, text: string): J {
  writeFileSync(join(job.tempDirectory, 'postgres.yml'), text);
  return job;
}

const jobWithConfigFile = (emulator: EmulatorHarness, text: string): Job =>
  writeConfigFile(new Job(emulator), text);

/** The log without the commands that tell the runner what to mask. */
const visibleLog = (log: string): string => log.replace(/^::add-mask::.*$/gm, '');

const azureServices = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

describe('config-file: YAML holding any of these inputs except secrets; the step’s own win', () => {
  test('a file alone makes the server that it declares, and the second run plans nothing', async ({
    emulator,
  }) => {
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

  test('the step wins, also where it says what the default is anyway', async ({ emulator }) => {
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

  test('what a check finds stands at the line of the file that declares it', async ({ emulator }) => {
    const server = 'of-a-check';
    const made = await jobWithConfigFile(emulator, baseConfigFile(server)).step(configFileInputs);
    expect(made.exitCode, made.log).toBe(0);
    const step = await jobWithConfigFile(
      emulator,
      `mode: check\n${baseConfigFile(server)}backup-retention-days: 21\n`,
    ).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/^::error [^:\n]*file=postgres\.yml,[^:\n]*line=6[^:\n]*::.*backup retention/m);
  });

  test('a fork’s run is skipped where the file says so, and its mode counts', async ({ emulator }) => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: '' };
    const forks = (): Job => pullRequestJob(emulator, 9, { head: otherRepository }, env);
    const text = `${baseConfigFile('of-a-fork')}skip-without-credentials: true\n`;
    const step = await writeConfigFile(forks(), text).step({ 'config-file': 'postgres.yml' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/^::notice::Skipped: GitHub gives/m);

    const missing = await forks().step({ 'config-file': 'postgres.yml' });
    expect(missing.exitCode).toBe(1);
    expect(missing.log).toContain('was the repository checked out');
    expect(missing.log).not.toContain('no-credentials');
    expect(await emulator.requests()).toEqual([]);
  });
});

describe('a file that is not usable is one error, before any request', () => {
  const secret = 'Sw0rdfish-in-a-file';

  test('secrets are refused without being shown, whatever the name in front of them', async ({
    emulator,
  }) => {
    const text = `${baseConfigFile('not-reached')}app-password: ${secret}-1\ngithub_token: ${secret}-2\ndb-password: ${secret}-3\nregion2: z\n`;
    const step = await jobWithConfigFile(emulator, text).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('4 inputs are not usable');
    expect(step.log).toContain('config-file postgres.yml, line 5, column 1: app-password is a secret');
    expect(step.log).toContain('config-file postgres.yml, line 6, column 1: github-token is a secret');
    for (const kept of [visibleLog(step.log), step.summary, JSON.stringify(step.state)])
      expect(kept).not.toContain(secret);
    for (const number of [1, 2, 3]) expect(step.log).toContain(`::add-mask::${secret}-${number}`);
    expect(await emulator.requests()).toEqual([]);
  });

  test('broken YAML is told with its line and column, and nothing of the text is shown', async ({
    emulator,
  }) => {
    const step = await jobWithConfigFile(
      emulator,
      `${baseConfigFile('not-reached')}region: "${secret}\n`,
    ).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/An input is not usable:.*config-file postgres\.yml, line \d+, column \d+: /s);
    expect(step.log).toContain('inputs-invalid');
    expect(step.log).not.toContain(secret);
    expect(await emulator.requests()).toEqual([]);
  });

  test('a file that is not there: was the repository checked out?', async ({ emulator }) => {
    const step = await new Job(emulator).step(configFileInputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(
      'config-file postgres.yml is not in the workspace: was the repository checked out',
    );
    expect(step.log).not.toContain('server-name is missing');
    expect(await emulator.requests()).toEqual([]);
  });

  test('faults of the file and of the step are told together', async ({ emulator }) => {
    const text = `${baseConfigFile('not-reached')}high-availability: Sometimes\nfirewall: off\n`;
    const step = await jobWithConfigFile(emulator, text).step({ ...configFileInputs, 'on-drift': 'ignore' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('3 inputs are not usable');
    expect(step.log).toContain("config-file postgres.yml, line 5: high-availability is 'Sometimes'");
    expect(step.log).toContain('config-file postgres.yml, line 6, column 1: this is no input');
    expect(step.log).toContain("on-drift is 'ignore'");
    expect(await emulator.requests()).toEqual([]);
  });
});
