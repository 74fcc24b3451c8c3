import { test as base, describe, expect, vi } from 'vitest';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import type { Config } from '../../../src/inputs/types.ts';
import type { Change, ReportedFinding } from '../../../src/reconcile/findings.ts';
import type { Plan } from '../../../src/reconcile/reconcile.ts';
import { Reporter } from '../../../src/reporting/reporter.ts';
import { checkConfig, dropConfig, ensureConfig, exampleServer } from '../../helpers/unit/test-configs.ts';

/** A runtime that records what a reporter writes. */
const test = base.extend('run', async () => {
  const runtime = new ActionsRuntime();
  const lines: string[] = [];
  const outputs = new Map<string, string>();
  const summaries: string[] = [];
  vi.spyOn(runtime, 'info').mockImplementation((text) => void lines.push(text));
  vi.spyOn(runtime, 'warning').mockImplementation((text) => void lines.push(`warning: ${text}`));
  vi.spyOn(runtime, 'setOutput').mockImplementation((name, value) => void outputs.set(name, value));
  vi.spyOn(runtime, 'appendSummary').mockImplementation(async (text) => void summaries.push(text));
  return { reporter: (config: Config) => new Reporter(runtime, config), lines, outputs, summaries };
});

const createDatabase: Change = { resource: 'database', name: 'relecloud', action: 'create', details: '' };
const deleteDatabase: Change = { ...createDatabase, action: 'delete' };
const finding: ReportedFinding = {
  resource: 'server',
  name: 'demo',
  property: 'sku',
  expected: 'a',
  actual: 'b',
  kind: 'changed',
  remedy: 'r',
};
const unknownFinding: ReportedFinding = { ...finding, property: 'state', kind: 'unknown' };
const createPlan = (changes: readonly Change[], remaining: readonly ReportedFinding[] = []): Plan<never> => ({
  plannedChanges: changes.map((change) => ({ change, finding: undefined, apply: async () => 'applied' })),
  findings: remaining,
  remaining,
  readErrors: [],
});

describe('the log of a run', () => {
  test('shows a change when it is planned and when it is applied', ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    reporter.recordPlan(createPlan([createDatabase]));
    reporter.onApplyStart(createDatabase);
    reporter.recordPlan(createPlan([]));
    expect(run.lines).toEqual([
      'Plan: create database relecloud',
      'Applying: create database relecloud',
      'Plan: nothing to change.',
    ]);
  });

  test('warns once about a difference that several plans leave, and not about an unknown state', ({
    run,
  }) => {
    const reporter = run.reporter(ensureConfig());
    for (let pass = 0; pass < 2; pass += 1)
      reporter.recordPlan(createPlan([createDatabase], [finding, unknownFinding]));
    expect(run.lines.filter((line) => line.startsWith('warning'))).toEqual([
      'warning: Unchanged: changed server demo sku: declared a, actually b; r.',
    ]);
  });

  test('shows the plan of a dry run as what would be dropped', ({ run }) => {
    run.reporter(dropConfig({ 'dry-run': 'true' })).recordPlan(createPlan([deleteDatabase]));
    expect(run.lines).toEqual(['Would drop: database relecloud ()']);
  });
});

describe('the outputs of a run', () => {
  test('contain changes and differences that ensure leaves; an unknown state is neither', async ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    reporter.recordServer(exampleServer);
    reporter.recordPlan(createPlan([], [finding, unknownFinding]));
    reporter.onApplied(createDatabase);
    await reporter.finish(undefined);
    const { remedy: _, ...drift } = finding;
    expect(Object.fromEntries(run.outputs)).toEqual({
      'server-id': exampleServer.id,
      'server-created': 'false',
      'database-created': 'true',
      changes: JSON.stringify([createDatabase]),
      drifted: 'true',
      drift: JSON.stringify([drift]),
      dropped: '[]',
    });
  });

  test('contain unknown states that check finds, which are not drift', async ({ run }) => {
    const reporter = run.reporter(checkConfig());
    reporter.recordPlan(createPlan([], [unknownFinding]));
    await reporter.finish(undefined);
    expect(run.outputs.get('drifted')).toBe('false');
    expect(JSON.parse(run.outputs.get('drift') ?? '')).toMatchObject([{ kind: 'unknown' }]);
  });

  test('name what drop deletes, and what its dry run would', async ({ run }) => {
    const reporter = run.reporter(dropConfig());
    reporter.onApplied(deleteDatabase);
    await reporter.finish(undefined);
    const dropped = JSON.stringify([{ resource: 'database', name: 'relecloud' }]);
    expect(run.outputs.get('dropped')).toBe(dropped);

    const dryRun = run.reporter(dropConfig({ 'dry-run': 'true' }));
    dryRun.recordPlan(createPlan([deleteDatabase]));
    await dryRun.finish(undefined);
    expect(run.outputs.get('dropped')).toBe(dropped);
    expect(run.outputs.get('changes')).toBe('[]');
  });

  test('of an ensure name nothing as dropped, even if reset deletes a database', async ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    reporter.onApplied(deleteDatabase);
    await reporter.finish(undefined);
    expect(run.outputs.get('dropped')).toBe('[]');
  });
});

test('the summary of a failed run contains its error', async ({ run }) => {
  await run.reporter(ensureConfig()).finish(new Error('It broke.'));
  expect(run.summaries.join()).toContain('It broke.');
});
