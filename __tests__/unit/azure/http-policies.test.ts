import { describe, expect, vi } from 'vitest';
import { azureDetails, transientReason } from '../../../src/azure/azure-errors.ts';
import { AzureReader } from '../../../src/azure/reader.ts';
import { type ArmResponse, createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const serverLookup = { name: 'demo', resourceGroup: 'group' };
const server = {
  id: '/subscriptions/s/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo',
  name: 'demo',
  location: 'West Europe',
  properties: { state: 'Ready' },
};
const okResponse: ArmResponse = { status: 200, body: server };

function createReader(
  responses: readonly ArmResponse[],
  lookup: { name: string; resourceGroup: string | undefined } = serverLookup,
) {
  const { clients, requests, logLines } = createFakeArmClients(responses);
  return { reader: new AzureReader(clients, createTestRun(), lookup), requests, logLines };
}

describe('a response that is not from Azure Resource Manager is unknown', () => {
  test.for<[string, ArmResponse]>([
    ['a page of a proxy with status 200', { status: 200, text: '<html>Sign in</html>' }],
    ['an empty body', { status: 200, text: '' }],
    ['truncated JSON', { status: 200, text: '{"id": "/sub' }],
    ['a list', { status: 200, body: [] }],
    ['an empty object', { status: 200, body: {} }],
    ['another server', { status: 200, body: { ...server, name: 'other' } }],
    ['a server without a state', { status: 200, body: { ...server, properties: {} } }],
    [
      'an id of another type',
      { status: 200, body: { ...server, id: '/subscriptions/s/resourceGroups/demo' } },
    ],
    ['a 404 of a proxy', { status: 404, text: '<html>Not found</html>' }],
  ])('for a server: %s', async ([, answer]) => {
    const observed = await createReader([answer]).reader.getServer();
    expect(observed.status).toBe('unknown');
  });

  test.for<[string, ArmResponse]>([
    ['a page of a proxy with status 200', { status: 200, text: '<html>Sign in</html>' }],
    ['an object without a list', { status: 200, body: {} }],
    ['a list of texts', { status: 200, body: { value: ['demo'] } }],
    ['a list that is no list', { status: 200, body: { value: { name: 'demo' } } }],
  ])('for a list: %s', async ([, answer]) => {
    const { reader } = createReader([answer], { name: 'demo', resourceGroup: undefined });
    expect((await reader.getServer()).status).toBe('unknown');
    await expect(createReader([answer]).reader.listFirewallRules()).rejects.toThrow(
      /the answer is not one of Azure Resource Manager.*a proxy/s,
    );
  });

  test('for the availability of a name: a response without that field', async () => {
    const answers: ArmResponse[] = [
      { status: 200, text: '<html>Sign in</html>' },
      { status: 200, body: { message: '' } },
    ];
    for (const answer of answers)
      await expect(createReader([answer]).reader.isNameAvailable('westeurope')).rejects.toThrow(
        /state-unknown/,
      );
  });
});

describe('an error that is not one of Azure Resource Manager', () => {
  const page = (status: number, type: string): ArmResponse => ({
    status,
    headers: { 'content-type': type },
    text: '<html><head><title>\n Access denied </title></head><body>by the proxy</body></html>',
  });

  test.for([
    // The SDK throws PARSE_ERROR for the second one.
    [403, 'text/html; charset=utf-8'],
    [403, 'application/json'],
    [404, 'text/html'],
    [407, ''],
    [400, 'application/json'],
  ] as const)(
    'HTTP %s with %s advises to check the network, and no change in Azure',
    async ([status, type]) => {
      const observed = await createReader([page(status, type)]).reader.getServer();
      const listed = await errorOf(createReader([page(status, type)]).reader.listFirewallRules());
      const errors = [observed.status === 'unknown' ? observed.error.message : '', String(listed)];
      for (const message of errors) {
        expect(message).toContain(
          `the answer is not one of Azure Resource Manager: HTTP ${status}, the page 'Access denied'`,
        );
        expect(message).toContain('run the workflow again');
        expect(message).toContain('permits requests to management.azure.com');
        expect(message).not.toMatch(/PARSE_ERROR|Azure error|Correct what|identity a role|<html|wrong role/);
      }
    },
  );

  test('names the proxy that the request used', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://user:secret@proxy.example:8080');
    const error = await errorOf(createReader([page(403, 'text/html')]).reader.listFirewallRules());
    vi.unstubAllEnvs();
    expect(String(error)).toMatch(
      /What to do: The proxy proxy\.example:8080 \(HTTPS_PROXY\), or a gateway behind it, answered instead/,
    );
    expect(String(error)).not.toContain('secret');
  });

  test('does not count as rejected, and is retried as an outage is', async () => {
    const error = await createFakeArmClients([page(403, 'application/json')])
      .clients.postgresql.servers.get('group', 'demo')
      .catch((thrown: unknown) => thrown);
    expect(azureDetails(error)).toEqual({
      code: '',
      status: 403,
      message: expect.stringContaining('not one of Azure Resource Manager'),
    });
    expect(transientReason(error, true)).toBeUndefined();
  });

  test('is one of Azure if it is a JSON object or has no body', async () => {
    const errors: ArmResponse[] = [
      { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
      { status: 403 },
    ];
    for (const response of errors)
      expect(String(await errorOf(createReader([response]).reader.listFirewallRules()))).toContain(
        'Give the identity a role',
      );
  });
});

describe('a write fails if its response is not from Azure Resource Manager', () => {
  const html: ArmResponse = { status: 200, text: '<html>Sign in</html>' };

  test('a server’s update', async ({ inFakeTime }) => {
    const { clients } = createFakeArmClients([html]);
    const update = clients.postgresql.servers.beginUpdate('group', 'demo', { tags: {} });
    expect(String(await errorOf(inFakeTime(update)))).toContain('not one of Azure Resource Manager');
  });

  test('a parameter, a rule and a resource group', async ({ inFakeTime }) => {
    const { clients } = createFakeArmClients([html, html, html]);
    const { configurations, firewallRules } = clients.postgresql;
    const range = { startIpAddress: '203.0.113.9', endIpAddress: '203.0.113.9' };
    const writes: readonly (() => Promise<unknown>)[] = [
      () => configurations.beginPut('group', 'demo', 'work_mem', { value: '1' }),
      () => firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range),
      async () =>
        (await clients.resources()).resourceGroups.createOrUpdate('group', { location: 'westeurope' }),
    ];
    for (const write of writes)
      expect(String(await errorOf(inFakeTime(write())))).toContain('not one of Azure Resource Manager');
  });
});

describe('a list has limits', () => {
  const rules = '/subscriptions/s/resourceGroups/group/providers/x/flexibleServers/demo/firewallRules';
  const page = (nextLink: string): ArmResponse => ({ status: 200, body: { value: [], nextLink } });

  test('a page that links to itself is read once', async () => {
    const next = `https://management.azure.com${rules}?page=2`;
    const { reader, requests } = createReader([page(next), page(next), page(next)]);
    await expect(reader.listFirewallRules()).rejects.toThrow(/its next page is the same page/);
    expect(requests).toHaveLength(2);
  });

  test('pages that link to each other are read 200 times at most', async () => {
    const pages = Array.from({ length: 1000 }, (_, i) =>
      page(`https://management.azure.com${rules}?page=${i % 2}`),
    );
    const { reader, requests } = createReader(pages);
    await expect(reader.listFirewallRules()).rejects.toThrow(/more than 200 pages/);
    expect(requests.length).toBeLessThan(250);
  });

  test('a next page on another host is not requested, so that the token is sent only to ARM', async () => {
    const { reader, requests } = createReader([page('https://evil.example/rules')]);
    await expect(reader.listFirewallRules()).rejects.toThrow(/its next page is on another host/);
    expect(requests).toHaveLength(1);
  });
});

describe('a request has limits', () => {
  test('without a response it is retried and logged, and fails in minutes', async ({ inFakeTime }) => {
    const { reader, requests, logLines } = createReader(['silent', 'silent', 'silent', 'silent']);
    const before = performance.now();
    const observed = await inFakeTime(reader.getServer());
    expect(observed.status).toBe('unknown');
    expect(observed.status === 'unknown' && observed.error.message).toContain('no answer within 30 s');
    expect(requests).toHaveLength(4);
    expect(logLines).toHaveLength(4);
    expect(performance.now() - before).toBeLessThan(200_000);
  });

  test('it succeeds if the second attempt gets a response', async ({ inFakeTime }) => {
    const { reader } = createReader(['silent', okResponse]);
    expect((await inFakeTime(reader.getServer())).status).toBe('present');
  });

  test.for<[string, number]>([
    ['3', 3000],
    ['soon', 10_000],
    ['', 10_000],
  ])(
    'after a 429 with Retry-After "%s" it waits, logs and retries',
    async ([given, wait], { inFakeTime }) => {
      const body = { error: { code: 'SubscriptionRequestsThrottled', message: 'too many' } };
      const { reader, logLines } = createReader([
        { status: 429, headers: { 'retry-after': given }, body },
        okResponse,
      ]);
      const before = performance.now();
      expect((await inFakeTime(reader.getServer())).status).toBe('present');
      expect(performance.now() - before).toBeGreaterThanOrEqual(wait);
      expect(performance.now() - before).toBeLessThan(wait + 1000);
      expect(logLines).toHaveLength(1);
      expect(logLines[0]).toMatch(/throttles .*may be sent again after \d/);
    },
  );
});

test('a write whose response was lost may have taken effect, also if its repetition is rejected', async ({
  inFakeTime,
}) => {
  const refusal: ArmResponse = {
    status: 403,
    body: { error: { code: 'AuthorizationFailed', message: 'no' } },
  };
  const put = async (answers: readonly ArmResponse[]) => {
    const { clients } = createFakeArmClients(answers);
    return (await clients.resources()).resourceGroups.createOrUpdate('group', { location: 'westeurope' });
  };
  const lost: readonly ArmResponse[] = [
    'broken',
    'silent',
    { status: 500 },
    { status: 503, headers: { 'retry-after': '1' } },
  ];
  for (const first of lost) {
    const error = azureDetails(await errorOf(inFakeTime(put([first, refusal]))));
    expect(error).toMatchObject({ status: 403 });
    expect(error).not.toHaveProperty('wasRejected');
  }
  expect(azureDetails(await errorOf(inFakeTime(put([refusal]))))).toMatchObject({ wasRejected: true });
  const throttled = { status: 429, headers: { 'retry-after': '1' } };
  expect(azureDetails(await errorOf(inFakeTime(put([throttled, refusal]))))).toMatchObject({
    wasRejected: true,
  });
});
