import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { blocksUnder } from '../helpers/document.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { loginFromOutputs, openSession, query } from '../helpers/e2e/postgres-client.ts';
import { appPasswordKey, PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const SERVER = 'guides';

/** The server of all tests of this file; only the first call creates it. */
const createServer = async (emulator: EmulatorHarness): Promise<PullRequestServer> =>
  (await PullRequestServer.create(emulator, SERVER)).server;

describe('a person who follows “Connect as a person” in docs/pull-requests.md', () => {
  const section = (language: string) => blocksUnder('docs/pull-requests.md', 'Connect as a person', language);

  test('derives the password that the action has given to the role', async ({ emulator }) => {
    const server = await createServer(emulator);
    const opened = await server.runSuccessfulStep(7);
    const [command = ''] = section('sh').flatMap((code) => /(?<=\$\()node -e '[^']*' [^)]*/.exec(code) ?? []);
    const { PATH } = process.env;
    const { stdout } = await promisify(execFile)('bash', ['-euc', command], {
      env: { PATH, DB_APP_PASSWORD_KEY: appPasswordKey, SERVER_ID: opened.outputs['server-id'] },
    });
    expect(stdout).toBe(`${opened.outputs['db-password']}\n`);
  });

  test('acts as the role after a login as the administrator, and does not prevent the drop', async ({
    emulator,
  }) => {
    const server = await createServer(emulator);
    const own = await server.ensureDatabase(7);
    const [sql = ''] = section('sql');
    const [become = '', leave = ''] = sql.split(/^--.*$/m);
    const person = await openSession(emulator, server.adminLogin(own.database));
    await person.query(become);
    await person.query('CREATE TABLE notes (id int)');
    await query(emulator, own, 'ALTER TABLE notes ADD COLUMN text text');
    await person.query(leave);
    await expect(person.query(`SET ROLE ${own.user}`)).rejects.toThrow(/permission denied to set role/);
    await person.query(become);
    // As the workflow in docs/operations.md that a person starts: its event has no pull request.
    const dropped = await new Job(emulator, { GITHUB_EVENT_NAME: 'workflow_dispatch' }).step({
      ...defaultInputs,
      mode: 'drop',
      'server-name': SERVER,
      'app-username': 'relecloud_app',
      'pull-request-number': '7',
    });
    expect(JSON.parse(dropped.outputs['dropped'] ?? ''), dropped.log).toEqual([
      { resource: 'database', name: own.database },
      { resource: 'role', name: own.user },
    ]);
    await expect(person.query('SELECT 1')).rejects.toThrow();
  });
});

test('two databases in one job have their own DB_* with env-prefix, and DATABASE_URL is that of the last step', async ({
  emulator,
}) => {
  await createServer(emulator);
  const job = new Job(emulator);
  const inputs = { ...defaultInputs, 'server-name': SERVER, 'app-password-key': appPasswordKey };
  const step = async (application: string) => {
    const result = await job.step({
      ...inputs,
      database: application,
      'app-username': `${application}_app`,
      'env-prefix': `${application.toUpperCase()}_DB_`,
    });
    expect(result.exitCode, result.log).toBe(0);
    return result;
  };
  const shop = await step('shop');
  const billing = await step('billing');
  expect(job.env).toMatchObject({
    SHOP_DB_NAME: 'shop',
    SHOP_DB_USER: 'shop_app',
    BILLING_DB_NAME: 'billing',
    BILLING_DB_USER: 'billing_app',
    DATABASE_URL: billing.outputs['database-url'],
  });
  expect(shop.outputs['database-url']).toContain('/shop?');
  await expect(
    query(emulator, { ...loginFromOutputs(shop.outputs), database: 'billing' }, 'SELECT 1'),
  ).rejects.toThrow(/permission denied for database "billing"/);
});

test('the second application role of a database does not get schema public, but can create its own schema', async ({
  emulator,
}) => {
  await createServer(emulator);
  const step = await new Job(emulator).step({
    ...defaultInputs,
    'server-name': SERVER,
    'app-username': 'second_app',
    'app-password-key': appPasswordKey,
  });
  expect(step.exitCode, step.log).toBe(0);
  expect(step.log).toContain("Schema public of database 'relecloud' is owned by 'relecloud_app'");
  await query(emulator, loginFromOutputs(step.outputs), 'CREATE SCHEMA second CREATE TABLE trips (id int)');
});

test('docs/operations.md removes a base database and its role with two statements', async ({ emulator }) => {
  const server = await createServer(emulator);
  const [sql = ''] = blocksUnder('docs/operations.md', 'A base database and its role', 'sql');
  const [dropDatabase = '', dropRole = ''] = sql.split('\n');
  await server.queryAsAdmin(dropDatabase);
  await server.queryAsAdmin(dropRole);
  const { databases, roles } = await emulator.serverState(SERVER);
  expect([databases['relecloud'], roles['relecloud_app']]).toEqual([undefined, undefined]);
});
