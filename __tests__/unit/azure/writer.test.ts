import { describe, expect } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { AzureWriter } from '../../../src/azure/writer.ts';
import { ActionError } from '../../../src/common/errors.ts';
import {
  type ArmResponse,
  acceptedResponse,
  createFakeArmClients,
  pollResponse,
} from '../../helpers/unit/fake-arm.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const range = { start: '203.0.113.9', end: '203.0.113.9' };
const serverInState = (state: string): ArmResponse => ({
  status: 200,
  body: {
    id: '/subscriptions/s/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo',
    name: 'demo',
    location: 'West Europe',
    properties: { state },
  },
});
const ruleResponse: ArmResponse = {
  status: 200,
  body: { id: '/x', name: 'r', properties: { startIpAddress: range.start, endIpAddress: range.end } },
};
const notFoundResponse: ArmResponse = {
  status: 404,
  body: { error: { code: 'ResourceNotFound', message: 'was not found' } },
};
const forbiddenResponse: ArmResponse = {
  status: 403,
  body: { error: { code: 'AuthorizationFailed', message: 'no' } },
};
const internalErrorResponse: ArmResponse = {
  status: 500,
  body: { error: { code: 'InternalServerError', message: 'An unexpected error occured.' } },
};
/** The responses to one request: the SDK sends it four times. */
const repeatedInternalErrors: readonly ArmResponse[] = Array(4).fill(internalErrorResponse);

function createWriter(responses: Parameters<typeof createFakeArmClients>[0], retryWhenUnreachable = false) {
  const { clients, requests } = createFakeArmClients(responses);
  const run = createTestRun();
  const reader = new AzureReader(clients, run, { name: 'demo', resourceGroup: 'group' });
  return { writer: new AzureWriter(clients, run, reader, retryWhenUnreachable), requests, run };
}

/** Answers writes in order, and reads by their path. */
function respondWith(
  writes: readonly ArmResponse[],
  { state = 'Ready', shown = notFoundResponse, poll = pollResponse('InProgress') } = {},
) {
  const queue = [...writes];
  return (requests: readonly string[]): ArmResponse => {
    const last = requests.at(-1) ?? '';
    if (!last.startsWith('GET')) return queue.shift() ?? 'broken';
    if (last.includes('azureAsyncOperation')) return poll;
    return last.includes('/firewallRules/') ? shown : serverInState(state);
  };
}

const countPuts = (requests: readonly string[]): number =>
  requests.filter((each) => each.startsWith('PUT')).length;

describe('InternalServerError on a firewall write', () => {
  test('is retried and logged as long as the server is not Ready', async ({ inFakeTime }) => {
    const { writer, run } = createWriter([
      ...Array(6)
        .fill([...repeatedInternalErrors, serverInState('Updating')])
        .flat(),
      acceptedResponse,
      pollResponse('Succeeded'),
      ruleResponse,
      ruleResponse,
    ]);
    await inFakeTime(writer.putFirewallRule('r', range));
    expect(run.logLines.join('\n')).toContain(
      'InternalServerError while the server is Updating; trying again',
    );
  });

  test('is retried for a deletion too', async ({ inFakeTime }) => {
    const { writer } = createWriter(
      respondWith([...repeatedInternalErrors, acceptedResponse], { state: 'Updating' }),
    );
    expect(await inFakeTime(writer.deleteFirewallRule('r'))).toBe(true);
  });

  test('is an error after a few retries if the server is Ready', async ({ inFakeTime }) => {
    const { writer, requests } = createWriter(
      Array(10)
        .fill([...repeatedInternalErrors, serverInState('Ready')])
        .flat(),
    );
    const error = await errorOf(inFakeTime(writer.putFirewallRule('r', range)));
    expect(String(error)).toContain('InternalServerError');
    expect(countPuts(requests)).toBeLessThan(20);
  });
});

describe('a writer that retries while Azure is unreachable, as in post', () => {
  test.for<[string, readonly ArmResponse[]]>([
    ['broken connections', Array(8).fill('broken')],
    ['silence', Array(8).fill('silent')],
    ['HTTP 500 without a code', Array(8).fill({ status: 500 })],
    ['HTTP 429 repeatedly', Array(8).fill({ status: 429, headers: { 'retry-after': '1' } })],
  ])('retries after %s until Azure answers', async ([, failures], { inFakeTime }) => {
    const { writer } = createWriter(respondWith([...failures, acceptedResponse]), true);
    expect(await inFakeTime(writer.deleteFirewallRule('r'))).toBe(true);
  });

  test('does not retry a request that Azure rejects', async ({ inFakeTime }) => {
    const { writer, requests } = createWriter([forbiddenResponse], true);
    const error = await errorOf(inFakeTime(writer.deleteFirewallRule('r')));
    expect(String(error)).toContain('AuthorizationFailed');
    expect(requests).toHaveLength(1);
  });
});

describe('a rejected write counts as without effect', () => {
  const azureOf = (error: unknown) => (error instanceof ActionError ? error.azure : undefined);

  test('if its only request was rejected', async ({ inFakeTime }) => {
    const { writer } = createWriter([forbiddenResponse]);
    expect(azureOf(await errorOf(inFakeTime(writer.putFirewallRule('r', range))))).toMatchObject({
      wasRejected: true,
    });
  });

  test('but not after an earlier request without a conclusive response', async ({ inFakeTime }) => {
    const { writer } = createWriter([
      ...repeatedInternalErrors,
      serverInState('Updating'),
      forbiddenResponse,
    ]);
    const azure = azureOf(await errorOf(inFakeTime(writer.putFirewallRule('r', range))));
    expect(azure).toMatchObject({ status: 403 });
    expect(azure).not.toHaveProperty('wasRejected');
  });

  test('also after an earlier operation that failed', async ({ inFakeTime }) => {
    const poll = pollResponse('Failed', { code: 'ServerIsBusy', message: 'busy' });
    const { writer } = createWriter(respondWith([acceptedResponse, forbiddenResponse], { poll }));
    const azure = azureOf(await errorOf(inFakeTime(writer.putFirewallRule('r', range))));
    expect(azure).toMatchObject({ wasRejected: true });
  });
});

test('an update whose operation cannot be read is sent once, however long the server is Updating', async ({
  inFakeTime,
}) => {
  const start = performance.now();
  const isUpdating = (): boolean => performance.now() - start < 180_000;
  const { writer, requests } = createWriter((sentRequests) => {
    const last = sentRequests.at(-1) ?? '';
    if (last.startsWith('PATCH')) return acceptedResponse;
    if (last.includes('azureAsyncOperation')) return forbiddenResponse;
    return serverInState(isUpdating() ? 'Updating' : 'Ready');
  });
  await inFakeTime(
    writer.updateServer(
      () => ({ tags: {} }),
      'tags',
      () => !isUpdating(),
    ),
  );
  expect(requests.filter((each) => each.startsWith('PATCH'))).toHaveLength(1);
});

describe('a server that is started', () => {
  /** Answers reads with state Stopped until the POST, and then with Starting for three minutes. */
  const startingServer = (post: ArmResponse, poll: ArmResponse) => {
    let readyAt = Number.NaN;
    const currentState = (): string => {
      if (Number.isNaN(readyAt)) return 'Stopped';
      return performance.now() < readyAt ? 'Starting' : 'Ready';
    };
    return (requests: readonly string[]): ArmResponse => {
      const last = requests.at(-1) ?? '';
      if (last.includes('azureAsyncOperation')) return poll;
      if (last.startsWith('GET')) return serverInState(currentState());
      if (last.startsWith('PATCH')) return acceptedResponse;
      readyAt = performance.now() + 180_000;
      return post;
    };
  };
  const notStopped: ArmResponse = {
    status: 409,
    body: { error: { code: 'ServerIsNotStopped', message: 'no' } },
  };

  test.for<[string, ArmResponse, ArmResponse, string]>([
    ['although its operation cannot be read', acceptedResponse, forbiddenResponse, 'applied'],
    ['while its operation runs', acceptedResponse, pollResponse('InProgress'), 'applied'],
    ['by another run', notStopped, forbiddenResponse, 'adopted'],
  ])('is awaited until it is Ready, %s', async ([, post, poll, result], { inFakeTime }) => {
    const { writer, requests } = createWriter(startingServer(post, poll));
    const start = performance.now();
    expect(await inFakeTime(writer.startServer())).toBe(result);
    expect(performance.now() - start).toBeGreaterThan(180_000);
    expect(performance.now() - start).toBeLessThan(190_000);
    expect(requests.filter((each) => each.startsWith('POST'))).toHaveLength(1);
  });

  test('gets an update of the same run once, although no operation can be read', async ({ inFakeTime }) => {
    const { writer, requests } = createWriter(startingServer(acceptedResponse, forbiddenResponse));
    const update = async () => {
      await writer.startServer();
      await writer.updateServer(
        () => ({ tags: {} }),
        'tags',
        () => requests.some((each) => each.startsWith('PATCH')),
      );
    };
    const start = performance.now();
    await inFakeTime(update());
    expect(requests.filter((each) => each.startsWith('PATCH'))).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(190_000);
  });
});

test('an operation that cannot be read and whose effect is not visible is sent again', async ({
  inFakeTime,
}) => {
  const { writer, requests } = createWriter((sentRequests) => {
    const last = sentRequests.at(-1) ?? '';
    if (last.startsWith('PUT')) return acceptedResponse;
    if (last.includes('azureAsyncOperation')) return forbiddenResponse;
    return countPuts(sentRequests) < 2 ? notFoundResponse : ruleResponse;
  });
  await inFakeTime(writer.putFirewallRule('r', range));
  expect(countPuts(requests)).toBe(2);
});
