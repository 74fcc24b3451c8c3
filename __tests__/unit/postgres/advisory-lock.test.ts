import { describe, expect } from 'vitest';
import { withMigrationLock } from '../../../src/postgres/advisory-lock.ts';
import type { Session } from '../../../src/postgres/session.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

/** A session whose lock is held by another role for this number of polls. */
function createSessionWithHeldLock(heldPolls: number): Session {
  let polls = 0;
  const query = async (text: string): Promise<readonly unknown[]> => {
    if (text.includes('pg_try_advisory_lock')) {
      polls += 1;
      return [{ granted: polls > heldPolls }];
    }
    if (text.includes('pg_stat_activity')) return [{ line: 'psql of role relecloud_app_pr_1, process 4711' }];
    return text.includes('current_database()') ? [{ oid: '5' }] : [];
  };
  return { query, close: async () => {}, onLost: () => () => {} } as unknown as Session;
}

describe('a run that waits for the migration lock', () => {
  test('continues to wait if the sessions that hold it cannot be ended, and warns once', async ({
    inFakeTime,
  }) => {
    const run = createTestRun();
    const warnings: string[] = [];
    const failToTerminate = async (): Promise<never> => {
      throw new Error("'relecloud_admin' could not log in");
    };
    const work = withMigrationLock(
      { ...run, warning: (text) => void warnings.push(text) },
      createSessionWithHeldLock(4),
      async () => 'migrated',
      failToTerminate,
    );
    expect(await inFakeTime(work)).toBe('migrated');
    expect(warnings).toEqual([expect.stringContaining("'relecloud_admin' could not log in")]);
  });

  test('logs each holder once, and tries at each poll to end sessions', async ({ inFakeTime }) => {
    const run = createTestRun();
    let terminations = 0;
    const terminate = async (): Promise<readonly string[]> => {
      terminations += 1;
      return [];
    };
    await inFakeTime(withMigrationLock(run, createSessionWithHeldLock(4), async () => {}, terminate));
    expect(terminations).toBe(4);
    expect(run.logLines.filter((line) => !line.startsWith('Waited'))).toEqual([
      'Another migration of this database is running, by psql of role relecloud_app_pr_1, process 4711; waiting for it.',
    ]);
  });
});
