import { describe, expect, test } from 'vitest';
import { type Azure, useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';
import { query } from '../helpers/e2e/postgres-client.ts';

const bench = useAzure({ blocked: 'reject' });

const writesToArm = async (azure: Azure) =>
  (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET');

describe('law 9: a login failure never opens the firewall', () => {
  const inputs = { ...tutorial, 'server-name': 'logins', 'allowed-ip-ranges': 'here=198.51.100.7' };

  test('a wrong password (28P01) is what it is, and the error says what to check', async () => {
    const { azure } = bench;
    expect((await new Job(azure).step(inputs)).exitCode).toBe(0);
    await azure.forget();
    const step = await new Job(azure).step({ ...inputs, 'admin-password': 'Not-The-Password1' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('28P01');
    expect(step.log).toContain('Check admin-username and admin-password');
    expect(step.log).not.toMatch(/firewall rule .* could not|Opening a temporary way/);
    expect(await writesToArm(azure)).toEqual([]);
  });

  test('a role that does not exist or may not log in is refused in the same way', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({ ...inputs, 'admin-username': 'nobody_known' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("as 'nobody_known' was refused");
    expect(await writesToArm(azure)).toEqual([]);
  });

  test('a database that refuses the administrator is named, with the firewall left alone', async () => {
    const { azure } = bench;
    const admin = {
      user: 'relecloud_admin',
      password: tutorial['admin-password'] ?? '',
      database: 'postgres',
    };
    const host = String((await azure.server('logins')).properties['fullyQualifiedDomainName']);
    await query(azure, { ...admin, host }, 'CREATE DATABASE closed');
    await query(azure, { ...admin, host }, 'ALTER DATABASE closed ALLOW_CONNECTIONS false').catch(() => []);
    await query(azure, { ...admin, host }, 'ALTER DATABASE closed CONNECTION LIMIT 0').catch(() => []);
    await azure.forget();
    const step = await new Job(azure).step({ ...inputs, database: 'closed' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Logging in to database 'closed'");
    expect(await writesToArm(azure)).toEqual([]);
  });
});

describe('PostgreSQL’s own refusal names our address', () => {
  test('that address is let in, even where the echo services see another', async () => {
    const { azure } = bench;
    await azure.control('PUT', 'client', { ip: '198.51.100.7', echo: ['203.0.113.50', '203.0.113.50'] });
    const job = new Job(azure);
    const step = await job.step({ ...tutorial, 'server-name': 'named' });
    expect(step.exitCode, step.log).toBe(0);
    const { rules } = await azure.server('named');
    expect(Object.values(rules)).toMatchObject([
      { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' },
    ]);
    await job.post();
    await azure.control('PUT', 'client', { ip: '198.51.100.7' });
  });
});
