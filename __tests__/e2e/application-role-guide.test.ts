import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { blocksUnder } from '../helpers/document.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult, queryCommand } from '../helpers/e2e/job.ts';
import {
  adminLoginTo,
  isConnected,
  type Login,
  loginFromOutputs,
  openSession,
  query,
} from '../helpers/e2e/postgres-client.ts';
import { appPasswordKey } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

/** Follows docs/application-role.md as a person does, with its own steps and statements. */
const page = 'docs/application-role.md';
const server = 'application-role-guide';

/** The inputs of the step in a yaml block, with values for its secrets and variables. */
function inputsFrom(block: string, migration: string): Record<string, string> {
  const [step]: [{ with: Record<string, unknown> }] = parse(block);
  const values = Object.entries(step.with)
    .filter(([, value]) => !String(value).includes('${{ vars.'))
    .map(([name, value]) => [name, String(value)]);
  const inputs: Record<string, string> = Object.fromEntries(values);
  expect(inputs).toMatchObject({ 'app-username': 'relecloud_app', 'server-name': 'demo-relecloud' });
  return {
    ...inputs,
    'server-name': server,
    'resource-group': server,
    'admin-password': defaultInputs['admin-password'] ?? '',
    'app-password-key': appPasswordKey,
    'migration-command': 'migration-command' in inputs ? `${queryCommand} "${migration}"` : '',
  };
}

const migrate = 'ALTER TABLE django_migrations ADD COLUMN IF NOT EXISTS name text';
const rows = 'SELECT id FROM django_migrations';

const succeed = (step: PhaseResult): PhaseResult => {
  expect(step.exitCode, step.log).toBe(0);
  return step;
};

const administrator = (emulator: EmulatorHarness): Promise<Login> =>
  adminLoginTo(emulator, server, 'relecloud');

describe('docs/application-role.md, in the order of its sections', () => {
  const section = (heading: string, language: string) => blocksUnder(page, heading, language);
  const [firstDay = ''] = section('From the first day', 'yaml');
  const [runStatement = '', createRole = '', handOver = ''] = section(
    'Add it to a database that is in use',
    'yaml',
  );
  const [lend = '', takeBack = ''] = section('Add it to a database that is in use', 'sql');

  test('the handover of a database in use succeeds, and a session of the administrator never loses its access', async ({
    emulator,
  }) => {
    const {
      'app-username': _,
      'app-password-key': __,
      ...before
    } = inputsFrom(
      firstDay,
      'CREATE TABLE django_migrations (id serial); INSERT INTO django_migrations DEFAULT VALUES',
    );
    succeed(await new Job(emulator).step(before));
    const admin = await administrator(emulator);

    // What a person sees who only adds the role.
    const refused = await new Job(emulator).step(inputsFrom(firstDay, migrate));
    expect(refused.exitCode).toBe(1);
    expect(refused.log).toMatch(/must be owner of table django_migrations/);
    expect(refused.log).toContain('adopt-objects: true');
    await expect(query(emulator, loginFromOutputs(refused.outputs), rows)).rejects.toThrow(
      'permission denied for table django_migrations',
    );
    for (const attempt of [
      'ALTER TABLE django_migrations OWNER TO relecloud_app',
      'REASSIGN OWNED BY relecloud_admin TO relecloud_app',
    ])
      await expect(query(emulator, admin, attempt)).rejects.toMatchObject({ code: '42501' });

    succeed(await new Job(emulator).step(inputsFrom(createRole, migrate)));
    const deployed = await openSession(emulator, admin);
    expect((await deployed.query(rows)).rows).toEqual([{ id: 1 }]);
    await query(emulator, { ...admin, database: 'postgres' }, lend);
    const adopted = succeed(await new Job(emulator).step(inputsFrom(handOver, migrate)));
    expect(adopted.outputs['changes']).toContain('table public.django_migrations');
    expect((await deployed.query(rows)).rows).toEqual([{ id: 1 }]);
    const own = loginFromOutputs(adopted.outputs);
    expect(own.user).toBe('relecloud_app');
    expect(await query(emulator, own, rows)).toEqual([{ id: 1 }]);

    expect(lend).toBe(`${parse(runStatement)[0].env.STATEMENT}\n`);
    await query(emulator, admin, takeBack);
    await expect(deployed.query(rows)).rejects.toMatchObject({ code: '42501' });
    const again = succeed(await new Job(emulator).step(inputsFrom(handOver, migrate)));
    expect(again.outputs['changes']).toBe('[]');
  });

  test('a role that only reads can read present and later tables, and write none', async ({ emulator }) => {
    const [create = '', grant = ''] = section('A role that only reads', 'sql');
    await query(emulator, await administrator(emulator), create);
    await query(emulator, await administrator(emulator), "ALTER ROLE relecloud_reader PASSWORD 'Reader-1'");
    const own = loginFromOutputs(
      succeed(await new Job(emulator).step(inputsFrom(firstDay, grant.replaceAll('\n', ' ')))).outputs,
    );
    await query(emulator, own, 'CREATE TABLE later (id int)');
    const reader = { ...own, user: 'relecloud_reader', password: 'Reader-1' };
    expect(await query(emulator, reader, rows)).toEqual([{ id: 1 }]);
    expect(await query(emulator, reader, 'SELECT id FROM later')).toEqual([]);
    for (const write of ['INSERT INTO later VALUES (1)', 'CREATE TABLE mine ()'])
      await expect(query(emulator, reader, write)).rejects.toMatchObject({ code: '42501' });
  });

  test('the role can do what the table lists, and nothing of the other column', async ({ emulator }) => {
    succeed(await new Job(emulator).step({ ...inputsFrom(firstDay, 'SELECT 1'), ...payments }));
    const own = loginFromOutputs(
      succeed(await new Job(emulator).step(inputsFrom(firstDay, migrate))).outputs,
    );
    await query(emulator, await administrator(emulator), 'CREATE SCHEMA others CREATE TABLE theirs ()');
    await query(
      emulator,
      own,
      `CREATE SCHEMA journeys CREATE TABLE flights (id int); DROP SCHEMA journeys CASCADE;
       GRANT SELECT ON django_migrations TO PUBLIC; REVOKE SELECT ON django_migrations FROM PUBLIC`,
    );
    for (const denied of [
      'SELECT FROM others.theirs',
      'ALTER TABLE others.theirs ADD a int',
      'CREATE ROLE other',
      'CREATE DATABASE other',
      'ALTER DATABASE relecloud SET work_mem = 64',
      'CREATE EXTENSION IF NOT EXISTS citext',
    ])
      await expect(query(emulator, own, denied), denied).rejects.toMatchObject({ code: '42501' });
    await expect(query(emulator, { ...own, database: 'payments' }, 'SELECT 1')).rejects.toThrow(
      'permission denied for database',
    );
  });

  test('two applications with one key have different passwords; a second role for one database is warned about', async ({
    emulator,
  }) => {
    const first = succeed(await new Job(emulator).step(inputsFrom(firstDay, 'SELECT 1')));
    const second = succeed(
      await new Job(emulator).step({ ...inputsFrom(firstDay, 'SELECT 1'), ...payments }),
    );
    expect(second.outputs['db-user']).toBe('payments_app');
    expect(second.outputs['db-password']).not.toBe(first.outputs['db-password']);
    const sharing = { ...inputsFrom(firstDay, 'SELECT 1'), 'app-username': 'reports_app' };
    const third = succeed(await new Job(emulator).step(sharing));
    expect(third.log).toMatch(
      /^::warning::Schema public .* is owned by 'relecloud_app' and keeps its owner/m,
    );
  });

  test('the statements for a leaked key end the sessions of the role and leave no membership', async ({
    emulator,
  }) => {
    const step = succeed(await new Job(emulator).step(inputsFrom(firstDay, 'SELECT 1')));
    const stolen = await openSession(emulator, loginFromOutputs(step.outputs));
    expect(await isConnected(stolen)).toBe(true);
    const admin = await administrator(emulator);
    const [statements = ''] = section('Rotate its password', 'sql');
    await query(emulator, admin, statements);
    expect(await isConnected(stolen)).toBe(false);
    await expect(query(emulator, admin, rows)).rejects.toMatchObject({ code: '42501' });
  });

  test('the statements that remove the role leave its tables to the administrator', async ({ emulator }) => {
    const admin = await administrator(emulator);
    const [statements = ''] = section('Remove it', 'sql');
    await query(emulator, admin, statements);
    expect(await query(emulator, admin, rows)).toEqual([{ id: 1 }]);
    expect((await emulator.serverState(server)).roles['relecloud_app']).toBeUndefined();
  });
});

const payments = { database: 'payments', 'app-username': 'payments_app' };
