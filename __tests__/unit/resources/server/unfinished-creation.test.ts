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

/** A reader with these observations, one after another; the last is repeated. */
const createFakeReader = (...observations: Observed<FoundServer>[]) => ({
  refreshServer: async () =>
    observations.length > 1 ? (observations.shift() ?? absent) : (observations[0] ?? absent),
});

describe('an unfinished creation of another job', () => {
  test('is not abandoned if that job finishes it in time', async ({ inFakeTime }) => {
    const reader = createFakeReader(
      present(unfinishedServer),
      present(unfinishedServer),
      present(finishedServer),
    );
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      false,
    );
  });

  test('is abandoned if the tag remains, after some minutes at most', async ({ inFakeTime }) => {
    const start = performance.now();
    const reader = createFakeReader(present(unfinishedServer));
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      true,
    );
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(300_000);
  });

  test('is not waited for if another repository started it, or the server has no tag', async () => {
    const reader = { refreshServer: () => Promise.reject(new Error('no read is expected')) };
    expect(await isCreationAbandoned(createTestRun(), reader, unfinishedServer, '815')).toBe(false);
    expect(await isCreationAbandoned(createTestRun(), reader, finishedServer, '4711')).toBe(false);
  });

  test('does not count as unfinished if the server cannot be read', async ({ inFakeTime }) => {
    const reader = createFakeReader(unknown(new Error('403')));
    expect(await inFakeTime(isCreationAbandoned(createTestRun(), reader, unfinishedServer, '4711'))).toBe(
      false,
    );
  });

  test('fails with the reason of the run when the run ends', async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = actionError('timed-out', { waitingFor: 'the run to end', after: '1 s', hint: 'x' });
    setTimeout(() => run.abort(reason), 5000);
    const waiting = inFakeTime(
      isCreationAbandoned(run, createFakeReader(present(unfinishedServer)), unfinishedServer, '4711'),
    );
    expect(await errorOf(waiting)).toMatchObject({ code: reason.code });
  });
});

describe('the creation tag of a new server', () => {
  const tagsFor = (given: Readonly<Record<string, string>>) => {
    const { server, administrator } = ensureConfig(given);
    return newServerBody(server, administrator, { repositoryId: '4711' }).tags;
  };

  test.for([{ 'server-parameters': 'work_mem=1' }, { 'maintenance-window': 'Sun 03:30' }])(
    'is set if the creation has further steps: %o',
    (given) => {
      expect(tagsFor({ tags: 'team=space', ...given })).toEqual({ team: 'space', [CREATION_TAG]: '4711' });
    },
  );

  test.for([{}, { 'maintenance-window': 'system-managed' }, { 'allowed-ip-ranges': '203.0.113.9' }])(
    'is not set if it has none: %o',
    (given) => {
      expect(tagsFor(given)).toBeUndefined();
    },
  );

  test('makes the inputs invalid together with fifty other tags, which are the maximum', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, i) => `t${i}=1`).join('\n');
    const errors = (given: Readonly<Record<string, string>>) =>
      validateCreation(ensureConfig({ region: 'westeurope', ...given }));
    expect(errors({ tags: tags(50), 'server-parameters': 'work_mem=1' })).toEqual([
      expect.stringContaining('gha-unfinished-creation'),
    ]);
    expect(errors({ tags: tags(49), 'server-parameters': 'work_mem=1' })).toEqual([]);
    expect(errors({ tags: tags(50) })).toEqual([]);
  });

  test('is recognized in any case, and removed from among other tags', () => {
    const tags = { team: 'space', 'GHA-Unfinished-Creation': '4711' };
    expect(unfinishedCreationOwner(tags)).toBe('4711');
    expect(withoutCreationTag(tags)).toEqual({ team: 'space' });
    expect([unfinishedCreationOwner(undefined), withoutCreationTag(undefined)]).toEqual([undefined, {}]);
  });
});
