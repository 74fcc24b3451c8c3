import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { adminLoginTo, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';

describe('a login failure never opens the firewall', () => {
  const inputs = { ...defaultInputs, 'server-name': 'logins', 'allowed-ip-ranges': 'here=198.51.100.7' };

  test('with a wrong password (28P01), and the error states what to check', async ({ emulator }) => {
    expect((await new Job(emulator).step(inputs)).exitCode).toBe(0);
    await emulator.clearRecords();
    const step = await new Job(emulator).step({ ...inputs, 'admin-password': 'Not-The-Password1' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('28P01');
    expect(step.log).toContain('Check admin-username and admin-password');
    expect(step.log).not.toMatch(/firewall rule .* could not|temporary (firewall )?rule/);
    expect(await emulator.armWrites()).toEqual([]);
  });

  test('with a role that does not exist', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...inputs, 'admin-username': 'unknown_role' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("as 'unknown_role' failed");
    expect(await emulator.armWrites()).toEqual([]);
  });

  test('with a database that the administrator cannot connect to, and the error names it', async ({
    emulator,
  }) => {
    const admin = await adminLoginTo(emulator, 'logins');
    await query(emulator, admin, 'CREATE DATABASE closed');
    await query(emulator, admin, 'ALTER DATABASE closed ALLOW_CONNECTIONS false').catch(() => []);
    await query(emulator, admin, 'ALTER DATABASE closed CONNECTION LIMIT 0').catch(() => []);
    await emulator.clearRecords();
    const step = await new Job(emulator).step({ ...inputs, database: 'closed' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("The login to database 'closed'");
    expect(await emulator.armWrites()).toEqual([]);
  });
});

test('a login that the role or the database forbids: the statements of the error permit it', async ({
  emulator,
}) => {
  const admin = await adminLoginTo(emulator, 'logins');
  const superuser = superuserLogin(admin.host);
  const inputs = {
    ...defaultInputs,
    'server-name': 'logins',
    'app-username': 'guarded',
    'app-password': 'Guarded-Password1',
  };
  expect((await new Job(emulator).step(inputs)).exitCode).toBe(0);
  const causes: readonly (readonly [cause: string, advice: string])[] = [
    ['ALTER ROLE guarded NOLOGIN', 'permits that with: '],
    [`ALTER ROLE guarded VALID UNTIL '2020-01-01'`, '(VALID UNTIL). Run as '],
    ['ALTER DATABASE relecloud ALLOW_CONNECTIONS false', 'run as its owner: '],
    [`ALTER ROLE guarded SET local_preload_libraries = 'nowhere'`, 'Remove the preset, as '],
  ];
  for (const [cause, advice] of causes) {
    await query(emulator, superuser, cause);
    const refused = await new Job(emulator).step(inputs);
    expect(refused.log, cause).toContain('(login-failed)');
    for (const statement of statementsAfter(refused.log, advice)) await query(emulator, admin, statement);
    const permitted = await new Job(emulator).step(inputs);
    expect(permitted.exitCode, permitted.log).toBe(0);
  }
});

describe('a limit of connections', () => {
  test('of 0 of a database is not awaited, and the statement of the error ends it', async ({ emulator }) => {
    const admin = await adminLoginTo(emulator, 'logins');
    await query(emulator, admin, 'CREATE DATABASE limited CONNECTION LIMIT 0');
    const inputs = { ...defaultInputs, 'server-name': 'logins', database: 'limited' };
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(connections-exhausted)');
    expect(step.log).not.toContain('Still waiting');
    const statement = /ALTER DATABASE "limited" CONNECTION LIMIT -1;/.exec(step.log)?.[0] ?? '';
    await query(emulator, admin, statement);
    expect((await new Job(emulator).step(inputs)).exitCode).toBe(0);
  });
});

describe('the address in PostgreSQL’s error', () => {
  test('is the one that the rule admits, even if the echo services see another', async ({ emulator }) => {
    await emulator.control('PUT', 'client', { ip: '198.51.100.7', echo: ['203.0.113.50', '203.0.113.50'] });
    const job = new Job(emulator);
    const step = await job.step({ ...defaultInputs, 'server-name': 'named' });
    expect(step.exitCode, step.log).toBe(0);
    const { rules } = await emulator.serverState('named');
    expect(Object.values(rules)).toMatchObject([
      { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' },
    ]);
    await job.runPosts();
    await emulator.control('PUT', 'client', { ip: '198.51.100.7' });
  });
});
