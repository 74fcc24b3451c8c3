import { describe, expect } from 'vitest';
import type { EmulatorHarness, FaultMatch, HeldExchange } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { expectBlocked, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { pullRequestJob, repository } from '../helpers/e2e/pull-request.ts';
import { testWith } from '../helpers/e2e/test.ts';

// Azure drops the packets of a client that no rule admits.
const test = testWith({ blockedBehavior: 'timeout' });

describe('ensure', () => {
  test('admits a client, over verified TLS, only between the step and its post', async ({ emulator }) => {
    const job = new Job(emulator);
    const inputs = { ...defaultInputs, 'server-name': 'life-cycle' };
    // An earlier job creates the server, so that the test can check that the client is blocked before the step.
    const creatingJob = new Job(emulator);
    const created = await creatingJob.step(inputs);
    expect(created.log).toMatch(/^\+ create +server life-cycle .*\nCreated/ms);
    await creatingJob.runPosts();
    const login = loginFromOutputs(created.outputs);
    await expectBlocked(emulator, login);

    const step = await job.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(await query(emulator, login, 'SELECT current_database() AS name')).toEqual([
      { name: 'relecloud' },
    ]);

    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    await expectBlocked(emulator, login);
    expect(await emulator.ruleNames('life-cycle')).toEqual([]);
  });

  test('plans nothing in a second run, and writes nothing but its temporary rule', async ({ emulator }) => {
    const inputs = { ...defaultInputs, 'server-name': 'second-run' };
    const first = new Job(emulator);
    const created = await first.step(inputs);
    expect(JSON.parse(created.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'resource group', name: 'second-run', action: 'create' },
      { resource: 'server', name: 'second-run', action: 'create' },
      { resource: 'database', name: 'relecloud', action: 'create' },
    ]);
    expect(created.outputs).toMatchObject({ 'server-created': 'true', 'database-created': 'true' });
    await first.runPosts();

    await emulator.clearRecords();
    const second = await new Job(emulator).step(inputs);
    expect(second.exitCode, second.log).toBe(0);
    expect(second.outputs).toMatchObject({
      changes: '[]',
      'server-created': 'false',
      'database-created': 'false',
      drifted: 'false',
    });
    expect(second.log).not.toMatch(/^\+ create/m);
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
    const statements = await emulator.statements();
    expect(statements.filter(({ statement }) => !/^\s*(SELECT|SET|BEGIN|COMMIT)/i.test(statement))).toEqual(
      [],
    );
  });

  test('writes no temporary rule in a second step of a job, or if a declared rule admits the runner', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'one-job' };
    const job = new Job(emulator);
    await job.step(inputs);
    await emulator.clearRecords();
    const again = await job.step({ ...inputs, database: 'relecloud_two' });
    expect(again.exitCode, again.log).toBe(0);
    expect(await emulator.armWrites()).toEqual([]);
    await job.runPosts();

    const declared = { ...inputs, 'allowed-ip-ranges': 'office=198.51.100.0/24' };
    const first = await new Job(emulator).step(declared);
    expect(JSON.parse(first.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'firewall rule', name: 'office', action: 'create' },
    ]);
    await emulator.clearRecords();
    const second = await new Job(emulator).step(declared);
    expect(second.outputs['changes']).toBe('[]');
    expect(await emulator.armWrites()).toEqual([]);
    expect(await emulator.ruleNames('one-job')).toEqual(['office']);
  });
});

describe('a run that changes nothing', () => {
  const inputs = {
    ...defaultInputs,
    'server-name': 'rounds',
    'app-username': 'relecloud_app',
    'app-password': 'Another-Password1',
    'allowed-ip-ranges': 'here=198.51.100.7',
    'server-parameters': 'work_mem=8192',
    extensions: 'citext',
  };
  const arm = (path: string): FaultMatch => ({ service: 'arm', method: 'GET', path });
  const childrenIn = (group: string): readonly FaultMatch[] =>
    ['configurations/work_mem', 'configurations/azure\\.extensions', 'firewallRules'].map((child) =>
      arm(`/resourceGroups/${group}/providers/.*/flexibleServers/[^/]+/${child}\\?`),
    );
  const serverList = arm('/flexibleServers\\?');
  /** The first statement of a session that begins before Azure has answered. */
  const firstStatement: FaultMatch = { service: 'postgres', statement: 'set_config' };
  const armRequests = async (emulator: EmulatorHarness): Promise<number> =>
    (await emulator.requests()).filter(({ service }) => service === 'arm').length;

  /** Runs a step whose requests are held, round after round, until all of a round are pending. */
  async function runInRounds(
    emulator: EmulatorHarness,
    job: Job,
    given: Inputs,
    rounds: readonly (readonly FaultMatch[])[],
  ): Promise<void> {
    await emulator.clearRecords();
    const held: HeldExchange[] = [];
    for (const round of rounds) held.push(await emulator.holdAll(round));
    const step = job.step(given);
    for (const { triggered, release } of held) {
      await triggered;
      await release();
    }
    const { exitCode, log, outputs } = await step;
    expect(exitCode, log).toBe(0);
    expect(outputs['changes']).toBe('[]');
    expect(await emulator.armWrites()).toEqual([]);
  }

  const signIn: FaultMatch = { service: 'entra', path: '/oauth2/' };
  const echo: FaultMatch = { service: 'echo' };

  test('logs in and asks for its address while it signs in, and then reads Azure in one round', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step(inputs);
    expect(created.exitCode, created.log).toBe(0);
    const round = [serverList, ...childrenIn('rounds')];
    const early = [signIn, firstStatement, firstStatement, echo, echo];
    await runInRounds(emulator, new Job(emulator), inputs, [early, round]);
    expect(await armRequests(emulator)).toBe(round.length);
  });

  test('reads Azure in one round also with resource-group', async ({ emulator }) => {
    const round = [arm('/resourceGroups/rounds/.*/flexibleServers/rounds\\?'), ...childrenIn('rounds')];
    await runInRounds(emulator, new Job(emulator), { ...inputs, 'resource-group': 'rounds' }, [round]);
    expect(await armRequests(emulator)).toBe(round.length);
  });

  test('reads Azure in one round in mode check, while both sessions begin', async ({ emulator }) => {
    const database = arm('/databases/relecloud\\?');
    const round = [serverList, ...childrenIn('rounds'), database];
    const early = [signIn, firstStatement, firstStatement];
    await runInRounds(emulator, new Job(emulator), { ...inputs, mode: 'check' }, [early, round]);
    expect(await armRequests(emulator)).toBe(round.length);
  });

  test.for(['ensure', 'check'])(
    'reads what it compares in PostgreSQL once, while Azure answers, in mode %s',
    async (mode, { emulator }) => {
      const reads = [/FROM pg_roles r WHERE/, /FROM pg_database d WHERE/, /FROM pg_database d, pg_roles r/];
      if (mode === 'ensure') reads.push(/FROM pg_extension/, /SELECT o\.\*/);
      const countReads = async (): Promise<readonly number[]> => {
        const executed = (await emulator.statements()).filter(({ server }) => server === 'rounds');
        return reads.map((read) => executed.filter(({ statement }) => read.test(statement)).length);
      };
      const once = reads.map(() => 1);
      await emulator.clearRecords();
      const azure = await emulator.holdAll([serverList, ...childrenIn('rounds')]);
      const step = new Job(emulator).step({ ...inputs, mode });
      await azure.triggered;
      await expect.poll(countReads, { timeout: 60_000 }).toEqual(once);
      await azure.release();
      const { exitCode, log } = await step;
      expect(exitCode, log).toBe(0);
      expect(await countReads()).toEqual(once);
    },
  );

  test('reads Azure in two rounds if only the list shows the group of the server', async ({ emulator }) => {
    const elsewhere = { ...inputs, 'server-name': 'moved' };
    const created = await new Job(emulator).step({ ...elsewhere, 'resource-group': 'elsewhere' });
    expect(created.exitCode, created.log).toBe(0);
    const rounds = [[serverList, ...childrenIn('moved')], childrenIn('elsewhere')];
    await runInRounds(emulator, new Job(emulator), elsewhere, rounds);
    expect(await armRequests(emulator)).toBe(rounds.flat().length);
  });

  test('asks GitHub for the state of the pull request while it signs in', async ({ emulator }) => {
    const pullRequest = { ...inputs, 'per-pull-request': 'true', 'github-token': 'ghs_token' };
    await emulator.control('PATCH', 'state', {
      repository: repository.full_name,
      repositoryId: repository.id,
      pulls: { 5: { state: 'open' } },
    });
    const created = await pullRequestJob(emulator, 5).step(pullRequest);
    expect(created.exitCode, created.log).toBe(0);
    const gitHub: FaultMatch = { service: 'github', path: '/pulls/5$' };
    const round = [serverList, ...childrenIn('rounds')];
    await runInRounds(emulator, pullRequestJob(emulator, 5), pullRequest, [
      [signIn, firstStatement, firstStatement, gitHub],
      round,
    ]);
  });
});
