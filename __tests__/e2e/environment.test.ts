import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'environments' };

/** Variables that the action's libraries read, with values that would break the run. */
const variables: Readonly<Record<string, string>> = {
  NODE_PG_FORCE_NATIVE: '1',
  PGREPLICATION: 'database',
  PGSSLNEGOTIATION: 'none',
  AZURE_REGIONAL_AUTHORITY_NAME: 'westeurope',
  MSAL_FORCE_REGION: 'westeurope',
};

test('variables that an earlier step has set reach the migration, but not the libraries of main and post', async ({
  emulator,
}) => {
  const own = { ...variables, PGOPTIONS: '-c search_path=public', NODE_TLS_REJECT_UNAUTHORIZED: '1' };
  const job = new Job(emulator, own);
  const file = join(job.tempDirectory, 'environment.json');
  const step = await job.spawnStep({
    ...inputs,
    'migration-command': `node -e "require('fs').writeFileSync('${file}', JSON.stringify(process.env))"`,
  });
  expect(step.exitCode, step.log).toBe(0);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject(own);
  // @actions/github reads a proxy when it is loaded, and one of a later step must not end post.
  Object.assign(job.env, { https_proxy: 'http://user:100%@proxy:3128', HTTP_PROXY: 'socks5://127.0.0.1:1' });
  const [post] = await job.runPosts();
  expect(post?.exitCode, post?.log).toBe(0);
  expect(post?.log).toContain('Removed the temporary firewall rule');
});

test('a proxy that is not usable fails the step before the first request, with the variable and without its password', async ({
  emulator,
}) => {
  await emulator.clearRecords();
  const job = new Job(emulator, {
    https_proxy: 'user:VerySecurePassword%211@10.0.0.1:3128',
    // Not used, because https_proxy counts first.
    HTTPS_PROXY: 'socks5://127.0.0.1:1',
  });
  const step = await job.spawnStep(inputs);
  expect(step.exitCode).toBe(1);
  expect(step.log).toContain('The environment of the job cannot be used:');
  expect(step.log).not.toContain('in the step, or in its config-file');
  expect(step.log).toContain('the environment variable https_proxy is not the URL of a proxy');
  expect(step.log).not.toContain('socks5');
  expect(step.log).toContain('http://host:port');
  expect(step.log).toContain('(inputs-invalid)');
  expect(step.log.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain('VerySecurePassword');
  expect(step.log).toContain('::add-mask::VerySecurePassword!1');
  expect(await emulator.requests()).toEqual([]);
});
