import { describe, expect } from 'vitest';
import type { FoundServer } from '../../../../src/azure/reader.ts';
import {
  CREATION_TAG,
  unfinishedCreationOwner,
  withoutCreationTag,
} from '../../../../src/common/creation-tag.ts';
import { actionError } from '../../../../src/common/errors.ts';
import { absent, type Observed, present, unknown } from '../../../../src/reconcile/findings.ts';
import { isCreationAbandoned } from '../../../../src/resources/server/create-server.ts';
import { newServerBody, validateCreation } from '../../../../src/resources/server/new-server.ts';
import { test } from '../../../helpers/unit/test.ts';
import { ensureConfig } from '../../../helpers/unit/test-configs.ts';
import { createTestRun, errorOf } from '../../../helpers/unit/test-run.ts';

const serverWithTags = (tags: Record<string, string>): FoundServer => ({
  name: 'demo',
  resourceGroup: 'demo',
  server: { location: 'westeurope', tags },
});
const unfinishedServer = serverWithTags({ [CREATION_TAG]: '4711' });
const finishedServer = serverWithTags({ team: 'space' });

/** A server as it is seen, one look after another; the last stays. */
const createFakeReader = (...seen: Observed<FoundServer>[]) => ({
  refreshServer: async () => (seen.length > 1 ? (seen.shift() ?? absent) : (seen[0] ?? absent)),
});

describe('a creation that another job has begun', () => {
  test('is left to that job where it finishes in time', async ({ inFakeTime }) => {
    const reader = createFakeReader(
      present(unfinishedServer),
      present(unfinishedServer),
      present(finishedServer),
    );
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      false,
    );
  });

  test('is taken over where the tag stays, after some minutes at most', async ({ inFakeTime }) => {
    const start = performance.now();
    const reader = createFakeReader(present(unfinishedServer));
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      true,
    );
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(300_000);
  });

  test('is not waited for where another repository began it, or nobody', async () => {
    const reader = { refreshServer: () => Promise.reject(new Error('nobody asks')) };
    expect(await isCreationAbandoned(createTestRun(), reader, unfinishedServer, '815')).toBe(false);
    expect(await isCreationAbandoned(createTestRun(), reader, finishedServer, '4711')).toBe(false);
  });

  test('a failed look is not taken for the tag', async ({ inFakeTime }) => {
    const reader = createFakeReader(unknown(new Error('403')));
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      false,
    );
  });

  test("the run's end ends the wait with its own reason", async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = actionError('timed-out', { waitingFor: 'the run to end', after: '1 s', hint: 'x' });
    setTimeout(() => run.abort(reason), 5000);
    const waiting = inFakeTime(
      isCreationAbandoned(run, createFakeReader(present(unfinishedServer)), unfinishedServer, '4711'),
    );
    expect(await errorOf(waiting)).toMatchObject({ code: reason.code });
  });
});

describe('the tag of a new server', () => {
  const tagsFor = (given: Readonly<Record<string, string>>) => {
    const { server, administrator } = ensureConfig(given);
    return newServerBody(server, administrator, { repositoryId: '4711' }).tags;
  };

  test.for([{ 'server-parameters': 'work_mem=1' }, { 'maintenance-window': 'Sun 03:30' }])(
    'is set where the creation has more to do: %o',
    (given) => {
      expect(tagsFor({ tags: 'team=space', ...given })).toEqual({ team: 'space', [CREATION_TAG]: '4711' });
    },
  );

  test.for([{}, { 'maintenance-window': 'system-managed' }, { 'allowed-ip-ranges': '203.0.113.9' }])(
    'is not set where it has not: %o',
    (given) => {
      expect(tagsFor(given)).toBeUndefined();
    },
  );

  test('has no room beside fifty others, which are the most: then nothing is created', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, i) => `t${i}=1`).join('\n');
    const faults = (given: Readonly<Record<string, string>>) =>
      validateCreation(ensureConfig({ region: 'westeurope', ...given }));
    expect(faults({ tags: tags(50), 'server-parameters': 'work_mem=1' })).toEqual([
      expect.stringContaining('gha-unfinished-creation'),
    ]);
    expect(faults({ tags: tags(49), 'server-parameters': 'work_mem=1' })).toEqual([]);
    expect(faults({ tags: tags(50) })).toEqual([]);
  });

  test('is known in any case, and taken away from among others', () => {
    const tags = { team: 'space', 'GHA-Unfinished-Creation': '4711' };
    expect(unfinishedCreationOwner(tags)).toBe('4711');
    expect(withoutCreationTag(tags)).toEqual({ team: 'space' });
    expect([unfinishedCreationOwner(undefined), withoutCreationTag(undefined)]).toEqual([undefined, {}]);
  });
});
