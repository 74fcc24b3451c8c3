import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { CommandProcessor } from '../../workflow-runner/workflow-commands.ts';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import { defaultInputs, Job, queryCommand, waitForFile } from '../helpers/e2e/job.ts';
import { adminLoginTo, loginFromOutputs, openSession, query } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'migrations', 'allowed-ip-ranges': 'here=198.51.100.7' };

test.beforeAll(async ({ emulator }) => {
  const step = await new Job(emulator).step(inputs);
  expect(step.exitCode, step.log).toBe(0);
});

const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** Process ids that a command has written, one a line. They are killed at the end of the test. */
function writtenPids(file: string): readonly number[] {
  const pids = readFileSync(file, 'utf8').trim().split('\n').map(Number);
  onTestFinished(() => {
    for (const pid of pids.filter(isRunning)) process.kill(pid, 'SIGKILL');
  });
  return pids;
}

/** Ids of the processes that have a variable with this value in their environment. */
const processesWithVariable = (value: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`=${value}\0`);
    } catch {
      return false;
    }
  });

describe('the migration’s environment', () => {
  test('is that of a run step and the connection, without the excluded variables', async ({ emulator }) => {
    const job = new Job(emulator, {
      AZURE_CLIENT_SECRET: emulator.instance.readyLine.clientSecret,
      ACTIONS_RUNTIME_TOKEN: 'runtime',
      ACTIONS_RESULTS_URL: 'https://results.invalid/',
      MY_OWN: 'value',
    });
    const file = join(job.tempDirectory, 'environment.json');
    const step = await job.step({
      ...inputs,
      formats: 'url,pg,jdbc,ado.net,asyncpg',
      'env-prefix': 'RELECLOUD_',
      'migration-command': `node -e "require('fs').writeFileSync('${file}', JSON.stringify(process.env))"`,
    });
    expect(step.exitCode, step.log).toBe(0);
    const environment = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    const excluded = Object.keys(environment).filter((name) =>
      /^(INPUT_|STATE_|GITHUB_STATE$|ACTIONS_(ID_TOKEN|RUNTIME|RESULTS|CACHE)_|AZURE_CLIENT_SECRET$)/.test(
        name,
      ),
    );
    expect(excluded).toEqual([]);
    expect(environment).toMatchObject({
      MY_OWN: 'value',
      GITHUB_ACTIONS: 'true',
      RELECLOUD_NAME: 'relecloud',
      PGDATABASE: 'relecloud',
    });
    expect(environment).toMatchObject(step.exportedEnv);
    expect(Object.values(environment)).not.toContain(emulator.instance.readyLine.clientSecret);
  });

  test('lets a client log in over verified TLS, and a NOTICE on standard error is not a failure (Azure/postgresql#33)', async ({
    emulator,
  }) => {
    const statement =
      "DO $$ BEGIN RAISE NOTICE 'only a notice'; END $$; CREATE TABLE IF NOT EXISTS ship (name text)";
    const command = `${queryCommand} "$STATEMENT"`;
    const step = await new Job(emulator, { STATEMENT: statement }).step({
      ...inputs,
      'migration-command': command,
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('NOTICE: only a notice');
    const login = loginFromOutputs(step.outputs);
    expect(await query(emulator, login, "SELECT to_regclass('ship')::text AS ship")).toEqual([
      { ship: 'ship' },
    ]);
  });
});

describe('the end of a migration', () => {
  test('a nonzero exit code, also in a pipe, fails the step; the connection stays published', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'migration-command': 'echo before; (exit 3) | cat; echo never',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('before');
    expect(step.log).not.toMatch(/^never$/m);
    expect(step.log).toContain('ended with exit code 3');
    expect(step.exportedEnv['DB_NAME']).toBe('relecloud');
  });

  test('its error names the cause that its output shows, with advice that solves it', async ({
    emulator,
  }) => {
    const otherDatabase = {
      ...inputs,
      'migration-command': 'psql "host=$DB_HOST dbname=other user=$DB_USER password=$DB_PASSWORD" -c ""',
    };
    const step = await new Job(emulator).spawnStep(otherDatabase);
    expect(step.log).toMatch(
      /The migration command ended with exit code 2\. The tool connects to database 'other', which does not exist\..*Let it read DB_NAME/,
    );
    const fixed = otherDatabase['migration-command'].replace('dbname=other', 'dbname=$DB_NAME');
    expect((await new Job(emulator).spawnStep({ ...inputs, 'migration-command': fixed })).exitCode).toBe(0);
  });

  test.for([
    ['ALTER DATABASE relecloud SET default_transaction_read_only = on'],
    ['ALTER ROLE relecloud_admin SET default_transaction_read_only = true'],
    ['ALTER ROLE relecloud_admin IN DATABASE relecloud SET default_transaction_read_only = on'],
  ])(
    'its error names what makes its sessions read-only, with a statement that ends it: %s',
    async ([preset = ''], { emulator }) => {
      const admin = await adminLoginTo(emulator, 'migrations');
      await query(emulator, admin, preset);
      const write = {
        ...inputs,
        'migration-command': `${queryCommand} 'CREATE TEMPORARY TABLE t AS SELECT 1; DROP SCHEMA IF EXISTS s'`,
      };
      const refused = await new Job(emulator).step(write);
      expect(refused.log).toMatch(
        /The migration command ended with exit code 1\.%0AIts sessions are read-only/,
      );
      const statements = statementsAfter(
        refused.log,
        'Remove the preset; run as the administrator, in one session:',
      );
      await openSession(emulator, admin, ...statements);
      const step = await new Job(emulator).step(write);
      expect(step.exitCode, step.log).toBe(0);
    },
  );

  test('its output contains no workflow command, except its own add-mask', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'migration-command': [
        'echo ::error::not an error',
        'echo ::add-mask::a-secret%0Aof-two-lines >&2',
        'echo the secret a-secret',
        'printf "::notice::not a notice"',
      ].join('\n'),
    });
    const masks: string[] = [];
    const annotations: string[] = [];
    const lines: string[] = [];
    const ignore = (): void => {};
    const processor = new CommandProcessor({
      addMask: (secret) => masks.push(secret),
      annotate: (_, message) => annotations.push(message),
      print: (text) => lines.push(text),
      debug: ignore,
      group: ignore,
      endGroup: ignore,
      setOutput: ignore,
      saveState: ignore,
    });
    for (const line of step.log.split('\n')) processor.process(line);
    expect(masks).toContain('a-secret\nof-two-lines');
    expect(annotations).toEqual([]);
    expect(lines).toEqual(
      expect.arrayContaining(['::error::not an error', 'the secret a-secret', '::notice::not a notice']),
    );
    expect(lines.join('\n')).not.toContain('of-two-lines');
    // Workflow commands have resumed: the group of the next phase has ended.
    expect(processor.failed).toBe(false);
    expect(lines.join('\n')).not.toContain('::endgroup::');
  });

  test('migration-timeout-minutes ends it with all processes that it has started', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'migration-command': 'setsid sleep 3600 & sleep 3600',
      'migration-timeout-minutes': '0.05',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('took longer than migration-timeout-minutes');
    // Post finds the processes of the migration by this value.
    const { tag } = JSON.parse(step.state['migration'] ?? '{}') as { tag?: string };
    expect(tag).toMatch(/^\w{20,}$/);
    expect(processesWithVariable(tag ?? '')).toEqual([]);
  });

  test('a process that it leaves in the background is ended, and logged', async ({ emulator }) => {
    const job = new Job(emulator);
    const pids = join(job.tempDirectory, 'pids');
    const step = await job.step({
      ...inputs,
      'migration-command': `setsid sleep 3600 & echo $! > ${pids}`,
    });
    const remaining = writtenPids(pids);
    expect(step.exitCode, step.log).toBe(0);
    expect(remaining.map(isRunning)).toEqual([false]);
    expect(step.log).toContain('Ended 1 process of the migration command.');
  });

  test('if the step is killed, post ends the migration, because no lock protects it any longer', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const [pids, started] = [join(job.tempDirectory, 'pids'), join(job.tempDirectory, 'started')];
    const step = await job.spawnStep(
      { ...inputs, 'migration-command': `echo $$ > ${pids}; touch ${started}; sleep 3600` },
      { onStarted: (child) => void waitForFile(started).then(() => child.kill('SIGKILL')), output: 'ignore' },
    );
    expect(step.signal).toBe('SIGKILL');
    const remaining = writtenPids(pids);
    expect(remaining.map(isRunning)).toEqual([true]);
    await job.runPosts();
    expect(remaining.map(isRunning)).toEqual([false]);
  });

  test('a cancelled job ends its whole process tree, and the error states that the run was cancelled', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const [pids, started] = [join(job.tempDirectory, 'pids'), join(job.tempDirectory, 'started')];
    const command = [
      `echo $$ > ${pids}`,
      `setsid sleep 3600 & echo $! >> ${pids}`,
      `(setsid bash -c 'trap "" TERM; echo $$ >> ${pids}; while :; do sleep 1; done' &)`,
      `bash -c 'trap "" TERM; echo $$ >> ${pids}; sleep 3600; sleep 3600' &`,
      `until [ "$(wc -l < ${pids})" = 4 ]; do sleep 0.05; done`,
      `touch ${started}`,
      'wait',
    ];
    const step = await job.spawnStep(
      { ...inputs, 'migration-command': command.join('\n') },
      { onStarted: (child) => void waitForFile(started).then(() => child.kill('SIGINT')) },
    );
    const ended = writtenPids(pids);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('was cancelled');
    expect(ended.map(isRunning)).toEqual([false, false, false, false]);
  });
});

describe('concurrent migrations', () => {
  test('wait for each other, and the waiting one logs the holder of the lock', async ({ emulator }) => {
    const [one, two] = [new Job(emulator), new Job(emulator)];
    const [inside, go, order] = ['inside', 'go', 'order'].map((name) => join(one.tempDirectory, name));
    const first = one.spawnStep({
      ...inputs,
      'migration-command': `touch ${inside}; until [ -e ${go} ]; do sleep 0.05; done; echo first >> ${order}`,
    });
    await waitForFile(inside ?? '');
    const second = two.spawnStep(
      { ...inputs, 'migration-command': `echo second >> ${order}` },
      {
        onStarted: (child) => {
          // Lets the first one end once the second one has logged the holder.
          child.stdout?.on('data', (text: string) => {
            if (String(text).includes('Another migration')) writeFileSync(go ?? '', '');
          });
        },
      },
    );
    const results = await Promise.all([first, second]);
    expect(
      results.map(({ exitCode }) => exitCode),
      results.map(({ log }) => log).join(),
    ).toEqual([0, 0]);
    expect(readFileSync(order ?? '', 'utf8')).toBe('first\nsecond\n');
    const holder = `run ${one.env['GITHUB_RUN_ID']}/1`;
    expect(results[1]?.log).toMatch(
      new RegExp(`Another migration of this database is running, by .*${holder}`),
    );
  });

  test('a session that hangs does not block a cancelled run', async ({ emulator }) => {
    const job = new Job(emulator);
    const started = join(job.tempDirectory, 'started');
    const login = await adminLoginTo(emulator, 'migrations', 'relecloud');
    let backend = 0;
    const freeze = async (): Promise<void> => {
      await waitForFile(started);
      const [holder] = await query(emulator, login, "SELECT pid FROM pg_locks WHERE locktype = 'advisory'");
      backend = Number(holder?.['pid']);
      process.kill(backend, 'SIGSTOP');
      onTestFinished(() => void process.kill(backend, 'SIGCONT'));
    };
    // Frozen until after the run: the guarantee is that the run ends.
    const step = await job.spawnStep(
      { ...inputs, 'migration-command': `touch ${started}; sleep 3600` },
      { onStarted: (child) => void freeze().then(() => child.kill('SIGINT')) },
    );
    expect(backend).toBeGreaterThan(0);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('was cancelled');
  });

  test('the loss of the lock’s session ends the migration', async ({ emulator }) => {
    const job = new Job(emulator);
    const started = join(job.tempDirectory, 'started');
    const login = await adminLoginTo(emulator, 'migrations', 'relecloud');
    const terminate = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
    const step = await job.spawnStep(
      { ...inputs, 'migration-command': `touch ${started}; sleep 300` },
      { onStarted: () => void waitForFile(started).then(() => query(emulator, login, terminate)) },
    );
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('The session that holds the migration lock was lost');
  });
});
