import type { Configuration, FirewallRule } from '@azure/arm-postgresql-flexible';
import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { absent, present, unknown } from '../../../src/reconcile/findings.ts';
import { firewallRuleHandler } from '../../../src/resources/firewall-rule/firewall-rule-handler.ts';
import { resourceGroupHandler } from '../../../src/resources/resource-group.ts';
import { serverParameterHandler } from '../../../src/resources/server-parameter/server-parameter-handler.ts';
import { type ArmResponse, createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { single } from '../../helpers/unit/single.ts';
import { ensureConfig } from '../../helpers/unit/test-configs.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

const unknownObservation = unknown(new Error('403'));

describe('server parameter', () => {
  const diff = (value: string, actual: Partial<Configuration>) =>
    serverParameterHandler.diff(
      single(serverParameterHandler.desired(ensureConfig({ 'server-parameters': `p=${value}` }))),
      present({ value: actual.value ?? '', ...actual }),
    );

  test.each([
    ['on', 'ON', 'Boolean'],
    ['Replica', 'replica', 'Enumeration'],
    ['uuid-ossp,pgcrypto', 'PGCRYPTO, uuid-ossp', 'Set'],
    ['0144', '100', 'Integer'],
    ['0.10', '0.1', 'Numeric'],
    ['%m [%p]', '%m [%p] ', 'String'],
  ])('another spelling of the value is not drift: %s, %s (%s)', (declared, value, dataType) => {
    expect(diff(declared, { value, dataType })).toEqual([]);
  });

  test.each([
    ['public,app', 'app,public', 'String'],
    ['%M', '%m', 'String'],
    ['100', '1000', 'Integer'],
    ['0100', '100', 'Integer'],
    ['8MB', '8192', 'Integer'],
    ['8MB', '9MB', 'Integer'],
  ])('order, case and units count if they have a meaning: %s, %s (%s)', (declared, value, dataType) => {
    expect(diff(declared, { value, dataType })).toHaveLength(1);
  });

  test('another value is set, and the change names a necessary restart', () => {
    expect(diff('200', { value: '100', isDynamicConfig: true })[0]?.change?.details).toBe('100 → 200');
    expect(diff('200', { value: '100', isDynamicConfig: false })[0]?.change?.details).toBe(
      '100 → 200, takes effect after a restart',
    );
  });

  test('a value in another unit is not drift, and a difference is shown in Azure’s unit', () => {
    const kB = { dataType: 'Integer', unit: 'kB' };
    expect(diff('8MB', { value: '8192', ...kB })).toEqual([]);
    expect(diff('8MB', { value: '4096', ...kB })).toMatchObject([
      { finding: { expected: '8192', actual: '4096' }, change: { details: '4096 → 8192' } },
    ]);
  });

  test('a value that waits for a restart is reported with the command that restarts the server', () => {
    const id =
      '/subscriptions/s/resourceGroups/my (group)/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo/configurations/p';
    const pending = { value: '200', isDynamicConfig: false, isConfigPendingRestart: true, id };
    const [difference, ...others] = diff('200', pending);
    expect(others).toEqual([]);
    expect(difference).toEqual({
      finding: {
        resource: 'server parameter',
        name: 'p',
        property: 'pending restart',
        expected: 'none',
        actual: 'needed for 200',
        kind: 'changed',
      },
      remedy:
        "restart the server when its sessions may end: az postgres flexible-server restart --resource-group 'my (group)' --name demo",
    });
    expect(diff('300', pending).map(({ finding }) => finding?.property)).toEqual([
      'value',
      'pending restart',
    ]);
  });

  test('values that Azure cannot set are one error that names all of them', async () => {
    const configuration = (name: string, properties: Partial<Configuration>) => ({
      status: 200,
      body: { id: `/x/${name}`, name, properties },
    });
    const { clients } = createFakeArmClients([
      configuration('work_mem', {
        ...{ value: '4096', dataType: 'Integer', unit: 'kB', allowedValues: '4096-2097151' },
      }),
      configuration('fsync', { value: 'on', dataType: 'Boolean', isReadOnly: true }),
      configuration('jit', { value: 'off', dataType: 'Boolean', allowedValues: 'on, off' }),
    ]);
    const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
    const config = ensureConfig({ 'server-parameters': 'work_mem=1MB\nfsync=off\njit=true' });
    const error = await serverParameterHandler
      .observe(reader, serverParameterHandler.desired(config))
      .then((found) => JSON.stringify(found), String);
    expect(error).toContain('(server-parameters-invalid)');
    expect(error).toContain("work_mem is '1MB', but must be from 4096 to 2097151 (in kB)");
    expect(error).toContain("fsync is 'off', but Azure sets it, to 'on', and nobody can change it");
    expect(error).not.toContain('jit');
  });

  test('a parameter that does not exist is reported and not changed', () => {
    const [difference] = serverParameterHandler.diff({ name: 'p', value: '1' }, absent);
    expect(difference).toMatchObject({
      finding: { kind: 'missing', actual: 'no such parameter' },
      remedy: expect.stringContaining('correct its name'),
    });
    expect(difference).not.toHaveProperty('change');
  });

  test('an unknown parameter has no findings', () => {
    expect(serverParameterHandler.diff({ name: 'p', value: '1' }, unknownObservation)).toEqual([]);
  });
});

describe('firewall rule', () => {
  const stored = (name: string, startIpAddress: string, endIpAddress = startIpAddress): FirewallRule => ({
    name,
    startIpAddress,
    endIpAddress,
  });

  /** The differences between a declaration and the rules that ARM lists. */
  async function diff(ranges: string, rules: readonly FirewallRule[]) {
    const body = {
      value: rules.map(({ name, ...properties }) => ({ name, id: `/x/${name}`, properties })),
    };
    const { clients } = createFakeArmClients([{ status: 200, body }]);
    const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
    const desired = firewallRuleHandler.desired(ensureConfig({ 'allowed-ip-ranges': ranges }));
    const observed = await firewallRuleHandler.observe(reader, desired);
    return desired.flatMap((rule, i) => firewallRuleHandler.diff(rule, observed[i] ?? absent));
  }

  test('a missing rule is created with its range', async () => {
    expect((await diff('office=203.0.113.0/24', []))[0]).toMatchObject({
      finding: { name: 'office', kind: 'missing', expected: '203.0.113.0-203.0.113.255', actual: 'absent' },
      change: { action: 'create', name: 'office' },
    });
  });

  test('a rule with the declared range is not drift, in any case of its name and with other rules', async () => {
    const others = [stored('gha-temporary-1-2-3-x', '198.51.100.1'), stored('theirs', '198.51.100.2')];
    expect(await diff('office=203.0.113.9', [...others, stored('OFFICE', '203.0.113.9')])).toEqual([]);
  });

  test('a rule with another range is changed', async () => {
    const [difference] = await diff('office=203.0.113.9', [stored('office', '203.0.113.8')]);
    expect(difference?.change).toMatchObject({ action: 'update', details: '203.0.113.8 → 203.0.113.9' });
  });

  test('a declared range without a name matches a rule of any name', async () => {
    expect(await diff('203.0.113.9', [stored('theirs', '203.0.113.9')])).toEqual([]);
  });

  test('a declared range with a name does not match a rule of another name', async () => {
    expect((await diff('office=203.0.113.9', [stored('theirs', '203.0.113.9')]))[0]?.finding?.kind).toBe(
      'missing',
    );
  });

  test('all rules are unknown if they cannot be listed', async () => {
    const refusal = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } };
    const { clients } = createFakeArmClients([refusal]);
    const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
    const desired = firewallRuleHandler.desired(
      ensureConfig({ 'allowed-ip-ranges': '203.0.113.9, 203.0.113.10' }),
    );
    const observed = await firewallRuleHandler.observe(reader, desired);
    expect(observed.map(({ status }) => status)).toEqual(['unknown', 'unknown']);
    for (const [i, rule] of desired.entries())
      expect(firewallRuleHandler.diff(rule, observed[i] ?? absent)).toEqual([]);
  });
});

describe('resource group', () => {
  const desiredGroup = () => single(resourceGroupHandler.desired(ensureConfig({ region: 'West Europe' })));
  const readerOf = (...answers: readonly ArmResponse[]) =>
    new AzureReader(createFakeArmClients(answers).clients, createTestRun(), {
      name: 'demo-relecloud',
      resourceGroup: undefined,
    });
  const server = {
    id: '/subscriptions/s/resourceGroups/Elsewhere/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo-relecloud',
    name: 'demo-relecloud',
    location: 'West Europe',
    properties: { state: 'Ready' },
  };
  const refusal = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } };
  const notFound = {
    status: 404,
    body: { error: { code: 'ResourceNotFound', message: 'was not found' } },
  };

  test('a missing group is created in the region, in its short form', () => {
    expect(resourceGroupHandler.diff(desiredGroup(), absent)[0]?.change).toMatchObject({
      name: 'demo-relecloud',
      details: 'in westeurope',
    });
  });

  test('the group of an existing server is never read', async () => {
    const reader = readerOf({ status: 200, body: { value: [server] } });
    expect(await resourceGroupHandler.observe(reader, [desiredGroup()])).toEqual([present('Elsewhere')]);
  });

  test('without the server, the group is read', async () => {
    const none = { status: 200, body: { value: [] } };
    const readerWithGroup = readerOf(none, notFound, {
      status: 200,
      body: { id: '/x', name: 'demo-relecloud', location: 'westeurope' },
    });
    expect(await resourceGroupHandler.observe(readerWithGroup, [desiredGroup()])).toEqual([
      present('westeurope'),
    ]);
    const groupNotFound = {
      status: 404,
      body: { error: { code: 'ResourceGroupNotFound', message: 'could not be found' } },
    };
    expect(
      await resourceGroupHandler.observe(readerOf(none, notFound, groupNotFound), [desiredGroup()]),
    ).toEqual([absent]);
  });

  test('a list without the server does not make it absent, because permissions filter the list', async () => {
    const none = { status: 200, body: { value: [] } };
    expect((await readerOf(none, refusal).getServer()).status).toBe('unknown');
    expect((await readerOf(none, notFound).getServer()).status).toBe('absent');
  });

  test('no group is created if the server is unknown', async () => {
    const [observed = absent] = await resourceGroupHandler.observe(readerOf(refusal), [desiredGroup()]);
    expect(resourceGroupHandler.diff(desiredGroup(), observed)).toEqual([]);
  });

  test('several servers with the name are an error that names their groups', async () => {
    const other = { ...server, id: server.id.replace('Elsewhere', 'Other') };
    const reader = readerOf({ status: 200, body: { value: [server, other] } });
    await expect(reader.getServer()).rejects.toThrow(/Elsewhere, Other.*\(server-ambiguous\)/s);
  });
});
