import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';
import { loginFrom, query } from '../helpers/e2e/postgres-client.ts';
import { Arm } from '../helpers/emulator/arm.ts';

const bench = useAzure({ provision: 1000 });
const inputs = { ...tutorial, 'server-name': 'states', 'allowed-ip-ranges': 'here=198.51.100.7' };

describe('the server as it is found', () => {
  test('a creation by somebody else that is under way is waited for, and adopted', async () => {
    const { azure } = bench;
    const [one, two] = await Promise.all([new Job(azure).step(inputs), new Job(azure).step(inputs)]);
    expect([one.exitCode, two.exitCode], one.log + two.log).toEqual([0, 0]);
    expect([one, two].map(({ outputs }) => outputs['server-created']).sort()).toEqual(['false', 'true']);
  });

  test('is found by its host name too, even where that is an address', async () => {
    const { azure } = bench;
    const host = String((await azure.server('states')).properties['fullyQualifiedDomainName']);
    const step = await new Job(azure).step({ ...inputs, 'server-name': host });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs).toMatchObject({ changes: '[]', 'db-host': host });
    const nobody = await new Job(azure).step({ ...inputs, 'server-name': '127.0.0.99' });
    expect(nobody.exitCode).toBe(1);
    expect(nobody.log).toContain('no server has it as its host: give the short name');
  });

  test('a stopped server is started, which is a change', async () => {
    const { azure } = bench;
    await azure.patch('states', { properties: { state: 'Stopped' } });
    const step = await new Job(azure).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'server', name: 'states', action: 'start' },
    ]);
    expect((await azure.server('states')).properties['state']).toBe('Ready');
  });

  test('a server that somebody is stopping is started once it has stopped', async () => {
    const { azure } = bench;
    await azure.patch('states', { properties: { state: 'Stopping' } });
    const looks = async () =>
      (await azure.requests()).filter(({ path }) => path.includes('/flexibleServers')).length;
    const step = new Job(azure).step(inputs);
    while ((await looks()) < 3) await sleep(20);
    await azure.patch('states', { properties: { state: 'Stopped' } });
    const { exitCode, log, outputs } = await step;
    expect(exitCode, log).toBe(0);
    expect(JSON.parse(outputs['changes'] ?? '')).toMatchObject([{ resource: 'server', action: 'start' }]);
  });

  test('an identity that may not ask for the name may create all the same, as Contributor on the group alone', async () => {
    const { azure } = bench;
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await azure.fault(
      { service: 'arm', method: 'POST', path: '/checkNameAvailability' },
      { status: 403, body },
    );
    const step = await new Job(azure).step({
      ...inputs,
      'server-name': 'group-only',
      'resource-group': 'states',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['server-created']).toBe('true');
  });

  test('with start-if-stopped: false it stays stopped, and the error says what to do', async () => {
    const { azure } = bench;
    await azure.patch('states', { properties: { state: 'Stopped' } });
    const step = await new Job(azure).step({ ...inputs, 'start-if-stopped': 'false' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Server 'states' is in state Stopped");
    expect(
      (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET'),
    ).toEqual([]);
    await azure.patch('states', { properties: { state: 'Ready' } });
  });

  test('no firewall rule is asked for on a server with private access', async () => {
    const { azure } = bench;
    await new Job(azure).step({ ...inputs, 'server-name': 'private' });
    await azure.patch('private', { properties: { network: { publicNetworkAccess: 'Disabled' } } });
    await azure.forget();
    const step = await new Job(azure).step({ ...tutorial, 'server-name': 'private' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('self-hosted runner inside its network');
    expect((await azure.requests()).filter(({ path }) => path.includes('/firewallRules'))).toEqual([]);
  });

  test('differences of declared properties are warned of and left; with on-drift: fix they are mended in place', async () => {
    const { azure } = bench;
    const declared = {
      ...inputs,
      'backup-retention-days': '14',
      'postgres-version': '18',
      'server-parameters': 'work_mem=8192',
    };
    const warned = await new Job(azure).step(declared);
    expect(warned.exitCode, warned.log).toBe(0);
    expect(warned.outputs).toMatchObject({ changes: '[]', drifted: 'true' });
    expect(warned.log).toContain(
      '::warning::Left as it is: changed server states version: declared 18, actually 17',
    );
    expect(await azure.writes()).toEqual([]);

    const fixed = await new Job(azure).step({ ...declared, 'on-drift': 'fix' });
    expect(fixed.exitCode, fixed.log).toBe(0);
    expect(JSON.parse(fixed.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'server', action: 'update', details: 'backup retention: 7 → 14' },
      { resource: 'server parameter', name: 'work_mem', action: 'update' },
    ]);
    const after = await new Job(azure).step({ ...declared, 'on-drift': 'fix' });
    expect(after.outputs['changes']).toBe('[]');
  });

  test('a new server gets its declared parameters and rules in the same run', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({
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

  test('a name that somebody outside uses is an error that says so, before any write', async () => {
    const { azure } = bench;
    const body = {
      name: 'taken',
      type: 'Microsoft.DBforPostgreSQL/flexibleServers',
      nameAvailable: false,
      reason: 'AlreadyExists',
      message: 'Specified server name is already used.',
    };
    await azure.fault(
      { service: 'arm', method: 'POST', path: '/checkNameAvailability' },
      { status: 200, body },
      { times: 9 },
    );
    const step = await new Job(azure).step({
      ...tutorial,
      'server-name': 'taken',
      'resource-group': 'states',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("The server name 'taken' is used by another server");
    expect((await azure.requests()).filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});

describe('a database that is there already', () => {
  const withDatabase = (name: string) => ({ ...inputs, database: name });

  test('made through ARM, so by the service, is adopted, with a notice of what its owner keeps', async () => {
    const { azure } = bench;
    const arm = await Arm.signIn(azure.emulator);
    await arm.finish(
      await arm.send('PUT', arm.server('states', '/databases/by_arm', 'states'), { properties: {} }),
    );
    const step = await new Job(azure).step(withDatabase('by_arm'));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs).toMatchObject({ 'database-created': 'false', changes: '[]' });
    expect(step.log).toMatch(/::notice::Database 'by_arm' belongs to 'azuresu'.*GRANT CREATE ON DATABASE/);
  });

  test('with another collation is reported and never replaced; another spelling is no difference', async () => {
    const { azure } = bench;
    const login = { ...loginFrom((await new Job(azure).step(inputs)).outputs), database: 'postgres' };
    await query(azure, login, `CREATE DATABASE plain TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`);
    const step = await new Job(azure).step({
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
    const same = await new Job(azure).step({ ...withDatabase('plain'), charset: 'UTF-8', collation: 'C' });
    expect(same.outputs['drifted']).toBe('false');
    // Declared things drift, undeclared things do not (design.md).
    const undeclared = await new Job(azure).step(withDatabase('plain'));
    expect(undeclared.outputs['drifted']).toBe('false');
  });

  test('a collation that the server does not know is an error that says so', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({ ...withDatabase('odd'), collation: 'tlh_QO.utf8' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Database 'odd' could not be created or used");
    expect(step.log).toContain('Choose a charset and a collation that the server knows');
  });
});
