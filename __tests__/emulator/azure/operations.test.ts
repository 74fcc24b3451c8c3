import { describe, expect } from 'vitest';
import {
  type ArmClient,
  addFault,
  defaultServer,
  errorCode,
  errorMessage,
} from '../../helpers/emulator/arm-client.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import { valueAt } from '../../helpers/emulator/http-client.ts';

// Pages of two entries, for the lists at the end. No throttling, because some tests send many requests.
const test = testWith({ pageSize: 2, throttlingScale: 0 });
const ruleBody = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };

describe('a long-running operation', () => {
  test('is accepted with its name and time, and has no effect while it runs', async ({ stalled }) => {
    await stalled.createServer('effects');
    const path = stalled.serverPath('effects', '/firewallRules/office');
    const accepted = await stalled.send('PUT', path, ruleBody);
    expect(accepted.status).toBe(202);
    expect(Object.keys(accepted.json)).toEqual(['operation', 'startTime']);
    expect(accepted.json['operation']).toBe('UpsertServerFirewallRulesManagementOperation');
    const poll = await stalled.send('GET', String(accepted.headers['azure-asyncoperation']));
    expect([poll.status, poll.json['status']]).toEqual([200, 'InProgress']);
    expect((await stalled.send('GET', path)).status).toBe(404);
  });

  test('has its effect only when it has ended', async ({ arm, postgres }) => {
    await arm.createServer('effects');
    const rule = arm.serverPath('effects', '/firewallRules/office');
    expect((await arm.sendAndWait('PUT', rule, ruleBody)).json['status']).toBe('Succeeded');
    expect((await arm.send('GET', rule)).status).toBe(200);
    const database = arm.serverPath('effects', '/databases/relecloud');
    const release = postgres.hold('createDatabase');
    const accepted = await arm.send('PUT', database, { properties: {} });
    expect((await arm.send('GET', database)).status).toBe(404);
    release();
    expect((await arm.waitForOperation(accepted)).json['status']).toBe('Succeeded');
    expect((await arm.send('GET', database)).status).toBe(200);
  });

  test('is polled at the whole URL, and is not found without its signature', async ({ arm }) => {
    await arm.createServer('signed');
    const accepted = await arm.send('PUT', arm.serverPath('signed', '/firewallRules/office'), ruleBody);
    const url = new URL(String(accepted.headers['azure-asyncoperation']));
    expect([...url.searchParams.keys()]).toEqual(['api-version', 't', 'c', 's', 'h']);
    expect(url.searchParams.get('c')?.length).toBeGreaterThan(2500);
    expect((await arm.send('GET', `${url.href.split('&t=')[0]}`)).status).toBe(404);
    expect((await arm.waitForOperation(accepted)).status).toBe(200);
  });

  test('has Retry-After on every poll, also on the last', async ({ arm }) => {
    await arm.createServer('slow-write');
    const last = await arm.sendAndWait('PUT', arm.serverPath('slow-write', '/databases/relecloud'), {
      properties: {},
    });
    expect(last.headers['retry-after']).toBeDefined();
    expect(Object.keys(last.json)).toEqual(['name', 'status', 'startTime']);
  });

  test('has the display name of the region in its URL when a server is deleted', async ({
    arm,
    postgres,
  }) => {
    await arm.createServer('short-lived');
    const accepted = await arm.send('DELETE', arm.serverPath('short-lived'));
    expect(accepted.headers['azure-asyncoperation']).toContain(
      '/locations/West%20Europe/azureAsyncOperation/',
    );
    await arm.waitForOperation(accepted);
    expect((await arm.send('GET', arm.serverPath('short-lived'))).status).toBe(404);
    expect((await arm.send('DELETE', arm.serverPath('short-lived'))).status).toBe(204);
    expect(postgres.servers.get('short-lived')?.destroyed).toBe(true);
  });

  test('fails in the poll, not in the request, with 200 and the error in the body', async ({
    arm,
    emulator,
  }) => {
    await arm.createServer('failing-write');
    const failure = { code: 'ServerIsBusy', message: 'Busy.' };
    await addFault(
      emulator,
      { service: 'arm', method: 'PUT', path: '/failing-write/firewallRules/' },
      { operationFails: failure },
    );
    const path = arm.serverPath('failing-write', '/firewallRules/office');
    const accepted = await arm.send('PUT', path, ruleBody);
    expect(accepted.status).toBe(202);
    const poll = await arm.waitForOperation(accepted);
    expect([poll.status, poll.json['status'], poll.json['error']]).toEqual([200, 'Failed', failure]);
    expect((await arm.send('GET', path)).status).toBe(404);
    expect(await arm.serverState('failing-write')).toBe('Ready');
  });
});

describe('a 404', () => {
  test('of a missing server, and of its children, comes from the gateway', async ({ arm }) => {
    await arm.createServer('present');
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/firewallRules/x'],
      ['DELETE', '/databases/x'],
      ['DELETE', '/configurations/x'],
      ['POST', '/start'],
    ] as const) {
      const answer = await arm.send(method, arm.serverPath('absent', rest));
      expect([answer.status, errorCode(answer)]).toEqual([404, 'ResourceNotFound']);
      expect(answer.headers['x-ms-failure-cause']).toBe('gateway');
      expect(errorMessage(answer)).toContain(
        "'Microsoft.DBforPostgreSQL/flexibleServers/absent' under resource group 'rg'",
      );
    }
  });

  test('of a missing child of an existing server comes from the provider', async ({ arm }) => {
    const answer = await arm.send('GET', arm.serverPath('present', '/databases/dtdb'));
    expect(answer.headers['x-ms-failure-cause']).toBeUndefined();
    expect(errorMessage(answer)).toBe(
      "The requested resource of type 'Microsoft.DBforPostgreSQL/flexibleServers/databases' with name 'dtdb' was not found.",
    );
  });

  test('of a missing group contains its name', async ({ arm }) => {
    const answer = await arm.send('GET', arm.serverPath('present', '', 'nowhere'));
    expect([errorCode(answer), errorMessage(answer)]).toEqual([
      'ResourceGroupNotFound',
      "Resource group 'nowhere' could not be found.",
    ]);
  });
});

describe('the path and the api-version', () => {
  test('the path is compared without regard to case', async ({ arm }) => {
    const path = arm.serverPath('PRESENT').replace('resourceGroups', 'resourcegroups').toLowerCase();
    expect((await arm.send('GET', path)).json['name']).toBe('present');
  });

  test.for([
    ['', 'MissingApiVersionParameter'],
    ['2020-01-01', 'NoRegisteredProviderFound'],
  ])('api-version "%s" is refused with %s', async ([version, code], { arm }) => {
    const answer = await arm.send('GET', `${arm.serverPath('present')}?api-version=${version}`);
    expect([answer.status, errorCode(answer)]).toEqual([400, code]);
  });

  test.for(['2021-06-01', '2022-12-01', '2023-06-01-preview', '2024-08-01', '2025-08-01'])(
    'api-version %s answers',
    async (version, { arm }) => {
      const answer = await arm.send('GET', `${arm.serverPath('present')}?api-version=${version}`);
      expect(valueAt(answer.json, 'properties', 'state')).toBe('Ready');
    },
  );

  test('the error for an unknown subscription, namespace or type contains it', async ({ arm }) => {
    const unknown = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups';
    expect(errorCode(await arm.send('GET', unknown))).toBe('SubscriptionNotFound');
    const namespace = `${arm.subscriptionPath}/providers/Microsoft.Nothing/things`;
    expect(errorCode(await arm.send('GET', namespace))).toBe('InvalidResourceNamespace');
    expect(errorCode(await arm.send('GET', arm.serverPath('present', '/nothings')))).toBe(
      'InvalidResourceType',
    );
  });
});

describe('resource groups', () => {
  test('answer 201 when new, 200 when they exist and 204 to HEAD; a deletion deletes their servers too', async ({
    arm,
  }) => {
    const path = `${arm.subscriptionPath}/resourceGroups/to-delete?api-version=2025-04-01`;
    expect((await arm.send('HEAD', path)).status).toBe(404);
    expect((await arm.send('PUT', path, { location: 'westeurope' })).status).toBe(201);
    expect((await arm.send('PUT', path, { location: 'West Europe' })).status).toBe(200);
    expect((await arm.send('HEAD', path)).status).toBe(204);
    const moved = await arm.send('PUT', path, { location: 'eastus' });
    expect([moved.status, errorCode(moved)]).toEqual([409, 'InvalidResourceGroupLocation']);
  });
});

describe('several clients at once', () => {
  test('create one server with twenty creations: the others are accepted and fail with ServerIsBusy', async ({
    arm,
    postgres,
  }) => {
    const group = `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`;
    await arm.send('PUT', group, { location: 'westeurope' });
    const release = postgres.hold('create');
    const accepted = await Promise.all(
      Array.from({ length: 20 }, () => arm.send('PUT', arm.serverPath('shared'), defaultServer)),
    );
    expect(accepted.map(({ status }) => status)).toEqual(Array(20).fill(202));
    release();
    const ends = await Promise.all(accepted.map((answer) => arm.waitForOperation(answer)));
    const codes = ends.map((end) => valueAt(end.json, 'error', 'code') ?? end.json['status']);
    expect(codes.filter((code) => code === 'Succeeded')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ServerIsBusy')).toHaveLength(19);
    expect(valueAt(ends.find(({ json }) => json['error'])?.json, 'error', 'message')).toBe(
      "Cannot complete operation while server 'shared' is busy processing another operation. Try again later.",
    );
  });

  test('write two configurations: one is set, the other fails with ServerIsBusy', async ({
    arm,
    postgres,
  }) => {
    const path = (name: string) => arm.serverPath('shared', `/configurations/${name}`);
    const values = { work_mem: '8192', max_connections: '200' };
    const release = postgres.hold('setParameter');
    const both = await Promise.all(
      Object.entries(values).map(([name, value]) =>
        arm.send('PUT', path(name), { properties: { value, source: 'user-override' } }),
      ),
    );
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    release();
    const ends = await Promise.all(both.map((accepted) => arm.waitForOperation(accepted)));
    expect(ends.map(({ json }) => json['status']).sort()).toEqual(['Failed', 'Succeeded']);
  });

  const names = ['one', 'two', 'three'];
  const rules = (client: ArmClient) =>
    Promise.all(
      names.map((name) =>
        client.send('PUT', client.serverPath('shared', `/firewallRules/${name}`), ruleBody),
      ),
    );

  test('write firewall rules, which show the server as Updating and do not exclude each other', async ({
    stalled,
  }) => {
    await stalled.createServer('shared');
    expect((await rules(stalled)).map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await stalled.serverState('shared')).toBe('Updating');
  });

  test('have written all their firewall rules when the server is Ready again', async ({ arm, postgres }) => {
    const ends = await Promise.all((await rules(arm)).map((answer) => arm.waitForOperation(answer)));
    expect(ends.map(({ json }) => json['status'])).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
    expect(await arm.serverState('shared')).toBe('Ready');
    expect([...(postgres.servers.get('shared')?.rules.keys() ?? [])].sort()).toEqual([...names].sort());
  });
});

describe('lists', () => {
  test('have pages that nextLink connects, with each entry once', async ({ arm }) => {
    await arm.createServer('paged');
    const names = ['one', 'two', 'three', 'four', 'five'];
    for (const name of names)
      await arm.sendAndWait('PUT', arm.serverPath('paged', `/firewallRules/${name}`), ruleBody);
    const listed: unknown[] = [];
    let next: unknown = arm.serverPath('paged', '/firewallRules');
    while (typeof next === 'string') {
      const { json } = await arm.send('GET', next);
      const value = Array.isArray(json['value']) ? json['value'] : [];
      expect(value.length).toBeLessThanOrEqual(2);
      listed.push(...value.map((entry) => valueAt(entry, 'name')));
      next = json['nextLink'];
    }
    expect(listed).toEqual(names);
  });
});
