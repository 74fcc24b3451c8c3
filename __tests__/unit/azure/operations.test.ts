import { describe, expect } from 'vitest';
import { azureDetails, OperationFailedError } from '../../../src/azure/azure-errors.ts';
import {
  type Operation,
  type OperationProgress,
  RetriedOperation,
  startOperation,
} from '../../../src/azure/operations.ts';
import { waitFor } from '../../../src/common/polling.ts';
import {
  type ArmResponse,
  acceptedResponse,
  correlationId,
  createFakeArmClients,
  operationUrl,
  pollResponse,
} from '../../helpers/unit/fake-arm.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const range = { startIpAddress: '203.0.113.9', endIpAddress: '203.0.113.9' };
const forbiddenResponse: ArmResponse = {
  status: 403,
  body: { error: { code: 'AuthorizationFailed', message: 'no' } },
};

type FakeArmResponses = Parameters<typeof createFakeArmClients>[0];

/** Starts the creation of a firewall rule through the real SDK client. */
function startRuleOperation(responses: FakeArmResponses, onAccepted?: (url: string | undefined) => void) {
  const { clients, requests } = createFakeArmClients(responses);
  const operation = startOperation(
    clients,
    createTestRun(),
    (options) => clients.postgresql.firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range, options),
    onAccepted,
  );
  return { operation, requests };
}

/** The progress after each of so many polls. */
async function pollTimes(operation: Operation, times: number): Promise<readonly OperationProgress[]> {
  const progress: OperationProgress[] = [];
  for (let i = 0; i < times; i += 1) progress.push(await operation.poll(60_000));
  return progress;
}

describe('an operation that is started through the SDK', () => {
  test('reports its whole URL once, before any poll', async () => {
    const accepted: { url: string | undefined; requests: number }[] = [];
    const { operation, requests } = startRuleOperation([acceptedResponse], (url) =>
      accepted.push({ url, requests: requests.length }),
    );
    await operation;
    expect(accepted).toEqual([{ url: operationUrl, requests: 1 }]);
  });

  test('is returned as soon as it is accepted, and a poll that hangs does not block a check', async ({
    inFakeTime,
  }) => {
    const { operation, requests } = startRuleOperation([acceptedResponse, 'silent']);
    const running = await operation;
    expect(requests).toHaveLength(1);
    const before = performance.now();
    const check = async (): Promise<true | undefined> => {
      await running.check(() => {});
      return requests.length > 1 || undefined;
    };
    expect(await inFakeTime(waitFor(createTestRun(), 'it', check))).toBe(true);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('is polled without waiting for the Retry-After of 60 s', async ({ inFakeTime }) => {
    const { operation, requests } = startRuleOperation([
      acceptedResponse,
      pollResponse('InProgress'),
      pollResponse('Succeeded'),
    ]);
    const before = performance.now();
    expect(await inFakeTime(operation.then((started) => pollTimes(started, 4)))).toEqual([
      'running',
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
    expect(requests).toHaveLength(3);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('polls in the first three checks and then in every third', async () => {
    const { operation, requests } = startRuleOperation((requests) =>
      requests.length === 1
        ? acceptedResponse
        : pollResponse(requests.length < 5 ? 'InProgress' : 'Succeeded'),
    );
    const running = await operation;
    const progress: OperationProgress[] = [];
    const requestCounts: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      progress.push(await running.check(() => {}));
      requestCounts.push(requests.length);
    }
    expect(requestCounts).toEqual([2, 3, 4, 4, 4, 5, 5]);
    expect(progress).toEqual([...Array(5).fill('running'), 'succeeded', 'succeeded']);
  });

  test('fails with code, message and correlation id', async () => {
    const message =
      "Cannot complete operation while server 'demo' is busy processing another operation. Try again later.";
    const { operation } = startRuleOperation([
      acceptedResponse,
      pollResponse('Failed', { code: 'ServerIsBusy', message }),
    ]);
    const error = await errorOf(operation.then((started) => pollTimes(started, 1)));
    expect(error).toBeInstanceOf(OperationFailedError);
    expect(azureDetails(error)).toEqual({ code: 'ServerIsBusy', message, correlationId });
  });

  test.for([
    ['a message of several sentences and lines', { code: 'X', message: 'First. Second.\nThird: a.b.c. ' }],
    ['a failure without a code', undefined],
  ] as const)('fails with the whole of %s', async ([, error]) => {
    const { operation } = startRuleOperation([acceptedResponse, pollResponse('Failed', error)]);
    const thrown = await errorOf(operation.then((started) => pollTimes(started, 1)));
    const { code = '', message = 'The operation ended as Failed.' } = error ?? {};
    expect(azureDetails(thrown)).toEqual({ code, message, correlationId });
  });

  test('rejects with the status of a request that Azure rejects, which has no effect', async () => {
    const rejection = { status: 409, body: { error: { code: 'ServerIsBusy', message: 'busy' } } };
    const { operation } = startRuleOperation([rejection]);
    expect(azureDetails(await errorOf(operation))).toMatchObject({
      code: 'ServerIsBusy',
      status: 409,
      wasRejected: true,
    });
  });

  test.for<[string, ArmResponse]>([
    ['403', forbiddenResponse],
    ['404', { status: 404, body: { error: { code: 'ResourceNotFound', message: 'no' } } }],
    ['a page of a proxy', { status: 200, text: '<html>Sign in</html>' }],
    ['truncated JSON', { status: 200, text: '{"status":"Succ' }],
    ['JSON without a status', { status: 200, body: { value: [] } }],
    ['a status that is not text', { status: 200, body: { status: { a: 1 } } }],
  ])('is unreadable after two polls that are answered by %s, until a poll succeeds', async ([, response]) => {
    const { operation } = startRuleOperation([
      acceptedResponse,
      response,
      response,
      pollResponse('Failed', { code: 'X', message: 'm' }),
    ]);
    const running = await operation;
    expect(await pollTimes(running, 2)).toEqual(['running', 'unreadable']);
    expect(await errorOf(pollTimes(running, 1))).toBeInstanceOf(OperationFailedError);
  });

  test("may have taken effect if the SDK's second request is rejected after the first response was lost", async ({
    inFakeTime,
  }) => {
    const { operation, requests } = startRuleOperation(['broken', forbiddenResponse]);
    const error = await errorOf(inFakeTime(operation));
    expect(requests).toHaveLength(2);
    expect(azureDetails(error)).toMatchObject({ status: 403 });
    expect(azureDetails(error)).not.toHaveProperty('wasRejected');
  });

  test.for<[string, ArmResponse, number]>([
    ['a redirect to a sign-in page', { status: 302, headers: { location: 'https://proxy.example/' } }, 302],
    [
      'a rejection that names a Location',
      {
        status: 403,
        headers: { location: operationUrl },
        body: { error: { code: 'AuthorizationFailed', message: 'no' } },
      },
      403,
    ],
  ])('is not accepted by %s', async ([, response, status]) => {
    const accepted: unknown[] = [];
    const { operation } = startRuleOperation([response], (url) => accepted.push(url));
    expect(azureDetails(await errorOf(operation))).toMatchObject({ status });
    expect(accepted).toEqual([]);
  });

  test('is accepted without a URL if Azure performs it at once', async () => {
    const accepted: unknown[] = [];
    const done = { status: 201, body: { id: '/x', name: 'r', properties: range } };
    const { operation } = startRuleOperation([done, done], (url) => accepted.push(url));
    expect(await pollTimes(await operation, 1)).toEqual(['succeeded']);
    expect(accepted).toEqual([undefined]);
  });

  test('is never polled on another host, so that the token is sent only to ARM', async () => {
    const headers = { 'azure-asyncoperation': 'https://evil.example/operation' };
    const { operation, requests } = startRuleOperation([{ status: 202, headers, body: {} }]);
    expect(await pollTimes(await operation, 2)).toEqual(['unreadable', 'unreadable']);
    expect(requests).toHaveLength(1);
  });
});

/** Starts the creation of a firewall rule whose effect ARM never shows. */
async function startRetriedOperation(responses: FakeArmResponses) {
  const { clients, requests } = createFakeArmClients(responses);
  const run = createTestRun();
  const request = {
    description: 'creating a rule',
    begin: (options: Parameters<Parameters<typeof startOperation>[2]>[0]) =>
      clients.postgresql.firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range, options),
    hasTakenEffect: async () => undefined,
  };
  const operation = new RetriedOperation(clients, run, request, false);
  await operation.start();
  return { operation, requests, run };
}

/** Accepts every request, and answers all polls of an operation with this. */
const acceptAndPoll =
  (poll: ArmResponse) =>
  (requests: readonly string[]): ArmResponse =>
    requests.at(-1)?.startsWith('PUT') ? acceptedResponse : poll;

describe('waiting for the effect of an operation', () => {
  test('ends as soon as the effect is visible, regardless of what the operation reports', async ({
    inFakeTime,
  }) => {
    const { operation } = await startRetriedOperation(acceptAndPoll(pollResponse('InProgress')));
    const before = performance.now();
    const getResult = async () => (performance.now() - before >= 3000 ? 'in' : undefined);
    expect(await inFakeTime(operation.waitUntil(getResult))).toBe('in');
    expect(performance.now() - before).toBeLessThan(8000);
  });

  test('ends with the failure of the operation, although the effect is never visible', async ({
    inFakeTime,
  }) => {
    const failed = pollResponse('Failed', { code: 'X', message: 'm' });
    const { operation } = await startRetriedOperation(acceptAndPoll(failed));
    const error = await errorOf(inFakeTime(operation.waitUntil(async () => undefined)));
    expect(azureDetails(error)).toMatchObject({ code: 'X', message: 'm' });
    expect(String(error)).toContain('while creating a rule');
  });

  test('logs why it has not ended', async ({ inFakeTime }) => {
    const { operation, run } = await startRetriedOperation(acceptAndPoll(forbiddenResponse));
    setTimeout(() => run.abort(new Error('over')), 60_000);
    await errorOf(inFakeTime(operation.waitForEnd()));
    expect(run.logLines.join('\n')).toMatch(
      /Still waiting for the end of creating a rule: .*the state of the operation cannot be read/,
    );
  });

  test('sends an operation again that fails because the server is busy, after growing pauses', async ({
    inFakeTime,
  }) => {
    const busy = pollResponse('Failed', { code: 'ServerIsBusy', message: 'busy' });
    const sentAt: number[] = [];
    const { operation, run } = await startRetriedOperation((requests) => {
      const response = acceptAndPoll(busy)(requests);
      if (response === acceptedResponse) sentAt.push(performance.now());
      return response;
    });
    setTimeout(() => run.abort(new Error('over')), 120_000);
    await errorOf(inFakeTime(operation.waitForEnd()));
    const pauses = sentAt.slice(1).map((at, i) => at - (sentAt[i] ?? 0));
    expect(pauses.length).toBeGreaterThan(5);
    expect(pauses[0]).toBeLessThan(5000);
    expect(pauses.at(-1)).toBeGreaterThan(15_000);
    expect(run.logLines.join('\n')).toContain(
      'busy with another operation (ServerIsBusy); trying again: creating a rule',
    );
  });
});
