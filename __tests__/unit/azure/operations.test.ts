import { describe, expect } from 'vitest';
import { azureDetails, OperationFailedError } from '../../../src/azure/azure-errors.ts';
import {
  type Operation,
  type OperationProgress,
  RetriedOperation,
  startOperation,
} from '../../../src/azure/operations.ts';
import { type SetReason, waitFor } from '../../../src/common/polling.ts';
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

  test('is polled in each check, but in few checks that only have to find a failure', async ({
    inFakeTime,
  }) => {
    const countPolls = async (check: 'check' | 'checkForFailure', ms: number): Promise<number> => {
      const { operation, requests } = startRuleOperation((sent) =>
        sent.length === 1 ? acceptedResponse : pollResponse('InProgress'),
      );
      const running = await operation;
      const start = performance.now();
      const poll = async (setReason: SetReason) => {
        expect(await running[check](setReason)).toBe('running');
        return performance.now() - start >= ms || undefined;
      };
      await inFakeTime(waitFor(createTestRun(), 'it', poll));
      return requests.length - 1;
    };
    expect(await countPolls('check', 3000)).toBe(7);
    expect(await countPolls('checkForFailure', 3000)).toBe(3);
    expect(await countPolls('check', 600_000)).toBeLessThan(170);
    expect(await countPolls('checkForFailure', 600_000)).toBeLessThan(45);
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
  test.for([1000, 3000, 20_000])(
    'ends at most 0.3 s or 5 %% after the effect is visible after %d ms, regardless of what the operation reports',
    async (visibleAfter, { inFakeTime }) => {
      const { operation } = await startRetriedOperation(acceptAndPoll(pollResponse('InProgress')));
      const before = performance.now();
      const getEffect = async () => (performance.now() - before >= visibleAfter ? 'in' : undefined);
      expect(await inFakeTime(operation.waitForEffect(getEffect))).toBe('in');
      const late = performance.now() - before - visibleAfter;
      expect(late).toBeLessThanOrEqual(Math.max(300, visibleAfter * 0.05));
    },
  );

  test.for([1000, 3000, 20_000])(
    'ends at most 0.3 s or 5 %% after the operation, if its end is awaited: %d ms',
    async (took, { inFakeTime }) => {
      const before = performance.now();
      const { operation } = await startRetriedOperation((requests) =>
        acceptAndPoll(pollResponse(performance.now() - before < took ? 'InProgress' : 'Succeeded'))(requests),
      );
      await inFakeTime(operation.waitForEnd());
      expect(performance.now() - before - took).toBeLessThanOrEqual(Math.max(300, took * 0.05));
    },
  );

  test('ends with the failure of the operation, although the effect is never visible', async ({
    inFakeTime,
  }) => {
    const failed = pollResponse('Failed', { code: 'X', message: 'm' });
    const { operation } = await startRetriedOperation(acceptAndPoll(failed));
    const error = await errorOf(inFakeTime(operation.waitForEffect(async () => undefined)));
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
