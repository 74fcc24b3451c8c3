import { test as base, describe, expect, vi } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
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
  const lastLines: string[] = [];
  vi.spyOn(runtime, 'setLastLine').mockImplementation((text) => void lastLines.push(text));
  return {
    lastLines,
    reporter: (config: Config) => new Reporter(runtime, config),
    lines,
    outputs,
    summaries,
  };
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
  resources: [...changes, ...remaining],
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
    reporter.onApplied(createDatabase);
    expect(run.lines).toEqual([
      '+ create      database relecloud',
      expect.stringMatching(/^Created database relecloud \(\d\.\d s\)$/),
    ]);
  });

  test('names what is as declared once, and not again after it was changed', ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    const server = { resource: 'server', name: 'demo' } as const;
    reporter.recordPlan(createPlan([createDatabase]));
    const second = { ...createPlan([]), resources: [server, createDatabase] };
    reporter.recordPlan(second);
    reporter.recordPlan(second);
    expect(run.lines.slice(1)).toEqual(['= unchanged   server demo                       as declared']);
  });

  test('states that another run has applied a change', ({ run }) => {
    run.reporter(ensureConfig()).onAdopted(createDatabase);
    expect(run.lines).toEqual(['Created database relecloud: another run has done it in the meantime']);
  });

  test('of a check counts the differences of a resource, which the annotations name', ({ run }) => {
    run.reporter(checkConfig()).recordPlan(createPlan([], [finding]));
    expect(run.lines).toEqual(['~ differs     server demo                       1 difference']);
  });

  test('warns once about a difference that several plans leave, and not about an unknown state', ({
    run,
  }) => {
    const reporter = run.reporter(ensureConfig());
    for (let pass = 0; pass < 2; pass += 1)
      reporter.recordPlan(createPlan([createDatabase], [finding, unknownFinding]));
    expect(run.lines.filter((line) => line.startsWith('warning'))).toEqual([
      'warning: Server demo sku: is b, declared a. Not changed: r.',
    ]);
  });

  test('shows the plan of a dry run as what would be dropped', ({ run }) => {
    run.reporter(dropConfig({ 'dry-run': 'true' })).recordPlan(createPlan([deleteDatabase]));
    expect(run.lines).toEqual(['- would drop  database relecloud']);
  });
});

describe('the outputs of a run', () => {
  test('contain changes and differences that ensure leaves; an unknown state is neither', async ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    reporter.recordServer(exampleServer);
    reporter.recordPlan(createPlan([], [finding, unknownFinding]));
    reporter.onApplied(createDatabase);
    reporter.finish(undefined);
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
    reporter.finish(undefined);
    expect(run.outputs.get('drifted')).toBe('false');
    expect(JSON.parse(run.outputs.get('drift') ?? '')).toMatchObject([{ kind: 'unknown' }]);
  });

  test('name what drop deletes, and what its dry run would', async ({ run }) => {
    const reporter = run.reporter(dropConfig());
    reporter.onApplied(deleteDatabase);
    reporter.finish(undefined);
    const dropped = JSON.stringify([{ resource: 'database', name: 'relecloud' }]);
    expect(run.outputs.get('dropped')).toBe(dropped);

    const dryRun = run.reporter(dropConfig({ 'dry-run': 'true' }));
    dryRun.recordPlan(createPlan([deleteDatabase]));
    dryRun.finish(undefined);
    expect(run.outputs.get('dropped')).toBe(dropped);
    expect(run.outputs.get('changes')).toBe('[]');
  });

  test('of an ensure name nothing as dropped, even if reset deletes a database', async ({ run }) => {
    const reporter = run.reporter(ensureConfig());
    reporter.onApplied(deleteDatabase);
    reporter.finish(undefined);
    expect(run.outputs.get('dropped')).toBe('[]');
  });
});

test('the summary and the last line of a failed run contain its error', async ({ run }) => {
  run.reporter(ensureConfig()).finish(actionError('cancelled', { signal: 'SIGINT' }));
  expect(run.summaries.join()).toContain('The run was cancelled (SIGINT).');
  expect(run.lastLines.join()).toMatch(/^❌ Database relecloud is not ready: cancelled \(/);
});
