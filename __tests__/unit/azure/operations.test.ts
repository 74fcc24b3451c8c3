import { describe, expect } from 'vitest';
import { azureDetails, OperationFailed } from '../../../src/azure/failures.ts';
import { type Operation, race, startOperation, whileBusy } from '../../../src/azure/operations.ts';
import { waitFor } from '../../../src/waiting.ts';
import { armError } from '../../helpers/unit/azure-errors.ts';
import {
  type Answer,
  accepted,
  clientsAnswering,
  correlationId,
  operationUrl,
  polled,
} from '../../helpers/unit/fake-arm.ts';
import { testRun, thrownBy } from '../../helpers/unit/run.ts';
import { test } from '../../helpers/unit/test.ts';

const range = { startIpAddress: '203.0.113.9', endIpAddress: '203.0.113.9' };
const rule: Answer = { status: 200, body: { id: '/x', name: 'r', properties: range } };

/** Starts a firewall write through the vendor's real client. */
function start(answers: readonly Answer[], told?: (url: string) => void) {
  const { clients, asked } = clientsAnswering(answers);
  const operation = startOperation(
    testRun(),
    (options) => clients.postgresql.firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range, options),
    told,
  );
  return { operation, asked };
}

describe('an operation through the SDK', () => {
  test('journal before act: its URL is told whole, before the first poll, and once', async () => {
    const other = { 'azure-asyncoperation': operationUrl.replace('0b6', '0b7') };
    const moved = { ...polled('InProgress'), headers: other };
    const { clients, asked } = clientsAnswering([accepted, moved]);
    const told: { url: string; requests: number }[] = [];
    await startOperation(
      testRun(),
      (options) => clients.postgresql.firewallRules.beginCreateOrUpdate('group', 'demo', 'r', range, options),
      (url) => told.push({ url, requests: asked.length }),
    );
    expect(told).toEqual([{ url: operationUrl, requests: 1 }]);
  });

  test('each question is one poll, and never waits the Retry-After of 60 s', async ({ inFakeTime }) => {
    const { operation, asked } = start([
      accepted,
      polled('InProgress'),
      polled('InProgress'),
      polled('Succeeded'),
      rule,
    ]);
    const before = performance.now();
    const running = await inFakeTime(operation);
    expect(await inFakeTime(running.ended())).toBe(false);
    expect(await inFakeTime(running.ended())).toBe(true);
    const requests = asked.length;
    expect(await inFakeTime(running.ended())).toBe(true);
    expect(asked).toHaveLength(requests);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('a failed poll tells code, message and correlation id', async () => {
    const message =
      "Cannot complete operation while server 'demo' is busy processing another operation. Try again later.";
    const { operation } = start([
      accepted,
      polled('InProgress'),
      polled('Failed', { code: 'ServerIsBusy', message }),
    ]);
    const error = await thrownBy((await operation).ended());
    expect(error).toBeInstanceOf(OperationFailed);
    expect(azureDetails(error)).toEqual({ code: 'ServerIsBusy', message, correlationId });
  });

  test('also where the very first poll fails', async () => {
    const { operation } = start([accepted, polled('Failed', { code: 'OperationFailed', message: '{0}' })]);
    expect(azureDetails(await thrownBy(operation))).toEqual({
      code: 'OperationFailed',
      message: '{0}',
      correlationId,
    });
  });

  test('a message of several sentences and lines stays whole', async () => {
    const message = 'First. Second.\nThird: a.b.c. ';
    const { operation } = start([accepted, polled('Failed', { code: 'X', message })]);
    expect(azureDetails(await thrownBy(operation))).toMatchObject({ code: 'X', message });
  });

  test('a failure without a code is a failure still', async () => {
    const { operation } = start([accepted, polled('Failed')]);
    expect(azureDetails(await thrownBy(operation))).toEqual({
      code: '',
      message: 'The operation failed.',
      correlationId,
    });
  });

  test('a request that is refused at once keeps its status', async () => {
    const refusal = { status: 409, body: { error: { code: 'ServerIsBusy', message: 'busy' } } };
    const { operation } = start([refusal]);
    expect(azureDetails(await thrownBy(operation))).toMatchObject({ code: 'ServerIsBusy', status: 409 });
  });
});

describe('waiting: a race of the need against the operation’s own failure', () => {
  const never: Operation = { ended: async () => false };

  test('ends as soon as the need is met, whatever the operation says', async ({ inFakeTime }) => {
    const before = performance.now();
    const need = async () => (performance.now() - before >= 3000 ? 'in' : undefined);
    expect(await inFakeTime(waitFor(testRun(), 'it', race(testRun(), never, need)))).toBe('in');
    expect(performance.now() - before).toBeLessThan(6000);
  });

  test('ends with the failure, although the need would be asked for ever', async ({ inFakeTime }) => {
    const failure = new OperationFailed({ code: 'X', message: 'm' }, undefined);
    let polls = 0;
    const operation: Operation = {
      ended: async () => {
        polls += 1;
        if (polls > 3) throw failure;
        return false;
      },
    };
    expect(
      await thrownBy(
        inFakeTime(
          waitFor(
            testRun(),
            'it',
            race(testRun(), operation, async () => undefined),
          ),
        ),
      ),
    ).toBe(failure);
  });

  test('a poll that breaks tells nothing: the need decides', async ({ inFakeTime }) => {
    let round = 0;
    const broken: Operation = { ended: () => Promise.reject(new Error('connection reset')) };
    const run = testRun();
    const need = async () => {
      round += 1;
      return round === 5 ? 'in' : undefined;
    };
    expect(await inFakeTime(waitFor(run, 'it', race(run, broken, need)))).toBe('in');
    expect(run.said.join()).toContain('connection reset');
  });

  test('looks at the need on every round, at the operation on every third, never again once it has ended', async () => {
    const told: boolean[] = [];
    const polledIn: number[] = [];
    const look = race(
      testRun(),
      {
        ended: async () => {
          polledIn.push(told.length + 1);
          return polledIn.length === 4;
        },
      },
      async (ended) => void told.push(ended),
    );
    for (let i = 0; i < 40; i += 1) await look();
    expect(polledIn).toEqual([1, 2, 3, 6]);
    expect(told.indexOf(true)).toBe(5);
    expect(told.slice(5).every(Boolean)).toBe(true);
    expect(told).toHaveLength(40);
  });
});

describe('busy', () => {
  test('what a busy server refuses is tried again until it is taken, and said', async ({ inFakeTime }) => {
    const run = testRun();
    const refusals = [
      armError(409, { code: 'ServerIsBusy', message: 'busy' }),
      new OperationFailed({ code: 'ServerBusy', message: 'busy' }, undefined),
      armError(409, { code: 'SeverBusyWithOtherOperation', message: 'busy' }),
    ];
    const attempt = async () => {
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      return 'taken';
    };
    expect(await inFakeTime(whileBusy(run, 'making a rule', attempt))).toBe('taken');
    expect(run.said).toHaveLength(3);
    expect(run.said[0]).toContain('making a rule');
  });

  test('any other refusal is thrown as it is', async ({ inFakeTime }) => {
    const refusal = armError(403, { code: 'AuthorizationFailed', message: 'no' });
    expect(await thrownBy(inFakeTime(whileBusy(testRun(), 'x', () => Promise.reject(refusal))))).toBe(
      refusal,
    );
  });

  test("the run's end ends it", async ({ inFakeTime }) => {
    const run = testRun();
    const reason = new Error('over');
    setTimeout(() => run.end(reason), 100_000);
    const busy = () => Promise.reject(armError(409, { code: 'ServerIsBusy', message: 'busy' }));
    expect(await thrownBy(inFakeTime(whileBusy(run, 'x', busy)))).toBe(reason);
  });
});
