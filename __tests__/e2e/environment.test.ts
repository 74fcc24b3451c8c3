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
  const [post] = await job.runPosts();
  expect(post?.exitCode, post?.log).toBe(0);
  expect(post?.log).toContain('Removed the temporary firewall rule');
});
