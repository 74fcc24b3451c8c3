import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { perPullRequestInputs, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const inputsForServer = (server: string, more: Record<string, string> = {}): Record<string, string> => ({
  ...defaultInputs,
  'server-name': server,
  'allowed-ip-ranges': '198.51.100.7',
  ...more,
});

async function allowListOf(emulator: EmulatorHarness, server: string): Promise<string> {
  const { servers } = await emulator.control<{
    servers: Record<string, { parameters: Record<string, string> }>;
  }>('GET', 'state');
  return servers[server]?.parameters['azure.extensions'] ?? '';
}

const INSTALLED_EXTENSIONS_SQL = `SELECT extname AS name, nspname AS schema FROM pg_extension e
  JOIN pg_namespace n ON n.oid = extnamespace WHERE extname NOT IN ('plpgsql', 'azure') ORDER BY extname`;

describe('extensions', () => {
  test('are added to the existing allow-list and created, and need no change in a second run', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step(
      inputsForServer('allow', { 'server-parameters': 'azure.extensions=unaccent' }),
    );
    expect(created.exitCode, created.log).toBe(0);
    const inputs = inputsForServer('allow', { extensions: 'HSTORE\nuuid-ossp' });
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(await allowListOf(emulator, 'allow')).toBe('unaccent,hstore,uuid-ossp');
    expect(await query(emulator, loginFromOutputs(step.outputs), INSTALLED_EXTENSIONS_SQL)).toEqual([
      { name: 'hstore', schema: 'public' },
      { name: 'uuid-ossp', schema: 'public' },
    ]);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'extension allow-list', name: 'azure.extensions', action: 'update' },
      { resource: 'extension', name: 'hstore', action: 'create' },
      { resource: 'extension', name: 'uuid-ossp', action: 'create' },
    ]);
    await emulator.clearRecords();
    const again = await new Job(emulator).step(inputs);
    expect(again.outputs['changes'], again.log).toBe('[]');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
  });

  test('of concurrent jobs are all on the allow-list afterwards', async ({ emulator }) => {
    await new Job(emulator).step(inputsForServer('several'));
    const names = ['hstore', 'citext', 'pg_trgm', 'unaccent', 'ltree'];
    const steps = await Promise.all(
      names.map((name) =>
        new Job(emulator).step(inputsForServer('several', { database: `db_${name}`, extensions: name })),
      ),
    );
    for (const step of steps) expect(step.exitCode, step.log).toBe(0);
    expect((await allowListOf(emulator, 'several')).split(',').toSorted()).toEqual(names.toSorted());
  });

  test('that the server does not offer are an error', async ({ emulator }) => {
    await new Job(emulator).step(inputsForServer('several'));
    const step = await new Job(emulator).step(inputsForServer('several', { extensions: 'no_such_thing' }));
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Extension 'no_such_thing' could not be created: Azure does not offer it");
    expect(step.log).toMatch(/What to do: Correct the input extensions\. Azure offers: .*, uuid-ossp\./);
    const misnamed = await new Job(emulator).step(inputsForServer('several', { extensions: 'uuid_ossp' }));
    expect(misnamed.log).toContain('did you mean uuid-ossp?');
    expect(await allowListOf(emulator, 'several')).not.toMatch(/no_such_thing|uuid_ossp/);
  });

  test('can be added to a pull request’s database later, and its role can use them', async ({ emulator }) => {
    await new Job(emulator).step(inputsForServer('several'));
    const inputs = perPullRequestInputs('several');
    expect((await pullRequestJob(emulator, 5).step(inputs)).exitCode).toBe(0);
    const step = await pullRequestJob(emulator, 5).step({ ...inputs, extensions: 'citext' });
    expect(step.exitCode, step.log).toBe(0);
    expect(await query(emulator, loginFromOutputs(step.outputs), `SELECT 'A'::citext = 'a' AS same`)).toEqual(
      [{ same: true }],
    );
    // The role owns schema public, and the script of an extension that PostgreSQL does not trust would run its objects.
    const untrusted = await pullRequestJob(emulator, 5).step({ ...inputs, extensions: 'citext\ndblink' });
    expect(untrusted.exitCode).toBe(1);
    expect(untrusted.log).toMatch(/'dblink'.*it is not a trusted extension/);
    const reset = { ...inputs, extensions: 'citext\ndblink', reset: 'true' };
    const recreated = await pullRequestJob(emulator, 5).step(reset);
    expect(recreated.exitCode, recreated.log).toBe(0);
  });
});
