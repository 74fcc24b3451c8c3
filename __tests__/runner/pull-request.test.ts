import { describe, expect } from 'vitest';
import type { RunResult } from '../../workflow-runner/run-workflow.ts';
import { test } from '../helpers/runner/example-test.ts';

describe('a pull request with examples/pull-request.yml and examples/sweep.yml', () => {
  const runs: Record<string, RunResult> = {};

  test.beforeAll(async ({ runExample }) => {
    runs['opened'] = await runExample('pull-request.yml', 'pull-request-opened.json');
    runs['pushed'] = await runExample('pull-request.yml', 'pull-request-synchronize.json');
    runs['sweptWhileOpen'] = await runExample('sweep.yml');
    runs['fork'] = await runExample('pull-request.yml', 'fork-opened.json');
    runs['closed'] = await runExample('pull-request.yml', 'pull-request-closed.json');
    runs['sweptAtLast'] = await runExample('sweep.yml');
  });

  test('when opened, it gets its own migrated database and role', () => {
    expect(runs['opened']?.exitCode, runs['opened']?.log).toBe(0);
    expect(runs['opened']?.log).toMatch(/\+ create +database relecloud_pr_7/);
    expect(runs['opened']?.log).toMatch(/\+ create +role relecloud_app_pr_7/);
    expect(runs['opened']?.log).toContain('migrated: 2_first-season');
    expect(runs['opened']?.log).toMatch(
      /Connected to relecloud_pr_7 on \S+ over TLS, its certificate verified/,
    );
    expect(runs['opened']?.jobs).toMatchObject({
      database: { result: 'success' },
      drop: { result: 'skipped' },
    });
  });

  test('when pushed to, nothing is created again', () => {
    expect(runs['pushed']?.exitCode, runs['pushed']?.log).toBe(0);
    expect(runs['pushed']?.log).toContain('nothing to migrate');
    expect(runs['pushed']?.log).not.toMatch(/\bcreated? (server|database|role|resource group) /i);
  });

  test('while it is open, the sweep drops nothing and reports why', () => {
    expect(runs['sweptWhileOpen']?.exitCode, runs['sweptWhileOpen']?.log).toBe(0);
    expect(runs['sweptWhileOpen']?.log).toContain(
      '= kept        database relecloud_pr_7           pull request #7 is open',
    );
    expect(runs['sweptWhileOpen']?.log).not.toMatch(/\bdeleted? database /i);
  });

  test('from a fork, the job logs a notice, creates no database and succeeds', () => {
    expect(runs['fork']?.exitCode, runs['fork']?.log).toBe(0);
    expect(runs['fork']?.log).toContain('Skipped: GitHub gives a fork’s pull request no credentials');
    expect(runs['fork']?.log).not.toContain('relecloud_pr_8');
  });

  test('when closed, the pull_request_target job drops its database without a checkout', () => {
    expect(runs['closed']?.exitCode, runs['closed']?.log).toBe(0);
    expect(runs['closed']?.jobs).toMatchObject({
      database: { result: 'skipped' },
      drop: { result: 'success' },
    });
    expect(runs['closed']?.log).toMatch(/- delete +database relecloud_pr_7/);
    expect(runs['closed']?.log).not.toContain('actions/checkout');
  });

  test('after that, the sweep finds nothing', () => {
    expect(runs['sweptAtLast']?.exitCode, runs['sweptAtLast']?.log).toBe(0);
    expect(runs['sweptAtLast']?.log).toContain(
      'No database and no role of a pull request of this repository',
    );
  });

  test('no log and no summary contains a secret', ({ secrets }) => {
    for (const { log, summary } of Object.values(runs))
      for (const secret of secrets) expect(log + summary).not.toContain(secret);
  });
});
