import { describe, expect } from 'vitest';
import { azureDetails, OperationFailedError } from '../../../src/azure/azure-errors.ts';
import {
  createOperationPoll,
  type Operation,
  type OperationProgress,
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

/** Starts a firewall write through the vendor's real client. */
function startRuleOperation(answers: readonly ArmResponse[], onAccepted?: (url: string | undefined) => void) {
  const { clients, asked } = createFakeArmClients(answers);
  const operation = startOperation(
    clients,
    createTestRun(),
    (options) => clients.postgresql.firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range, options),
    onAccepted,
  );
  return { operation, asked };
}

/** What each of so many polls has said. */
async function pollTimes(operation: Operation, times: number): Promise<readonly OperationProgress[]> {
  const said: OperationProgress[] = [];
  for (let i = 0; i < times; i += 1) {
    await operation.poll();
    said.push(operation.progress());
  }
  return said;
}

describe('an operation through the SDK', () => {
  test('its URL is handed on whole, once, and before any poll', async () => {
    const given: { url: string | undefined; requests: number }[] = [];
    const { operation, asked } = startRuleOperation([acceptedResponse], (url) =>
      given.push({ url, requests: asked.length }),
    );
    await operation;
    expect(given).toEqual([{ url: operationUrl, requests: 1 }]);
  });

  test('it is returned as soon as it is accepted: a poll that hangs does not delay what is needed', async ({
    inFakeTime,
  }) => {
    const { operation, asked } = startRuleOperation([acceptedResponse, 'silent']);
    const running = await operation;
    expect(asked).toHaveLength(1);
    const look = createOperationPoll(running, async () => (asked.length > 1 ? 'in' : undefined));
    const before = performance.now();
    expect(await inFakeTime(waitFor(createTestRun(), 'it', look))).toBe('in');
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('each question is one poll, and never waits for the Retry-After of 60 s', async ({ inFakeTime }) => {
    const { operation, asked } = startRuleOperation([
      acceptedResponse,
      pollResponse('InProgress'),
      pollResponse('Succeeded'),
    ]);
    const before = performance.now();
    expect(await inFakeTime(operation.then((it) => pollTimes(it, 4)))).toEqual([
      'running',
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
    expect(asked).toHaveLength(3);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('a failed operation has code, message and correlation id', async () => {
    const message =
      "Cannot complete operation while server 'demo' is busy processing another operation. Try again later.";
    const { operation } = startRuleOperation([
      acceptedResponse,
      pollResponse('Failed', { code: 'ServerIsBusy', message }),
    ]);
    const error = await errorOf(operation.then((it) => pollTimes(it, 1)));
    expect(error).toBeInstanceOf(OperationFailedError);
    expect(azureDetails(error)).toEqual({ code: 'ServerIsBusy', message, correlationId });
  });

  test.for([
    ['a message of several sentences and lines', { code: 'X', message: 'First. Second.\nThird: a.b.c. ' }],
    ['a failure without a code', undefined],
  ] as const)('%s is a failure, whole', async ([, error]) => {
    const { operation } = startRuleOperation([acceptedResponse, pollResponse('Failed', error)]);
    const thrown = await errorOf(operation.then((it) => pollTimes(it, 1)));
    const { code = '', message = 'The operation ended as Failed.' } = error ?? {};
    expect(azureDetails(thrown)).toEqual({ code, message, correlationId });
  });

  test('a request that is refused at once keeps its status, and nothing can come of it', async () => {
    const refusal = { status: 409, body: { error: { code: 'ServerIsBusy', message: 'busy' } } };
    const { operation } = startRuleOperation([refusal]);
    expect(azureDetails(await errorOf(operation))).toMatchObject({
      code: 'ServerIsBusy',
      status: 409,
      wasRejected: true,
    });
  });

  const forbidden: ArmResponse = {
    status: 403,
    body: { error: { code: 'AuthorizationFailed', message: 'no' } },
  };
  test.for<[string, ArmResponse]>([
    ['403', forbidden],
    ['404', { status: 404, body: { error: { code: 'ResourceNotFound', message: 'no' } } }],
    ['a page of a proxy', { status: 200, text: '<html>Sign in</html>' }],
    ['truncated JSON', { status: 200, text: '{"status":"Succ' }],
    ['JSON without a state', { status: 200, body: { value: [] } }],
    ['a state that is no text', { status: 200, body: { status: { a: 1 } } }],
  ])('a poll that is answered by %s concludes nothing', async ([, answer]) => {
    const { operation } = startRuleOperation([
      acceptedResponse,
      answer,
      answer,
      pollResponse('Failed', { code: 'X', message: 'm' }),
    ]);
    const running = await operation;
    expect(await pollTimes(running, 2)).toEqual(['running', 'unreadable']);
    // It is read again as soon as it can be.
    expect(await errorOf(pollTimes(running, 1))).toBeInstanceOf(OperationFailedError);
  });

  test('the SDK’s own second request, refused after the first one’s answer was lost, is no refusal of the first', async ({
    inFakeTime,
  }) => {
    const { operation, asked } = startRuleOperation(['broken', forbidden]);
    const error = await errorOf(inFakeTime(operation));
    expect(asked).toHaveLength(2);
    expect(azureDetails(error)).toMatchObject({ status: 403 });
    expect(azureDetails(error)).not.toHaveProperty('wasRejected');
  });

  test.for<[string, ArmResponse]>([
    ['a redirection to a sign-in page', { status: 302, headers: { location: 'https://proxy.example/' } }],
    [
      'a refusal that names a Location',
      {
        status: 403,
        headers: { location: operationUrl },
        body: { error: { code: 'AuthorizationFailed', message: 'no' } },
      },
    ],
  ])('%s is no acceptance', async ([, answer]) => {
    const accepted: unknown[] = [];
    const { operation } = startRuleOperation([answer], (url) => accepted.push(url));
    expect(azureDetails(await errorOf(operation))).toMatchObject({
      status: answer === 'broken' || answer === 'silent' ? 0 : answer.status,
    });
    expect(accepted).toEqual([]);
  });

  test('what is done at once was accepted too, without a URL', async () => {
    const accepted: unknown[] = [];
    const done = { status: 201, body: { id: '/x', name: 'r', properties: range } };
    const { operation } = startRuleOperation([done, done], (url) => accepted.push(url));
    expect((await operation).progress()).toBe('succeeded');
    expect(accepted).toEqual([undefined]);
  });

  test('the token goes to ARM alone: an operation elsewhere is unreadable and never polled', async () => {
    const headers = { 'azure-asyncoperation': 'https://evil.example/operation' };
    const { operation, asked } = startRuleOperation([{ status: 202, headers, body: {} }]);
    expect(await pollTimes(await operation, 2)).toEqual(['unreadable', 'unreadable']);
    expect(asked).toHaveLength(1);
  });
});

/** An operation whose polls say these things, one after another; the last one for good. */
function createFakeOperation(
  ...said: readonly (OperationProgress | OperationFailedError)[]
): Operation & { polls: number } {
  let now: OperationProgress | OperationFailedError = 'running';
  const operation = {
    polls: 0,
    pollProblem: undefined,
    progress() {
      if (now instanceof OperationFailedError) throw now;
      return now;
    },
    async poll() {
      const answer = said[operation.polls] ?? said.at(-1) ?? 'running';
      operation.polls += 1;
      await Promise.resolve();
      now = answer;
    },
  };
  return operation;
}

describe('waiting: a race of the need against the operation’s own failure', () => {
  test('ends as soon as the need is met, whatever the operation says', async ({ inFakeTime }) => {
    const before = performance.now();
    const need = async () => (performance.now() - before >= 3000 ? 'in' : undefined);
    const look = createOperationPoll(createFakeOperation('running'), need);
    expect(await inFakeTime(waitFor(createTestRun(), 'it', look))).toBe('in');
    expect(performance.now() - before).toBeLessThan(6000);
  });

  test('ends with the failure, although the need would never be met', async ({ inFakeTime }) => {
    const failure = new OperationFailedError({ code: 'X', message: 'm' });
    const look = createOperationPoll(
      createFakeOperation('running', 'running', 'running', failure),
      async () => undefined,
    );
    expect(await errorOf(inFakeTime(waitFor(createTestRun(), 'it', look)))).toBe(failure);
  });

  test('the need is looked at in every round, and again as soon as the operation has ended', async ({
    inFakeTime,
  }) => {
    const seen: OperationProgress[] = [];
    const operation = createFakeOperation('running', 'running', 'running', 'succeeded');
    const look = createOperationPoll(operation, async (progress) => void seen.push(progress));
    const rounds = async (): Promise<void> => {
      for (let i = 0; i < 7; i += 1) await look(() => {});
    };
    await inFakeTime(rounds());
    // Polls in rounds 1, 2, 3 and 6; in the last of these the need is looked at twice.
    expect(operation.polls).toBe(4);
    expect(seen).toEqual([
      'running',
      'running',
      'running',
      'running',
      'running',
      'running',
      'succeeded',
      'succeeded',
    ]);
  });

  test('says why it is not over yet', async ({ inFakeTime }) => {
    const run = createTestRun();
    setTimeout(() => run.abort(new Error('over')), 60_000);
    const look = createOperationPoll(createFakeOperation('unreadable'), async () => undefined);
    await errorOf(inFakeTime(waitFor(run, 'it', look)));
    expect(run.logLines[0]).toContain('whether Azure has ended the operation cannot be read');
  });
});
