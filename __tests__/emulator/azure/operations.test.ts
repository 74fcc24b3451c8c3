import { describe, expect, it } from 'vitest';
import { codeOf, control, messageOf } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { at } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator({ provision: 400, firewallDelay: 700 });
const range = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };

describe('a long-running operation (facts.md §2)', () => {
  it('is accepted with its name and time, and shows its effect only when it has ended', async () => {
    const { arm } = bench;
    await arm.makeServer('effects');
    const path = arm.server('effects', '/firewallRules/office');
    const accepted = await arm.send('PUT', path, range);
    expect(accepted.status).toBe(202);
    expect(Object.keys(accepted.json)).toEqual(['operation', 'startTime']);
    expect(accepted.json['operation']).toBe('UpsertServerFirewallRulesManagementOperation');
    expect((await arm.send('GET', path)).status).toBe(404);
    expect((await arm.finish(accepted)).json['status']).toBe('Succeeded');
    expect((await arm.send('GET', path)).status).toBe(200);
  });

  it('is polled by the whole URL: without its signature Azure does not know it', async () => {
    const { arm } = bench;
    await arm.makeServer('signed');
    const accepted = await arm.send('PUT', arm.server('signed', '/firewallRules/office'), range);
    const url = new URL(String(accepted.headers['azure-asyncoperation']));
    expect([...url.searchParams.keys()]).toEqual(['api-version', 't', 'c', 's', 'h']);
    expect(url.searchParams.get('c')?.length).toBeGreaterThan(2500);
    expect((await arm.send('GET', `${url.href.split('&t=')[0]}`)).status).toBe(404);
    expect((await arm.finish(accepted)).status).toBe(200);
  });

  it('repeats Retry-After on every poll, also on the last', async () => {
    const { arm } = bench;
    await arm.makeServer('patient');
    const last = await arm.complete('PUT', arm.server('patient', '/databases/relecloud'), { properties: {} });
    expect(last.headers['retry-after']).toBeDefined();
    expect(Object.keys(last.json)).toEqual(['name', 'status', 'startTime']);
  });

  it("names a server's region as people do when the server is deleted", async () => {
    const { arm } = bench;
    await arm.makeServer('short-lived');
    const accepted = await arm.send('DELETE', arm.server('short-lived'));
    expect(accepted.headers['azure-asyncoperation']).toContain(
      '/locations/West%20Europe/azureAsyncOperation/',
    );
    await arm.finish(accepted);
    expect((await arm.send('GET', arm.server('short-lived'))).status).toBe(404);
    expect((await arm.send('DELETE', arm.server('short-lived'))).status).toBe(204);
    expect(bench.postgres.made.get('short-lived')?.destroyed).toBe(true);
  });

  it('fails in the poll, not in the request, with 200 and the error in the body', async () => {
    const { arm } = bench;
    await arm.makeServer('unlucky');
    const failure = { code: 'ServerIsBusy', message: 'Busy.' };
    await control(bench.emulator, 'POST', 'faults', {
      match: { service: 'arm', method: 'PUT', path: '/unlucky/firewallRules/' },
      // biome-ignore lint/suspicious/noThenProperty: the contract's own name for what a fault does
      then: { operationFails: failure },
    });
    const path = arm.server('unlucky', '/firewallRules/office');
    const accepted = await arm.send('PUT', path, range);
    expect(accepted.status).toBe(202);
    const poll = await arm.finish(accepted);
    expect([poll.status, poll.json['status'], poll.json['error']]).toEqual([200, 'Failed', failure]);
    expect((await arm.send('GET', path)).status).toBe(404);
    expect(await arm.state('unlucky')).toBe('Ready');
  });
});

describe('a 404 (facts.md §2)', () => {
  it('of a missing server is the gateway’s, and so is that of any of its children', async () => {
    const { arm } = bench;
    await arm.makeServer('present');
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/firewallRules/x'],
      ['DELETE', '/databases/x'],
      ['DELETE', '/configurations/x'],
      ['POST', '/start'],
    ] as const) {
      const answer = await arm.send(method, arm.server('absent', rest));
      expect([answer.status, codeOf(answer)]).toEqual([404, 'ResourceNotFound']);
      expect(answer.headers['x-ms-failure-cause']).toBe('gateway');
      expect(messageOf(answer)).toContain(
        "'Microsoft.DBforPostgreSQL/flexibleServers/absent' under resource group 'rg'",
      );
    }
  });

  it('of a missing child on a live server is the provider’s', async () => {
    const answer = await bench.arm.send('GET', bench.arm.server('present', '/databases/dtdb'));
    expect(answer.headers['x-ms-failure-cause']).toBeUndefined();
    expect(messageOf(answer)).toBe(
      "The requested resource of type 'Microsoft.DBforPostgreSQL/flexibleServers/databases' with name 'dtdb' was not found.",
    );
  });

  it('of a missing group names the group', async () => {
    const answer = await bench.arm.send('GET', bench.arm.server('present', '', 'nowhere'));
    expect([codeOf(answer), messageOf(answer)]).toEqual([
      'ResourceGroupNotFound',
      "Resource group 'nowhere' could not be found.",
    ]);
  });
});

describe('the path and its version', () => {
  it('compares without regard to case', async () => {
    const path = bench.arm.server('PRESENT').replace('resourceGroups', 'resourcegroups').toLowerCase();
    expect((await bench.arm.send('GET', path)).json['name']).toBe('present');
  });

  it.each([
    ['', 'MissingApiVersionParameter'],
    ['2020-01-01', 'NoRegisteredProviderFound'],
  ])('api-version "%s" is refused with %s', async (version, code) => {
    const answer = await bench.arm.send('GET', `${bench.arm.server('present')}?api-version=${version}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  it.each(['2021-06-01', '2022-12-01', '2023-06-01-preview', '2024-08-01', '2025-08-01'])(
    'api-version %s answers',
    async (version) => {
      const answer = await bench.arm.send('GET', `${bench.arm.server('present')}?api-version=${version}`);
      expect(at(answer.json, 'properties', 'state')).toBe('Ready');
    },
  );

  it('a subscription, a namespace and a type that do not exist are named', async () => {
    const { arm } = bench;
    const unknown = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups';
    expect(codeOf(await arm.send('GET', unknown))).toBe('SubscriptionNotFound');
    const namespace = `${arm.subscription}/providers/Microsoft.Nothing/things`;
    expect(codeOf(await arm.send('GET', namespace))).toBe('InvalidResourceNamespace');
    expect(codeOf(await arm.send('GET', arm.server('present', '/nothings')))).toBe('InvalidResourceType');
  });
});

describe('resource groups', () => {
  it('are 201 when new, 200 when there, 204 to HEAD; deletion takes their servers along', async () => {
    const { arm } = bench;
    const path = `${arm.subscription}/resourceGroups/doomed?api-version=2025-04-01`;
    expect((await arm.send('HEAD', path)).status).toBe(404);
    expect((await arm.send('PUT', path, { location: 'westeurope' })).status).toBe(201);
    expect((await arm.send('PUT', path, { location: 'West Europe' })).status).toBe(200);
    expect((await arm.send('HEAD', path)).status).toBe(204);
    const moved = await arm.send('PUT', path, { location: 'eastus' });
    expect([moved.status, codeOf(moved)]).toEqual([409, 'InvalidResourceGroupLocation']);
  });
});

describe('lists', () => {
  const paged = useEmulator({ pageSize: 2 });

  it('come in pages that nextLink leads through, each entry once', async () => {
    const { arm } = paged;
    await arm.makeServer('paged');
    const names = ['one', 'two', 'three', 'four', 'five'];
    for (const name of names) await arm.complete('PUT', arm.server('paged', `/firewallRules/${name}`), range);
    const seen: unknown[] = [];
    let next: unknown = arm.server('paged', '/firewallRules');
    while (typeof next === 'string') {
      const { json } = await arm.send('GET', next);
      const value = Array.isArray(json['value']) ? json['value'] : [];
      expect(value.length).toBeLessThanOrEqual(2);
      seen.push(...value.map((entry) => at(entry, 'name')));
      next = json['nextLink'];
    }
    expect(seen).toEqual(names);
  });
});
