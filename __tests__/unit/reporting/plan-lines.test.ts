import { describe, expect, test } from 'vitest';
import type { Change, Finding } from '../../../src/reconcile/findings.ts';
import type { Plan } from '../../../src/reconcile/reconcile.ts';
import {
  changeLine,
  differenceLines,
  formatPlanLines,
  resourceKey,
  unchangedLines,
} from '../../../src/reporting/plan-lines.ts';
import { changedFinding, unknownFinding } from '../../helpers/unit/fake-findings.ts';

const change = (action: Change['action'], name: string): Change => ({
  resource: 'database',
  name,
  action,
  details: 'd',
});
const rule = (name: string) => ({ resource: 'firewall rule', name }) as const;
const database = { resource: 'database', name: 'relecloud' } as const;

const createPlan = (
  resources: Plan<never>['resources'],
  { changes = [], findings = [] }: { changes?: readonly Change[]; findings?: readonly Finding[] } = {},
): Plan<never> => ({
  resources,
  plannedChanges: changes.map((each) => ({
    change: each,
    finding: undefined,
    apply: async () => 'applied',
  })),
  findings: findings.map((finding) => ({ ...finding, remedy: '' })),
  remaining: [],
  readErrors: [],
});

const unchanged = (plan: Plan<never>, desired: 'declared' | 'absent' = 'declared'): readonly string[] =>
  unchangedLines(plan, desired, () => false).map(({ subject, details }) => `${subject}: ${details}`);

describe('the lines of a plan', () => {
  test('have aligned columns, whatever the length of the names', () => {
    const lines = [change('create', 'a'), change('update', 'b'.repeat(40)), change('delete', 'c'.repeat(99))];
    const text = formatPlanLines(lines.map(changeLine));
    expect(text.map((line) => line.slice(0, 14))).toEqual([
      '+ create      ',
      '~ update      ',
      '- delete      ',
    ]);
    const [first = '', second = '', long = ''] = text;
    expect(first.indexOf(' d')).toBe(second.indexOf(' d'));
    expect(long.endsWith('c  d')).toBe(true);
  });

  test('name what is unchanged, with one line for each type', () => {
    expect(unchanged(createPlan([database, rule('a'), rule('b')]))).toEqual([
      'database relecloud: as declared',
      'firewall rules a, b: as declared',
    ]);
    expect(unchanged(createPlan(['a', 'b', 'c', 'd', 'e'].map(rule)))).toEqual([
      '5 firewall rules: as declared',
    ]);
  });

  test('of a drop state that what is not there does not exist', () => {
    expect(unchanged(createPlan([database]), 'absent')).toEqual(['database relecloud: does not exist']);
  });

  test('state that no undeclared firewall rule exists', () => {
    expect(unchanged(createPlan([rule('office'), rule('')]))).toEqual([
      'firewall rule office: as declared',
      'other firewall rules: none exists',
    ]);
  });

  test('name nothing as unchanged that changes, differs, could not be read or is named already', () => {
    const changes = [change('create', 'relecloud')];
    expect(unchanged(createPlan([database], { changes }))).toEqual([]);
    const findings = [changedFinding(database)];
    expect(unchanged(createPlan([database], { findings }))).toEqual([]);
    expect(unchanged(createPlan([{ resource: 'resource group', name: 'relecloud' }]))).toEqual([]);
    const isLogged = (key: string): boolean => key === resourceKey(database);
    expect(unchangedLines(createPlan([database]), 'declared', isLogged)).toEqual([]);
  });

  test('of a check count the differences of each resource', () => {
    const findings = [changedFinding(), changedFinding({ property: 'storage size' }), unknownFinding()];
    expect(formatPlanLines(differenceLines(findings))).toEqual([
      '~ differs     server demo-relecloud             2 differences',
      '= unknown     role relecloud_app                not checked completely',
    ]);
  });
});
