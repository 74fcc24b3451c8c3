import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { Session } from '../../src/postgres/session.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { adminLoginTo, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';

describe('an error states what happened, what to do, and Azure’s own code and correlation id', () => {
  test('a rejected request', async ({ emulator }) => {
    const body = {
      error: {
        code: 'AuthorizationFailed',
        message: 'The client X does not have authorization to perform action Y.',
      },
    };
    const headers = { 'x-ms-correlation-request-id': '0b5e7a6c-0000-4000-8000-000000000001' };
    await emulator.addFault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { status: 403, headers, body },
    );
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'rejected' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("A request to Azure failed while creating server 'rejected'");
    expect(step.log).toContain('AuthorizationFailed: The client X does not have authorization');
    expect(step.log).toContain('Correlation id: 0b5e7a6c-0000-4000-8000-000000000001');
    expect(step.log).toContain('What to do: Give the identity a role');
    expect(step.summary).toContain('AuthorizationFailed');
  });

  test('an accepted operation that fails later, whose error the SDK reports without a code', async ({
    emulator,
  }) => {
    const message =
      "Subscriptions are restricted from provisioning in location 'westeurope'. Try again in a different location.";
    await emulator.addFault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { operationFails: { code: 'LocationIsOfferRestricted', message } },
    );
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'restricted' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(`LocationIsOfferRestricted: ${message}`);
    expect(step.log).toMatch(/Correlation id: [0-9a-f-]{36}/);
    expect(step.log).toContain('choose another region');
  });

  test('a sign-in that Entra rejects: the error has its AADSTS number and a hint', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...defaultInputs, 'client-secret': 'not-the-secret' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AADSTS7000215');
    expect(step.log).toContain('The client secret is wrong');
    expect(step.log).not.toContain('not-the-secret\n%0A');
  });
});

describe('a response of megabytes becomes a short error and summary', () => {
  const message = `\u001b[31m${'so much '.repeat(425_000)}`;
  const rejection = { status: 403, body: { error: { code: 'AuthorizationFailed', message } } };
  const requests = [
    ['reading the server', { service: 'arm', method: 'GET', path: '/flexibleServers' }, rejection],
    ['creating the server', { service: 'arm', method: 'PUT', path: '/flexibleServers/' }, rejection],
    [
      'an operation that fails later',
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { operationFails: { code: 'LocationIsOfferRestricted', message } },
    ],
    [
      'signing in',
      { service: 'entra', method: 'POST', path: '/oauth2/' },
      { status: 400, body: { error: 'invalid_client', error_description: `AADSTS7000222: ${message}` } },
    ],
  ] as const;

  test.for(requests.map(([name, ...rest], i) => [name, ...rest, `huge-${i}`] as const))(
    '%s',
    async ([, match, then, server], { emulator }) => {
      await emulator.clearRecords();
      await emulator.addFault(match, then, { times: 9 });
      const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': server });
      await emulator.clearRecords();
      expect(step.exitCode).toBe(1);
      expect(step.log).toContain('characters in all)');
      expect(step.log).toContain('What to do: ');
      expect(step.log).not.toContain('\u001b');
      expect(step.log.length + step.summary.length).toBeLessThan(100_000);
    },
  );
});

describe('invalid inputs', () => {
  test('all invalid inputs are listed in one error, before any request', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      mode: 'ensure',
      'server-name': 'Bad_Name',
      'admin-username': 'azure_superuser',
      'storage-size-gb': '33',
      'backup-retention-days': '3',
      'allowed-ip-ranges': '1.2.3.4-1.2.3.3\n300.1.1.1',
      'runner-ip': '10.0.0.1',
      'env-prefix': 'GITHUB_',
      formats: 'url, odbc',
      'ssl-mode': 'disable',
      database: '1st',
      'migration-command': 'true',
      'working-directory': 'nowhere',
      'per-pull-request': 'true',
    });
    expect(step.exitCode).toBe(1);
    const listedInputs = [
      'server-name',
      'admin-username',
      'admin-password',
      'storage-size-gb',
      'backup-retention-days',
      'allowed-ip-ranges',
      'runner-ip',
      'env-prefix',
      'formats',
      'ssl-mode',
      'database',
      'working-directory',
      'pull-request-number',
      'migration-command',
    ];
    for (const name of listedInputs) expect(step.log).toContain(`- ${name}`);
    expect(step.log).toContain('15 inputs are invalid');
    expect(await emulator.requests()).toEqual([]);
  });

  test('inputs that are invalid for a new server are listed in one error, before the first write', async ({
    emulator,
  }) => {
    const { region: _, ...withoutRegion } = defaultInputs;
    const step = await new Job(emulator).step({
      ...withoutRegion,
      'server-name': 'missing',
      'admin-password': 'short',
      'high-availability': 'ZoneRedundant',
    });
    expect(step.exitCode).toBe(1);
    for (const name of [
      'region is missing',
      'admin-password has 5 characters',
      'high-availability is ZoneRedundant',
    ]) {
      expect(step.log).toContain(name);
    }
    expect(await emulator.armWrites()).toEqual([]);
  });
});

describe('the step succeeds after the advice of the error', () => {
  const inputs = {
    ...defaultInputs,
    'server-name': 'advised',
    'allowed-ip-ranges': '198.51.100.7',
  };
  const withRole = (database: string): Inputs => ({
    ...inputs,
    database,
    'app-username': `${database}_app`,
    'app-password': 'Of-the-application-1',
  });

  test.beforeAll(async ({ emulator }) => {
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
  });

  /** Creates a database whose schema a later step transfers to the application role. */
  async function createWithoutRole(emulator: EmulatorHarness, database: string): Promise<void> {
    const step = await new Job(emulator).step({ ...inputs, database });
    expect(step.exitCode, step.log).toBe(0);
  }

  test('server-ambiguous: resource-group selects one of the servers', async ({ emulator }) => {
    const [, subscription = ''] =
      /subscriptions\/([^/]+)/.exec((await emulator.requests())[0]?.path ?? '') ?? [];
    const server = (group: string) => ({
      id: `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/advised`,
      name: 'advised',
      properties: { state: 'Ready' },
    });
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '^/subscriptions/[^/]+/providers/.*/flexibleServers\\?' },
      { status: 200, body: { value: [server('advised'), server('moved')] } },
      { times: 9 },
    );
    const ambiguous = await new Job(emulator).step(inputs);
    expect(ambiguous.exitCode, ambiguous.log).toBe(1);
    expect(ambiguous.log).toContain(
      'resource groups advised, moved.%0AWhat to do: Set resource-group to the',
    );
    const step = await new Job(emulator).step({ ...inputs, 'resource-group': 'advised' });
    expect(step.exitCode, step.log).toBe(0);
  });

  test('sql-failed: what PostgreSQL reports is corrected', async ({ emulator }) => {
    const database = 'guarded';
    await createWithoutRole(emulator, database);
    const { host } = await adminLoginTo(emulator, 'advised');
    const superuser = superuserLogin(host, database);
    await query(
      emulator,
      superuser,
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the schema is frozen' USING HINT = 'Drop the trigger frozen.'; END $$;
       CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('ALTER SCHEMA') EXECUTE FUNCTION refuse()`,
    );
    const failed = await new Job(emulator).step(withRole(database));
    expect(failed.exitCode, failed.log).toBe(1);
    expect(failed.log).toContain(
      "did not execute ALTER SCHEMA (in database 'guarded', as 'relecloud_admin'): the schema is frozen (PostgreSQL’s hint: Drop the trigger frozen.) (SQLSTATE P0001)%0AWhat to do: Correct what PostgreSQL reports",
    );
    await query(emulator, superuser, 'DROP EVENT TRIGGER frozen');
    const step = await new Job(emulator).step(withRole(database));
    expect(step.exitCode, step.log).toBe(0);
  });

  test('session-lost: a second run continues', async ({ emulator }) => {
    const database = 'interrupted';
    await createWithoutRole(emulator, database);
    const { host } = await adminLoginTo(emulator, 'advised');
    const statement = await emulator.hold({ service: 'postgres', statement: '^ALTER SCHEMA' });
    const interrupted = new Job(emulator).step(withRole(database));
    await statement.triggered;
    await query(
      emulator,
      superuserLogin(host),
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'azure-postgresql-action%'`,
    );
    await statement.release();
    const lost = await interrupted;
    expect(lost.exitCode, lost.log).toBe(1);
    expect(lost.log).toContain(
      "ended during the run, at ALTER SCHEMA (in database 'interrupted', as 'relecloud_admin'): terminating connection due to administrator command (SQLSTATE 57P01)%0AWhat to do: An administrator ended the session, or the server shut down. Run the step again.",
    );
    expect(lost.log).toContain('(session-lost)');
    const step = await new Job(emulator).step(withRole(database));
    expect(step.exitCode, step.log).toBe(0);
  });
});

test('a transaction ends with its first error, not with the 25P02 of a later statement', async ({
  emulator,
}) => {
  const login = await adminLoginTo(emulator, 'advised');
  const target = { ...login, port: 5432, applicationName: 'test' };
  const session = new Session(target, 120_000, new AbortController().signal);
  await session.connect();
  onTestFinished(() => session.close());
  const transaction = session.transaction(async () => {
    await session.query('SELECT 1 / 0').catch(() => {});
    await session.query('SELECT 1');
  });
  await expect(transaction).rejects.toMatchObject({ code: '22012' });
  const readOnly = session.transaction(async () => {
    await session.query('SET TRANSACTION READ ONLY');
    await session.query('CREATE TABLE t (i int)').catch(() => {});
    await session.query('SELECT 1');
  });
  await expect(readOnly).rejects.toMatchObject({ code: 'server-read-only' });
  const next = session.transaction(() => session.query('SELECT 1 FROM missing'));
  await expect(next).rejects.toMatchObject({ code: '42P01' });
});

test('an error that nothing explains is `unexpected`, and the debug log has where it was thrown', async ({
  emulator,
}) => {
  const job = new Job(emulator, { RUNNER_DEBUG: '1' });
  const event = join(job.tempDirectory, 'event.json');
  writeFileSync(event, 'not JSON');
  job.env['GITHUB_EVENT_PATH'] = event;
  const step = await job.step(defaultInputs);
  expect(step.exitCode).toBe(1);
  expect(step.log).toMatch(
    /^::error::Unexpected error: .*not JSON.*What to do: .*debug logging.*\(unexpected\)$/m,
  );
  expect(step.summary).toContain('(unexpected)');
  expect(step.log).toMatch(/^::debug::.*SyntaxError.* at JSON\.parse/m);
});
