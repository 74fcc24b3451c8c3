import { describe, expect } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { AzureWriter } from '../../../src/azure/writer.ts';
import { ActionError } from '../../../src/errors.ts';
import { type Answer, accepted, clientsAnswering, polled } from '../../helpers/unit/fake-arm.ts';
import { testRun, thrownBy } from '../../helpers/unit/run.ts';
import { test } from '../../helpers/unit/test.ts';

const range = { start: '203.0.113.9', end: '203.0.113.9' };
const serverIn = (state: string): Answer => ({
  status: 200,
  body: {
    id: '/subscriptions/s/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo',
    name: 'demo',
    location: 'West Europe',
    properties: { state },
  },
});
const rule: Answer = {
  status: 200,
  body: { id: '/x', name: 'r', properties: { startIpAddress: range.start, endIpAddress: range.end } },
};
const notFound: Answer = {
  status: 404,
  body: { error: { code: 'ResourceNotFound', message: 'was not found' } },
};
const forbidden: Answer = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } };
const internalError: Answer = {
  status: 500,
  body: { error: { code: 'InternalServerError', message: 'An unexpected error occured.' } },
};
/** One request: the SDK sends it four times. */
const internalErrors: readonly Answer[] = Array(4).fill(internalError);

function writerOf(answers: Parameters<typeof clientsAnswering>[0], insistent = false) {
  const { clients, asked } = clientsAnswering(answers);
  const run = testRun();
  const reader = new AzureReader(clients, run, { name: 'demo', resourceGroup: 'group' });
  return { writer: new AzureWriter(clients, run, reader, insistent), asked, run };
}

/** Writes are answered one after another, and reads by what they ask for. */
function arm(writes: readonly Answer[], { state = 'Ready', shown = notFound } = {}) {
  const queue = [...writes];
  return (asked: readonly string[]): Answer => {
    const last = asked.at(-1) ?? '';
    if (!last.startsWith('GET')) return queue.shift() ?? 'broken';
    if (last.includes('azureAsyncOperation')) return polled('InProgress');
    return last.includes('/firewallRules/') ? shown : serverIn(state);
  };
}

const puts = (asked: readonly string[]): number => asked.filter((each) => each.startsWith('PUT')).length;

describe('InternalServerError on a firewall write', () => {
  test('is tried again as long as the server is not Ready, and says so', async ({ inFakeTime }) => {
    const { writer, run } = writerOf([
      ...Array(6)
        .fill([...internalErrors, serverIn('Updating')])
        .flat(),
      accepted,
      polled('Succeeded'),
      rule,
      rule,
    ]);
    await inFakeTime(writer.putFirewallRule('r', range));
    expect(run.said.join('\n')).toContain('InternalServerError while the server is Updating; trying again');
  });

  test('also of a removal', async ({ inFakeTime }) => {
    const { writer } = writerOf(arm([...internalErrors, accepted], { state: 'Updating' }));
    expect(await inFakeTime(writer.deleteFirewallRule('r'))).toBe(true);
  });

  test('ends as an error where the server is Ready', async ({ inFakeTime }) => {
    const { writer, asked } = writerOf(
      Array(10)
        .fill([...internalErrors, serverIn('Ready')])
        .flat(),
    );
    const error = await thrownBy(inFakeTime(writer.putFirewallRule('r', range)));
    expect(String(error)).toContain('InternalServerError');
    expect(puts(asked)).toBeLessThan(20);
  });
});

describe('a writer that is insistent, as post’s is', () => {
  test.for<[string, readonly Answer[]]>([
    ['broken connections', Array(8).fill('broken')],
    ['silence', Array(8).fill('silent')],
    ['HTTP 500 without a code', Array(8).fill({ status: 500 })],
    ['HTTP 429 again and again', Array(8).fill({ status: 429, headers: { 'retry-after': '1' } })],
  ])('goes on over %s until Azure answers', async ([, failures], { inFakeTime }) => {
    const { writer } = writerOf(arm([...failures, accepted]), true);
    expect(await inFakeTime(writer.deleteFirewallRule('r'))).toBe(true);
  });

  test('does not repeat what Azure refuses', async ({ inFakeTime }) => {
    const { writer, asked } = writerOf([forbidden], true);
    const error = await thrownBy(inFakeTime(writer.deleteFirewallRule('r')));
    expect(String(error)).toContain('AuthorizationFailed');
    expect(asked).toHaveLength(1);
  });
});

describe('what may have taken effect is no refusal', () => {
  const azureOf = (error: unknown) => (error instanceof ActionError ? error.azure : undefined);

  test('one request that is refused is one', async ({ inFakeTime }) => {
    const { writer } = writerOf([forbidden]);
    expect(azureOf(await thrownBy(inFakeTime(writer.putFirewallRule('r', range))))).toMatchObject({
      refused: true,
    });
  });

  test('a refusal after an earlier request that was not answered is none', async ({ inFakeTime }) => {
    const { writer } = writerOf([...internalErrors, serverIn('Updating'), forbidden]);
    const azure = azureOf(await thrownBy(inFakeTime(writer.putFirewallRule('r', range))));
    expect(azure).toMatchObject({ status: 403 });
    expect(azure).not.toHaveProperty('refused');
  });

  test('a refusal after an earlier operation that has failed is one', async ({ inFakeTime }) => {
    const busy = polled('Failed', { code: 'ServerIsBusy', message: 'busy' });
    const { writer } = writerOf([accepted, busy, notFound, forbidden]);
    const azure = azureOf(await thrownBy(inFakeTime(writer.putFirewallRule('r', range))));
    expect(azure).toMatchObject({ refused: true });
  });
});

test('an update that cannot be read is sent once, however long the server is Updating', async ({
  inFakeTime,
}) => {
  const start = performance.now();
  const isUpdating = (): boolean => performance.now() - start < 180_000;
  const { writer, asked } = writerOf((sofar) => {
    const last = sofar.at(-1) ?? '';
    if (last.startsWith('PATCH')) return accepted;
    if (last.includes('azureAsyncOperation')) return forbidden;
    return serverIn(isUpdating() ? 'Updating' : 'Ready');
  });
  await inFakeTime(
    writer.updateServer(
      () => ({ tags: {} }),
      'tags',
      () => !isUpdating(),
    ),
  );
  expect(asked.filter((each) => each.startsWith('PATCH'))).toHaveLength(1);
});

test('an operation that cannot be read, and whose effect does not show, is sent again', async ({
  inFakeTime,
}) => {
  const { writer, asked } = writerOf((sofar) => {
    const last = sofar.at(-1) ?? '';
    if (last.startsWith('PUT')) return accepted;
    if (last.includes('azureAsyncOperation')) return forbidden;
    return puts(sofar) < 2 ? notFound : rule;
  });
  await inFakeTime(writer.putFirewallRule('r', range));
  expect(puts(asked)).toBe(2);
});
