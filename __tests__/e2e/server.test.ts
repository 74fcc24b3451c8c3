import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import { defaultInputs, Job, queryCommand } from '../helpers/e2e/job.ts';
import {
  adminLoginTo,
  loginFromOutputs,
  query,
  superuserLogin,
  waitUntilBlocked,
} from '../helpers/e2e/postgres-client.ts';
import { testWith } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';

const test = testWith({ provisionMs: 1000, hostNames: false });
const inputs = { ...defaultInputs, 'server-name': 'states', 'allowed-ip-ranges': 'here=198.51.100.7' };

describe('the server', () => {
  test('is adopted after another job that already creates it has finished', async ({ emulator }) => {
    const [one, two] = await Promise.all([new Job(emulator).step(inputs), new Job(emulator).step(inputs)]);
    expect([one.exitCode, two.exitCode], one.log + two.log).toEqual([0, 0]);
    expect([one, two].map(({ outputs }) => outputs['server-created']).sort()).toEqual(['false', 'true']);
  });

  test('is found by its host name, even if that is an address', async ({ emulator }) => {
    const host = String((await emulator.serverState('states')).properties['fullyQualifiedDomainName']);
    const step = await new Job(emulator).step({ ...inputs, 'server-name': host });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs).toMatchObject({ changes: '[]', 'db-host': host });
    const unknownHost = await new Job(emulator).step({ ...inputs, 'server-name': '127.0.0.99' });
    expect(unknownHost.exitCode).toBe(1);
    expect(unknownHost.log).toMatch(
      /no server that this identity can read has this host name.*Set server-name to the short name/s,
    );
  });

  test('that is an elastic cluster has one database, and the error for another one names it', async ({
    emulator,
  }) => {
    const cluster = { ...inputs, 'server-name': 'clustered', 'cluster-size': '2' };
    const created = await new Job(emulator).step(cluster);
    expect(created.exitCode, created.log).toBe(0);
    // Azure refuses it in SQL too, so no client can create one.
    await expect(
      query(emulator, await adminLoginTo(emulator, 'clustered'), 'CREATE DATABASE more'),
    ).rejects.toMatchObject({ code: '0A000' });
    const other = await new Job(emulator).step({ ...cluster, database: 'more' });
    expect(other.exitCode).toBe(1);
    expect(other.log).toMatch(/::error.*elastic cluster, which has one database \('relecloud'\)/);
    expect(other.log).toContain('declare database: relecloud');
  });

  test('is started if it is stopped, which is a change', async ({ emulator }) => {
    await emulator.patchServer('states', { properties: { state: 'Stopped' } });
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'server', name: 'states', action: 'start' },
    ]);
    expect((await emulator.serverState('states')).properties['state']).toBe('Ready');
  });

  test('is started after it has stopped if it is stopping', async ({ emulator }) => {
    await emulator.patchServer('states', { properties: { state: 'Stopping' } });
    const match = { service: 'arm', method: 'GET', path: '/flexibleServers' } as const;
    const third = await emulator.hold(match, 'request', { skip: 2 });
    const step = new Job(emulator).step(inputs);
    await third.triggered;
    await emulator.patchServer('states', { properties: { state: 'Stopped' } });
    await third.release();
    const { exitCode, log, outputs } = await step;
    expect(exitCode, log).toBe(0);
    expect(JSON.parse(outputs['changes'] ?? '')).toMatchObject([{ resource: 'server', action: 'start' }]);
  });

  test('can be created by an identity with rights only on the group, which cannot check the name', async ({
    emulator,
  }) => {
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await emulator.addFault(
      { service: 'arm', method: 'POST', path: '/checkNameAvailability' },
      { status: 403, body },
    );
    const step = await new Job(emulator).step({
      ...inputs,
      'server-name': 'group-only',
      'resource-group': 'states',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['server-created']).toBe('true');
  });

  test('stays stopped with start-if-stopped: false, and the error states what to do', async ({
    emulator,
  }) => {
    await emulator.patchServer('states', { properties: { state: 'Stopped' } });
    const step = await new Job(emulator).step({ ...inputs, 'start-if-stopped': 'false' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Server 'states' is in state Stopped");
    expect(await emulator.armWrites()).toEqual([]);
    await emulator.patchServer('states', { properties: { state: 'Ready' } });
  });

  test('gets no firewall rule if it has private access', async ({ emulator }) => {
    await new Job(emulator).step({ ...inputs, 'server-name': 'private' });
    await emulator.patchServer('private', { properties: { network: { publicNetworkAccess: 'Disabled' } } });
    await waitUntilBlocked(emulator, await adminLoginTo(emulator, 'private'));
    await emulator.clearRecords();
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'private' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('Public access of the server is disabled');
    expect(await emulator.armWrites()).toEqual([]);
    const advised = { 'public-access': 'Enabled', 'on-drift': 'fix' };
    const enabled = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'private', ...advised });
    expect(enabled.exitCode, enabled.log).toBe(0);
  });

  test('is not changed if declared properties differ, with a warning, and is fixed in place with on-drift: fix', async ({
    emulator,
  }) => {
    const declared = {
      ...inputs,
      'backup-retention-days': '14',
      'postgres-version': '18',
      'server-parameters': 'work_mem=8192',
    };
    const warned = await new Job(emulator).step(declared);
    expect(warned.exitCode, warned.log).toBe(0);
    expect(warned.outputs).toMatchObject({ changes: '[]', drifted: 'true' });
    expect(warned.log).toContain('::warning::Server states version: is 17, declared 18. Not changed: ');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);

    const fixed = await new Job(emulator).step({ ...declared, 'on-drift': 'fix' });
    expect(fixed.exitCode, fixed.log).toBe(0);
    expect(JSON.parse(fixed.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'server', action: 'update', details: 'backup retention: 7 → 14' },
      { resource: 'server parameter', name: 'work_mem', action: 'update' },
    ]);
    const after = await new Job(emulator).step({ ...declared, 'on-drift': 'fix' });
    expect(after.outputs['changes']).toBe('[]');
  });

  test('gets no request for parameters that another spelling declares, and each run names a pending restart', async ({
    emulator,
  }) => {
    const declared = {
      ...inputs,
      'on-drift': 'fix',
      'server-parameters': 'work_mem=8MB\nautovacuum=true\nTimeZone=utc\nmax_prepared_transactions=0x7',
    };
    const restart = 'az postgres flexible-server restart --resource-group states --name states';
    const set = await new Job(emulator).step(declared);
    expect(set.exitCode, set.log).toBe(0);
    expect(set.log).toMatch(new RegExp(`::warning::.*'max_prepared_transactions' was set.*${restart}`));
    await emulator.clearRecords();
    const unchanged = await new Job(emulator).step(declared);
    expect(unchanged.outputs).toMatchObject({ changes: '[]', drifted: 'true' });
    expect(unchanged.log).toMatch(
      new RegExp(`::warning::Server parameter .* pending restart: .*Not changed: .*${restart}`),
    );
    expect(unchanged.summary).toContain(restart);
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);

    const impossible = await new Job(emulator).step({
      ...declared,
      'backup-retention-days': '30',
      'server-parameters': 'work_mem=8mb\nfsync=off',
    });
    expect(impossible.exitCode).toBe(1);
    expect(impossible.log).toMatch(/work_mem is '8mb'.*fsync is 'off'.*\(server-parameters-invalid\)/s);
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
  });

  test('gets its declared parameters and rules in the run that creates it', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'server-name': 'with-children',
      'server-parameters': 'work_mem=16384',
      'allow-azure-services': 'true',
    });
    expect(step.exitCode, step.log).toBe(0);
    const actions = (JSON.parse(step.outputs['changes'] ?? '') as { resource: string; name: string }[]).map(
      ({ resource, name }) => `${resource} ${name}`,
    );
    expect(actions).toEqual([
      'resource group with-children',
      'server with-children',
      'server parameter work_mem',
      'firewall rule here',
      'firewall rule AllowAllAzureServicesAndResourcesWithinAzureIps',
      'database relecloud',
    ]);
  });

  test('is not created with a password that ends with a line break: an error before any write', async ({
    emulator,
  }) => {
    await emulator.clearRecords();
    const step = await new Job(emulator).step({
      ...inputs,
      'server-name': 'line-break',
      'admin-password': 'VerySecurePassword!1\n',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('admin-password begins or ends with a line break');
    expect(step.log).toContain('::warning::admin-password begins or ends with white space');
    expect((await emulator.requests()).filter(({ method }) => method === 'PUT')).toEqual([]);
  });

  test('is not created if its name is used in another subscription: an error before any write', async ({
    emulator,
  }) => {
    const body = {
      name: 'taken',
      type: 'Microsoft.DBforPostgreSQL/flexibleServers',
      nameAvailable: false,
      reason: 'AlreadyExists',
      message: 'Specified server name is already used.',
    };
    await emulator.addFault(
      { service: 'arm', method: 'POST', path: '/checkNameAvailability' },
      { status: 200, body },
      { times: 9 },
    );
    const step = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': 'taken',
      'resource-group': 'states',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("The server name 'taken' is in use, but this identity sees no such server in");
    expect((await emulator.requests()).filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});

const withDatabase = (name: string) => ({ ...inputs, database: name });

describe('an existing database', () => {
  test('that was created through ARM is adopted, with a notice of its owner’s rights', async ({
    emulator,
  }) => {
    const arm = await ArmClient.signIn(emulator.instance);
    await arm.waitForOperation(
      await arm.send('PUT', arm.serverPath('states', '/databases/by_arm', 'states'), { properties: {} }),
    );
    const step = await new Job(emulator).step(withDatabase('by_arm'));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs).toMatchObject({ 'database-created': 'false', changes: '[]' });
    expect(step.log).toMatch(/::notice::Database 'by_arm' is owned by 'azuresu'.*GRANT CREATE ON DATABASE/);

    // Each hint, executed by the owner, ends the notice or the error that has it.
    const host = step.outputs['db-host'] ?? '';
    const runAsOwner = (log: string) =>
      query(emulator, superuserLogin(host), statementsAfter(log, 'Ask the owner to run:')[0] ?? '');
    await query(emulator, superuserLogin(host), 'REVOKE CONNECT ON DATABASE by_arm FROM PUBLIC');
    const mayNotConnect = await new Job(emulator).step(withDatabase('by_arm'));
    expect(mayNotConnect.log).toContain('has no CONNECT privilege on it');
    await runAsOwner(mayNotConnect.log);
    const connected = await new Job(emulator).step(withDatabase('by_arm'));
    expect(connected.exitCode, connected.log).toBe(0);
    await runAsOwner(connected.log);
    const withRole = {
      ...withDatabase('by_arm'),
      'app-username': 'arm_app',
      'app-password': 'Of-the-application-1',
      'migration-command': `${queryCommand} "CREATE TABLE in_public (id int); CREATE SCHEMA more"`,
    };
    const noGrant = await new Job(emulator).step(withRole);
    expect(noGrant.log).toContain("admin-username cannot grant privileges on it to role 'arm_app'");
    await runAsOwner(noGrant.log);
    const granted = await new Job(emulator).step(withRole);
    expect(granted.exitCode, granted.log).toBe(0);
    expect(granted.log).not.toContain('::notice::Database');
  });

  test('with another collation is reported and never replaced; another spelling is not a difference', async ({
    emulator,
  }) => {
    const login = {
      ...loginFromOutputs((await new Job(emulator).step(inputs)).outputs),
      database: 'postgres',
    };
    await query(emulator, login, `CREATE DATABASE plain TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`);
    const step = await new Job(emulator).step({
      ...withDatabase('plain'),
      charset: 'utf8',
      collation: 'en_US.utf8',
      'on-drift': 'fix',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.parse(step.outputs['drift'] ?? '')).toEqual([
      {
        resource: 'database',
        name: 'plain',
        property: 'collation',
        expected: 'en_US.utf8',
        actual: 'C',
        kind: 'changed',
      },
    ]);
    const same = await new Job(emulator).step({ ...withDatabase('plain'), charset: 'UTF-8', collation: 'C' });
    expect(same.outputs['drifted']).toBe('false');
    // Undeclared properties do not drift.
    const undeclared = await new Job(emulator).step(withDatabase('plain'));
    expect(undeclared.outputs['drifted']).toBe('false');
  });
});

describe('a new database', () => {
  test('with a collation that the server does not know is an error with a hint', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...withDatabase('odd'), collation: 'tlh_QO.utf8' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Database 'odd' could not be created or used");
    expect(step.log).toMatch(/fits charset UTF8: C, .*\.utf8.* such as en-US-x-icu, cannot be/);
  });

  test('with a charset that the default collation does not fit is an error, whose advice works', async ({
    emulator,
  }) => {
    const declared = { ...withDatabase('western'), charset: 'ISO-8859-1' };
    const refused = await new Job(emulator).step(declared);
    expect(refused.exitCode).toBe(1);
    expect(refused.log).toMatch(
      /Declare collation: C as well, which fits charset ISO-8859-1.* or charset: UTF8, which this collation requires/,
    );
    const created = await new Job(emulator).step({ ...declared, collation: 'C' });
    expect(created.exitCode, created.log).toBe(0);
    const again = await new Job(emulator).step({ ...declared, charset: 'latin1', collation: 'POSIX' });
    expect(again.outputs).toMatchObject({ drifted: 'false', changes: '[]' });
  });
});
