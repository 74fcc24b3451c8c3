import { describe, expect } from 'vitest';
import type { RunResult } from '../../workflow-runner/run-workflow.ts';
import { test } from '../helpers/runner/example-test.ts';

describe('examples/pull-request.yml and examples/sweep.yml against the emulated Azure and GitHub', () => {
  const runs: Record<string, RunResult> = {};

  test.beforeAll(async ({ runExample }) => {
    runs['opened'] = await runExample('pull-request.yml', 'pull-request-opened.json');
    runs['pushed'] = await runExample('pull-request.yml', 'pull-request-synchronize.json');
    runs['sweptWhileOpen'] = await runExample('sweep.yml');
    runs['fork'] = await runExample('pull-request.yml', 'fork-opened.json');
    runs['closed'] = await runExample('pull-request.yml', 'pull-request-closed.json');
    runs['sweptAtLast'] = await runExample('sweep.yml');
  });

  test('opened: a database and a role of its own, migrated, with a comment', () => {
    expect(runs['opened']?.exitCode, runs['opened']?.log).toBe(0);
    expect(runs['opened']?.log).toContain('create database relecloud_pr_7');
    expect(runs['opened']?.log).toContain('create role relecloud_app_pr_7');
    expect(runs['opened']?.log).toContain('migrated: 2_first-season');
    expect(runs['opened']?.log).toMatch(
      /Connected to relecloud_pr_7 on \S+ over TLS, its certificate verified/,
    );
    expect(runs['opened']?.jobs).toMatchObject({
      database: { result: 'success' },
      drop: { result: 'skipped' },
    });
  });

  test('pushed to: nothing is made anew', () => {
    expect(runs['pushed']?.exitCode, runs['pushed']?.log).toBe(0);
    expect(runs['pushed']?.log).toContain('nothing to migrate');
    expect(runs['pushed']?.log).not.toMatch(/Applying: create/);
  });

  test('swept at night while it is open: it is kept, and why', () => {
    expect(runs['sweptWhileOpen']?.exitCode, runs['sweptWhileOpen']?.log).toBe(0);
    expect(runs['sweptWhileOpen']?.log).toContain(
      'Skipped: database relecloud_pr_7: pull request #7 is open',
    );
    expect(runs['sweptWhileOpen']?.log).toMatch(/^ +Dropped: \[\]$/m);
  });

  test('a fork’s: a notice, no database, and the job is green', () => {
    expect(runs['fork']?.exitCode, runs['fork']?.log).toBe(0);
    expect(runs['fork']?.log).toContain('Skipped: GitHub gives a fork’s pull request no credentials');
    expect(runs['fork']?.log).not.toContain('relecloud_pr_8');
  });

  test('closed: dropped by the job on pull_request_target, which checks nothing out', () => {
    expect(runs['closed']?.exitCode, runs['closed']?.log).toBe(0);
    expect(runs['closed']?.jobs).toMatchObject({
      database: { result: 'skipped' },
      drop: { result: 'success' },
    });
    expect(runs['closed']?.log).toContain('delete database relecloud_pr_7');
    expect(runs['closed']?.log).not.toContain('actions/checkout');
  });

  test('swept after that: there is nothing left', () => {
    expect(runs['sweptAtLast']?.exitCode, runs['sweptAtLast']?.log).toBe(0);
    expect(runs['sweptAtLast']?.log).toContain(
      'Found databases or roles of 0 pull requests of this repository',
    );
  });

  test('no log, no summary shows a secret', ({ secrets }) => {
    for (const { log, summary } of Object.values(runs))
      for (const secret of secrets) expect(log + summary).not.toContain(secret);
  });
});
