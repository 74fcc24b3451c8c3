import { describe, expect } from 'vitest';
import { azureDetails } from '../../../src/azure/failures.ts';
import { AzureReader } from '../../../src/azure/reader.ts';
import { type Answer, clientsAnswering } from '../../helpers/unit/fake-arm.ts';
import { testRun, thrownBy } from '../../helpers/unit/run.ts';
import { test } from '../../helpers/unit/test.ts';

const location = { name: 'demo', resourceGroup: 'group' };
const server = {
  id: '/subscriptions/s/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo',
  name: 'demo',
  location: 'West Europe',
  properties: { state: 'Ready' },
};
const good: Answer = { status: 200, body: server };

function readerOf(
  answers: readonly Answer[],
  at: { name: string; resourceGroup: string | undefined } = location,
) {
  const { clients, asked, said } = clientsAnswering(answers);
  return { reader: new AzureReader(clients, testRun(), at), asked, said };
}

describe('an answer that is none of Azure Resource Manager is unknown', () => {
  test.for<[string, Answer]>([
    ['a page of a proxy with status 200', { status: 200, text: '<html>Sign in</html>' }],
    ['an empty body', { status: 200, text: '' }],
    ['truncated JSON', { status: 200, text: '{"id": "/sub' }],
    ['a list', { status: 200, body: [] }],
    ['an empty object', { status: 200, body: {} }],
    ['another server', { status: 200, body: { ...server, name: 'other' } }],
    ['a thing without a state', { status: 200, body: { ...server, properties: {} } }],
    [
      'an id of another type',
      { status: 200, body: { ...server, id: '/subscriptions/s/resourceGroups/demo' } },
    ],
    ['a 404 of a proxy', { status: 404, text: '<html>Not found</html>' }],
  ])('for a server: %s', async ([, answer]) => {
    const seen = await readerOf([answer]).reader.server();
    expect(seen.status).toBe('unknown');
  });

  test.for<[string, Answer]>([
    ['a page of a proxy with status 200', { status: 200, text: '<html>Sign in</html>' }],
    ['an object without a list', { status: 200, body: {} }],
    ['a list of texts', { status: 200, body: { value: ['demo'] } }],
    ['a list that is no list', { status: 200, body: { value: { name: 'demo' } } }],
  ])('for a list: %s', async ([, answer]) => {
    const { reader } = readerOf([answer], { name: 'demo', resourceGroup: undefined });
    expect((await reader.server()).status).toBe('unknown');
    await expect(readerOf([answer]).reader.firewallRules()).rejects.toThrow(
      /the answer is not one of Azure Resource Manager.*a proxy/s,
    );
  });

  test('for whether a name is free: an answer that does not say so', async () => {
    const answers: Answer[] = [
      { status: 200, text: '<html>Sign in</html>' },
      { status: 200, body: { message: '' } },
    ];
    for (const answer of answers)
      await expect(readerOf([answer]).reader.nameIsFree('westeurope')).rejects.toThrow(/state-unknown/);
  });
});

describe('a write that something else answered is not done', () => {
  const html: Answer = { status: 200, text: '<html>Sign in</html>' };

  test('a server’s update', async ({ inFakeTime }) => {
    const { clients } = clientsAnswering([html]);
    const update = clients.postgresql.servers.beginUpdate('group', 'demo', { tags: {} });
    expect(String(await thrownBy(inFakeTime(update)))).toContain('not one of Azure Resource Manager');
  });

  test('a parameter, a rule and a resource group', async ({ inFakeTime }) => {
    const { clients } = clientsAnswering([html, html, html]);
    const { configurations, firewallRules } = clients.postgresql;
    const range = { startIpAddress: '203.0.113.9', endIpAddress: '203.0.113.9' };
    const writes: readonly (() => Promise<unknown>)[] = [
      () => configurations.beginPut('group', 'demo', 'work_mem', { value: '1' }),
      () => firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range),
      () => clients.resources.resourceGroups.createOrUpdate('group', { location: 'westeurope' }),
    ];
    for (const write of writes)
      expect(String(await thrownBy(inFakeTime(write())))).toContain('not one of Azure Resource Manager');
  });
});

describe('a list is bounded', () => {
  const rules = '/subscriptions/s/resourceGroups/group/providers/x/flexibleServers/demo/firewallRules';
  const page = (nextLink: string): Answer => ({ status: 200, body: { value: [], nextLink } });

  test('a page that leads to itself is asked for once', async () => {
    const next = `https://management.azure.com${rules}?page=2`;
    const { reader, asked } = readerOf([page(next), page(next), page(next)]);
    await expect(reader.firewallRules()).rejects.toThrow(/its next page is the same page/);
    expect(asked).toHaveLength(2);
  });

  test('pages that lead to each other end', async () => {
    const pages = Array.from({ length: 1000 }, (_, i) =>
      page(`https://management.azure.com${rules}?page=${i % 2}`),
    );
    const { reader, asked } = readerOf(pages);
    await expect(reader.firewallRules()).rejects.toThrow(/more than 200 pages/);
    expect(asked.length).toBeLessThan(250);
  });

  test('the token does not follow a page to another host', async () => {
    const { reader, asked } = readerOf([page('https://evil.example/rules')]);
    await expect(reader.firewallRules()).rejects.toThrow(/its next page is on another host/);
    expect(asked).toHaveLength(1);
  });
});

describe('a request has limits', () => {
  test('one that is never answered is sent again, logged, and given up in minutes', async ({
    inFakeTime,
  }) => {
    const { reader, asked, said } = readerOf(['silent', 'silent', 'silent', 'silent']);
    const before = performance.now();
    const seen = await inFakeTime(reader.server());
    expect(seen.status).toBe('unknown');
    expect(seen.status === 'unknown' && seen.error.message).toContain('no answer within 30 s');
    expect(asked).toHaveLength(4);
    expect(said).toHaveLength(4);
    expect(performance.now() - before).toBeLessThan(200_000);
  });

  test('one whose answer comes at the second time is answered', async ({ inFakeTime }) => {
    const { reader } = readerOf(['silent', good]);
    expect((await inFakeTime(reader.server())).status).toBe('present');
  });

  test.for<[string, number]>([
    ['3', 3000],
    ['soon', 10_000],
    ['', 10_000],
  ])(
    '429 with Retry-After "%s" is waited for, logged, and sent again',
    async ([given, wait], { inFakeTime }) => {
      const body = { error: { code: 'SubscriptionRequestsThrottled', message: 'too many' } };
      const { reader, said } = readerOf([{ status: 429, headers: { 'retry-after': given }, body }, good]);
      const before = performance.now();
      expect((await inFakeTime(reader.server())).status).toBe('present');
      expect(performance.now() - before).toBeGreaterThanOrEqual(wait);
      expect(performance.now() - before).toBeLessThan(wait + 1000);
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(/throttles .*may be sent again after \d/);
    },
  );
});

test('a write whose answer was lost may have taken effect, whatever its repetition is answered', async ({
  inFakeTime,
}) => {
  const refusal: Answer = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } };
  const put = (answers: readonly Answer[]) => {
    const { clients } = clientsAnswering(answers);
    return clients.resources.resourceGroups.createOrUpdate('group', { location: 'westeurope' });
  };
  const lost: readonly Answer[] = [
    'broken',
    'silent',
    { status: 500 },
    { status: 503, headers: { 'retry-after': '1' } },
  ];
  for (const first of lost) {
    const error = azureDetails(await thrownBy(inFakeTime(put([first, refusal]))));
    expect(error).toMatchObject({ status: 403 });
    expect(error).not.toHaveProperty('refused');
  }
  expect(azureDetails(await thrownBy(inFakeTime(put([refusal]))))).toMatchObject({ refused: true });
  const throttled = { status: 429, headers: { 'retry-after': '1' } };
  expect(azureDetails(await thrownBy(inFakeTime(put([throttled, refusal]))))).toMatchObject({
    refused: true,
  });
});
