import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Session } from '../../../../src/postgres/session.ts';
import { copySettings, retryWhileInUse } from '../../../../src/resources/database/clone-database.ts';
import { test } from '../../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../../helpers/unit/test-run.ts';

const query = async (text: string): Promise<readonly unknown[]> => {
  if (text.includes('pg_stat_activity')) return [{ line: 'psql of role carol, process 4711' }];
  return text.includes('FROM pg_database') ? [{ oid: '5' }] : [];
};

/** The error of a clone whose template stays in use; `terminate` returns the sessions that are ended before each attempt. */
async function cloneWithBusyTemplate(terminate: () => readonly string[]): Promise<string> {
  const copy = async (): Promise<never> => {
    // PostgreSQL waits five seconds for sessions to end.
    await sleep(5000);
    throw Object.assign(new Error('source database is being accessed by other users'), { code: '55006' });
  };
  const session = { query } as unknown as Session;
  return String(
    await errorOf(retryWhileInUse(createTestRun(), session, 'base', copy, async () => terminate())),
  );
}

describe('the error for a template that stays in use', () => {
  test('reports that ended sessions of pull requests’ roles reconnected, and how to revoke CONNECT', async ({
    inFakeTime,
  }) => {
    let process = 0;
    const terminate = (): readonly string[] => {
      process += 1;
      return [`psql of role relecloud_app_pr_1, process ${process}`];
    };
    const error = await inFakeTime(cloneWithBusyTemplate(terminate));
    expect(error).toContain('Sessions of pull requests’ roles were ended 6 times and reconnected.');
    expect(error).toContain('GRANT CONNECT ON DATABASE "base" TO ROLE;');
    expect(error).toContain('REVOKE CONNECT ON DATABASE "base" FROM PUBLIC;');
    expect(error).toContain('psql of role carol, process 4711');
  });

  test.for([
    ['when only other sessions use it', []],
    ['when a prepared transaction cannot be ended', ["prepared transaction 'left'"]],
  ] as const)(
    'names the sessions, and does not report that any reconnected: %s',
    async ([, ended], { inFakeTime }) => {
      const error = await inFakeTime(cloneWithBusyTemplate(() => ended));
      expect(error).toContain('psql of role carol, process 4711');
      expect(error).toMatch(/What to do: End these sessions \(SELECT pg_terminate_backend.*or clone/);
      expect(error).not.toMatch(/reconnected|REVOKE/);
    },
  );
});

describe('the copy of a template’s settings', () => {
  test('puts a number into effect only on the clone, so that statement_timeout cannot end its own copy', async () => {
    const statements: string[] = [];
    const session = {
      query: async (text: string): Promise<readonly unknown[]> => {
        statements.push(text);
        return text.includes('pg_db_role_setting')
          ? [
              { setting: 'statement_timeout=1ms', ofRole: false, isText: false },
              { setting: 'search_path=a, b', ofRole: false, isText: true },
            ]
          : [];
      },
      transaction: (work: () => Promise<unknown>) => work(),
    } as unknown as Session;
    await copySettings(createTestRun(), session, 'base', 'clone', {
      templateRole: undefined,
      cloneRole: undefined,
    });
    expect(statements.slice(1)).toEqual([
      `ALTER DATABASE "clone" SET "statement_timeout" TO '1ms'`,
      'SELECT pg_catalog.set_config($1, $2, true)',
      'ALTER DATABASE "clone" SET "search_path" FROM CURRENT',
    ]);
  });
});
