import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { blocksUnder } from '../helpers/document.ts';
import { defaultInputs, droppedNames, Job, queryCommand } from '../helpers/e2e/job.ts';
import { loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { appPasswordKey, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

interface Workflow {
  readonly jobs: Readonly<
    Record<string, { strategy: { matrix: { shard: number[] } }; steps: { uses?: string; with?: object }[] }>
  >;
}

describe('the matrix of docs/jobs.md', () => {
  const [text = ''] = blocksUnder('docs/jobs.md', 'Matrix', 'yaml');
  const { jobs }: Workflow = parse(text);

  /** The inputs of the step in one job of the matrix, as GitHub evaluates them. */
  function inputsOf(job: string, shard: number): Record<string, string> {
    const step = jobs[job]?.steps.find(({ uses }) => uses?.startsWith('OWNER/azure-postgresql-action'));
    const values: Readonly<Record<string, string>> = {
      'matrix.shard': String(shard),
      'secrets.DB_ADMIN_PASSWORD': defaultInputs['admin-password'] ?? '',
      'secrets.DB_APP_PASSWORD_KEY': appPasswordKey,
    };
    return Object.fromEntries(
      Object.entries(step?.with ?? {}).flatMap(([name, value]) => {
        // The emulator's ids are in the environment.
        if (/vars\./.test(String(value))) return [];
        const evaluated = String(value).replaceAll(/\$\{\{ (\S+) \}\}/g, (_, key: string) => {
          expect(values, key).toHaveProperty([key]);
          return values[key] ?? '';
        });
        return [[name, evaluated]];
      }),
    );
  }

  test('gives each shard of a pull request its own database and role, at once on a server that does not exist yet; drop removes each', async ({
    emulator,
  }) => {
    const shards = jobs['test']?.strategy.matrix.shard ?? [];
    expect(shards).toEqual([1, 2]);
    expect(jobs['drop']?.strategy.matrix.shard).toEqual(shards);
    const steps = await Promise.all(
      shards.map((shard) =>
        pullRequestJob(emulator, 7).step({
          ...inputsOf('test', shard),
          'migration-command': `${queryCommand} "CREATE TABLE shard AS SELECT ${shard} AS number"`,
        }),
      ),
    );
    for (const [i, step] of steps.entries()) {
      expect(step.exitCode, step.log).toBe(0);
      expect(step.outputs).toMatchObject({
        'db-name': `relecloud_${i + 1}_pr_7`,
        'db-user': `relecloud_app_${i + 1}_pr_7`,
      });
      const rows = await query(emulator, loginFromOutputs(step.outputs), 'SELECT number FROM shard');
      expect(rows).toEqual([{ number: i + 1 }]);
    }
    expect(steps.filter(({ outputs }) => outputs['server-created'] === 'true')).toHaveLength(1);

    const drops = await Promise.all(
      shards.map((shard) =>
        pullRequestJob(emulator, 7, { name: 'pull_request_target', action: 'closed', state: 'closed' }).step(
          inputsOf('drop', shard),
        ),
      ),
    );
    for (const [i, step] of drops.entries()) {
      expect(step.exitCode, step.log).toBe(0);
      expect(droppedNames(step)).toEqual([`relecloud_${i + 1}_pr_7`, `relecloud_app_${i + 1}_pr_7`]);
    }
  });
});

describe('two steps of one job at once', () => {
  test('have their own variables and outputs with env-prefix, and the posts remove every temporary rule', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const databases = ['shop', 'billing'];
    const steps = await Promise.all(
      databases.map((database) =>
        job.step({
          ...defaultInputs,
          'server-name': 'parallel-steps',
          database,
          'app-username': `${database}_app`,
          'app-password-key': appPasswordKey,
          'env-prefix': `${database.toUpperCase()}_DB_`,
        }),
      ),
    );
    for (const [i, step] of steps.entries()) {
      expect(step.exitCode, step.log).toBe(0);
      expect(step.outputs['db-name']).toBe(databases[i]);
    }
    expect(job.env).toMatchObject({ SHOP_DB_USER: 'shop_app', BILLING_DB_USER: 'billing_app' });
    for (const post of await job.runPosts()) expect(post.exitCode, post.log).toBe(0);
    expect((await emulator.serverState('parallel-steps')).rules).toEqual({});
  });
});
