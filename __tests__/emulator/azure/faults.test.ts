import { request as httpsRequest } from 'node:https';
import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { type Emulator, startEmulator } from '../../../emulator/emulator.ts';
import { ArmClient, addFault, postFault, sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, pollUntilAccepted } from '../../helpers/emulator/http-client.ts';

const groupPutMatch = { service: 'arm', method: 'PUT', path: '/resourcegroups/target\\b' };

const addGroupFault = (emulator: Emulator, effect: unknown, often?: JsonObject) =>
  addFault(emulator, groupPutMatch, effect, often);

const groupPath = (arm: ArmClient) => `${arm.subscriptionPath}/resourceGroups/target?api-version=2025-04-01`;

const putGroup = (arm: ArmClient): Promise<HttpResponse> =>
  arm.send('PUT', groupPath(arm), { location: 'westeurope' });

async function groupExists(arm: ArmClient): Promise<boolean> {
  return (await arm.send('HEAD', groupPath(arm))).status === 204;
}

/** The recorded status of the last PUT, null before its answer. */
async function recordedStatus(arm: ArmClient): Promise<unknown> {
  const requests: JsonObject[] = JSON.parse((await sendControl(arm.emulator, 'GET', 'requests')).text);
  return requests.findLast(({ method }) => method === 'PUT')?.['status'];
}

test.afterEach(async ({ arm, emulator }) => {
  await sendControl(emulator, 'DELETE', 'faults');
  await arm.send('DELETE', groupPath(arm));
  await pollUntilAccepted(
    () => groupExists(arm),
    (found) => !found,
  );
  await sendControl(emulator, 'DELETE', 'requests');
});

describe('a fault', () => {
  test('with a status answers instead of Azure, with its headers and body', async ({ arm, emulator }) => {
    await addGroupFault(emulator, {
      status: 429,
      headers: { 'Retry-After': '7' },
      body: { error: { code: 'X' } },
    });
    const answer = await putGroup(arm);
    expect([answer.status, answer.text]).toEqual([429, '{"error":{"code":"X"}}']);
    expect(answer.headers).toMatchObject({ 'retry-after': '7' });
    expect(await groupExists(arm)).toBe(false);
  });

  test('ignores the first `skip` matches, applies to the next `times`, and to no later one', async ({
    arm,
    emulator,
  }) => {
    await addGroupFault(emulator, { status: 503 }, { skip: 1, times: 2 });
    const statuses = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await putGroup(arm)).status);
    expect(statuses).toEqual([201, 503, 503, 200]);
  });

  test('with reset closes the connection, and the request has no effect', async ({ arm, emulator }) => {
    await addGroupFault(emulator, { reset: true });
    await expect(putGroup(arm)).rejects.toThrow();
    expect(await groupExists(arm)).toBe(false);
  });

  test('with applyThenReset applies the request, and drops the answer', async ({ arm, emulator }) => {
    await addGroupFault(emulator, { applyThenReset: true });
    await expect(putGroup(arm)).rejects.toThrow();
    expect(await groupExists(arm)).toBe(true);
  });

  test('with delay answers as usual after the delay', async ({ arm, emulator }) => {
    await addGroupFault(emulator, { delay: 50 });
    const start = performance.now();
    expect((await putGroup(arm)).status).toBe(201);
    // A timer can fire up to a millisecond early.
    expect(performance.now() - start).toBeGreaterThanOrEqual(49);
  });

  test('with delay has no effect before the delay', async ({ arm, emulator }) => {
    const anHour = 3_600_000;
    const fault = await addGroupFault(emulator, { delay: anHour });
    // The request ends with the emulator.
    putGroup(arm).catch(() => {});
    expect((await fault.triggered()).status).toBe(200);
    expect([await groupExists(arm), await recordedStatus(arm)]).toEqual([false, null]);
  });

  test('with a body pattern applies only to matching bodies', async ({ arm, emulator }) => {
    await addFault(emulator, { service: 'arm', body: 'northeurope' }, { status: 503 });
    expect((await putGroup(arm)).status).toBe(201);
  });

  test.for<[string, JsonObject, unknown]>([
    ['no effect', groupPutMatch, {}],
    ['an unknown effect', groupPutMatch, 'wait'],
    ['an invalid regular expression', { path: '(' }, { status: 500 }],
    ['a statement that is to fail', { service: 'postgres', statement: 'x' }, { status: 500 }],
    ['a delay for a statement', { service: 'postgres', statement: 'x' }, { delay: 1 }],
    ['a reset for a statement', { service: 'postgres', statement: 'x' }, { reset: true }],
  ])('with %s is refused with 400', async ([_what, wrong, effect], { emulator }) => {
    expect((await postFault(emulator, wrong, effect)).status).toBe(400);
  });
});

describe('a fault that holds', () => {
  test('a request applies it when the fault is removed', async ({ arm, emulator }) => {
    const fault = await addGroupFault(emulator, 'hold');
    const answer = putGroup(arm);
    expect((await fault.triggered()).status).toBe(200);
    expect([await groupExists(arm), await recordedStatus(arm)]).toEqual([false, null]);
    expect((await fault.remove()).status).toBe(200);
    expect((await answer).status).toBe(201);
    expect(await groupExists(arm)).toBe(true);
  });

  test('an answer has applied the request, and sends the answer when the fault is removed', async ({
    arm,
    emulator,
  }) => {
    const fault = await addGroupFault(emulator, 'holdAnswer');
    let answered = false;
    const answer = putGroup(arm).finally(() => {
      answered = true;
    });
    expect((await fault.triggered()).status).toBe(200);
    expect([await groupExists(arm), await recordedStatus(arm), answered]).toEqual([true, null, false]);
    await fault.remove();
    expect((await answer).status).toBe(201);
  });

  test('holds `times` requests, and releases them together', async ({ arm, emulator }) => {
    const fault = await addGroupFault(emulator, 'hold', { skip: 1, times: 2 });
    expect((await putGroup(arm)).status).toBe(201);
    const held = [putGroup(arm), putGroup(arm)];
    await fault.triggered();
    await pollUntilAccepted(
      async () => JSON.parse((await sendControl(emulator, 'GET', 'requests')).text) as JsonObject[],
      (requests) => requests.filter(({ status }) => status === null).length >= 2,
    );
    expect((await putGroup(arm)).status).toBe(200);
    await fault.remove();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('can be removed alone, or with all other faults', async ({ arm, emulator }) => {
    const first = await addGroupFault(emulator, 'hold');
    const second = await addGroupFault(emulator, 'hold');
    const held = putGroup(arm);
    await first.triggered();
    await first.remove();
    expect((await held).status).toBe(201);
    const next = putGroup(arm);
    await second.triggered();
    expect((await sendControl(emulator, 'DELETE', 'faults')).status).toBe(200);
    expect((await next).status).toBe(200);
    expect((await putGroup(arm)).status).toBe(200);
  });

  test('applies the request although its client has disconnected before the fault is removed', async ({
    arm,
    emulator,
  }) => {
    const fault = await addGroupFault(emulator, 'hold');
    const headers = { authorization: `Bearer ${arm.token}` };
    const options = { method: 'PUT', ca: emulator.caCertificate, agent: false, headers };
    const request = httpsRequest(`${arm.endpoint}${groupPath(arm)}`, options).on('error', () => {});
    request.end('{"location":"westeurope"}');
    await fault.triggered();
    request.destroy();
    await fault.remove();
    await pollUntilAccepted(
      () => groupExists(arm),
      (found) => found,
    );
  });
});

describe('GET control/faults/ID', () => {
  test('answers when the fault has been triggered, for every effect', async ({ arm, emulator }) => {
    const fault = await addGroupFault(emulator, { status: 503 }, { skip: 1 });
    let triggered = false;
    const answer = fault.triggered().finally(() => {
      triggered = true;
    });
    await putGroup(arm);
    expect(triggered).toBe(false);
    expect((await putGroup(arm)).status).toBe(503);
    expect((await answer).status).toBe(200);
    expect((await fault.triggered()).status).toBe(200);
  });

  test('is refused for an unknown fault, and for one that is removed before it is triggered', async ({
    emulator,
  }) => {
    expect((await sendControl(emulator, 'GET', 'faults/4711')).status).toBe(400);
    const fault = await addGroupFault(emulator, 'hold');
    const waiting = fault.triggered();
    await fault.remove();
    const { status, json } = await waiting;
    expect([status, typeof json['error']]).toEqual([400, 'string']);
  });
});

test('closing the emulator releases held requests, and ends every wait for a fault', async () => {
  const emulator = await startEmulator();
  const arm = await ArmClient.signIn(emulator);
  const held = await addGroupFault(emulator, 'hold');
  const never = await addFault(emulator, { service: 'github' }, 'holdAnswer');
  const ends = Promise.allSettled([putGroup(arm), never.triggered()]);
  await held.triggered();
  await emulator.close();
  // Both results are correct: a broken connection, or an answer that was already sent.
  await ends;
});
