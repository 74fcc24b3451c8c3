import { describe, expect, test } from 'vitest';
import { headlineOf, lastLineOf } from '../../../src/reporting/headline.ts';
import { renderPhrase } from '../../../src/reporting/markdown.ts';
import type { RunSummary } from '../../../src/reporting/run-summary.ts';
import { changedFinding, unknownFinding } from '../../helpers/unit/fake-findings.ts';
import { createRunSummary } from '../../helpers/unit/fake-run-summary.ts';

const deleted = (resource: 'database' | 'role') =>
  ({ resource, name: `${resource}_pr_7`, action: 'delete', details: '' }) as const;
const kept = { resource: 'database', name: 'relecloud_pr_8', reason: 'pull request #8 is open' } as const;
const failed = (errorCode: NonNullable<RunSummary['errorCode']>) => ({ error: 'It broke.', errorCode });
const three = [1, 2, 3].map((i) => changedFinding({ property: `property ${i}` }));

const cases: readonly (readonly [headline: string, Partial<RunSummary>])[] = [
  ['✅ Database `relecloud` is ready (6.1 s)', {}],
  [
    '⚠️ Database `relecloud` is ready, with 1 difference (6.1 s)',
    { remainingFindings: [changedFinding(), unknownFinding()] },
  ],
  ['❌ Database `relecloud` is not ready: `migration-failed` (6.1 s)', failed('migration-failed')],
  ['❌ Database `relecloud` is not ready: `unexpected` (6.1 s)', { error: 'It broke.' }],
  ['❌ Database `relecloud` is not ready: `cancelled` (6.1 s)', failed('cancelled')],

  ['✅ `demo-relecloud` is as declared (6.1 s)', { mode: 'check' }],
  ['⚠️ 3 differences on `demo-relecloud` (6.1 s)', { mode: 'check', remainingFindings: three }],
  [
    '⚠️ 3 differences on `demo-relecloud`, 1 not checked (6.1 s)',
    { mode: 'check', remainingFindings: [...three, unknownFinding()] },
  ],
  [
    '✅ `demo-relecloud` has no drift, but 1 resource could not be checked (6.1 s)',
    { mode: 'check', remainingFindings: [unknownFinding()] },
  ],
  [
    '⚠️ `demo-relecloud` is as declared, but open to the whole internet (6.1 s)',
    { mode: 'check', wideOpenRules: ['all'] },
  ],
  [
    '❌ 3 differences on `demo-relecloud`: `drifted` (6.1 s)',
    { mode: 'check', remainingFindings: three, ...failed('drifted') },
  ],
  [
    '❌ `demo-relecloud` was not checked completely: `check-incomplete` (6.1 s)',
    { mode: 'check', remainingFindings: three, ...failed('check-incomplete') },
  ],
  [
    '❌ `demo-relecloud` is as declared: `report-not-written` (6.1 s)',
    { mode: 'check', ...failed('report-not-written') },
  ],
  [
    '❌ `demo-relecloud` was not checked: `sign-in-failed` (6.1 s)',
    { mode: 'check', ...failed('sign-in-failed') },
  ],

  [
    '✅ Database `relecloud` is dropped (6.1 s)',
    { mode: 'drop', changes: [deleted('database'), deleted('role')] },
  ],
  ['✅ 1 resource of database `relecloud` is dropped (6.1 s)', { mode: 'drop', changes: [deleted('role')] }],
  ['✅ Nothing to drop of database `relecloud` (6.1 s)', { mode: 'drop' }],
  [
    '✅ Dry run: 2 resources of database `relecloud` would be dropped (6.1 s)',
    { mode: 'drop', isDryRun: true, dryRunDrops: [deleted('database'), deleted('role')] },
  ],
  [
    '⚠️ Nothing was checked or dropped on `demo-relecloud` (6.1 s)',
    { mode: 'drop', serverProperties: undefined },
  ],
  ['❌ Database `relecloud` is not dropped: `not-owned` (6.1 s)', { mode: 'drop', ...failed('not-owned') }],
  [
    '❌ Database `relecloud` is dropped, but not everything of it: `roles-failed` (6.1 s)',
    { mode: 'drop', changes: [deleted('database')], ...failed('roles-failed') },
  ],

  [
    '✅ 2 resources on `demo-relecloud` are dropped, 1 is kept (6.1 s)',
    { mode: 'sweep', changes: [deleted('database'), deleted('role')], skipped: [kept] },
  ],
  ['✅ Nothing to drop on `demo-relecloud`, 1 resource is kept (6.1 s)', { mode: 'sweep', skipped: [kept] }],
  ['✅ Nothing to drop on `demo-relecloud` (6.1 s)', { mode: 'sweep' }],
  ['✅ Dry run: nothing to drop on `demo-relecloud` (6.1 s)', { mode: 'sweep', isDryRun: true }],
  [
    '⚠️ Nothing was checked or dropped on `demo-relecloud` (6.1 s)',
    { mode: 'sweep', serverProperties: undefined },
  ],
  [
    '❌ The sweep of `demo-relecloud` is not complete: `sweep-incomplete` (6.1 s)',
    { mode: 'sweep', ...failed('sweep-incomplete') },
  ],
];

test.each(cases)('%s', (headline, overrides) => {
  const { icon, phrase } = headlineOf(createRunSummary(overrides));
  expect(`${icon} ${renderPhrase(phrase)}`).toBe(headline);
});

describe('the last line of the log', () => {
  const login = { user: 'relecloud_app', isAdministrator: false, variables: ['DB_HOST', 'DATABASE_URL'] };

  test('names the variables and the login of later steps', () => {
    expect(lastLineOf(createRunSummary({ login }))).toBe(
      '✅ Database relecloud is ready (6.1 s). Later steps get DB_HOST, DATABASE_URL, and log in as relecloud_app.',
    );
  });

  test('names the outputs if no variable is exported, and the administrator as such', () => {
    const administrator = { user: 'relecloud_admin', isAdministrator: true, variables: [] };
    expect(lastLineOf(createRunSummary({ login: administrator }))).toBe(
      '✅ Database relecloud is ready (6.1 s). Later steps get the outputs of this step, such as database-url, and log in as relecloud_admin, the administrator.',
    );
  });

  test('of a failure refers to the error and, if it is known, to its documentation', () => {
    expect(lastLineOf(createRunSummary(failed('login-failed')))).toBe(
      '❌ Database relecloud is not ready: login-failed (6.1 s). See the error above.',
    );
    const errorUrl = 'https://github.com/relecloud/action/blob/v1/docs/troubleshooting.md#login-failed';
    expect(lastLineOf(createRunSummary({ ...failed('login-failed'), errorUrl }))).toBe(
      `❌ Database relecloud is not ready: login-failed (6.1 s). See the error above, and ${errorUrl}`,
    );
  });

  test('of a check with drift, and of a run without a server, refers to the lines above', () => {
    expect(lastLineOf(createRunSummary({ mode: 'check', remainingFindings: three }))).toBe(
      '⚠️ 3 differences on demo-relecloud (6.1 s). See above what to do about each.',
    );
    expect(lastLineOf(createRunSummary({ mode: 'sweep', serverProperties: undefined }))).toBe(
      '⚠️ Nothing was checked or dropped on demo-relecloud (6.1 s). See the reason above.',
    );
  });

  test('of any other end is the verdict alone', () => {
    expect(lastLineOf(createRunSummary({ mode: 'sweep' }))).toBe(
      '✅ Nothing to drop on demo-relecloud (6.1 s).',
    );
  });
});
