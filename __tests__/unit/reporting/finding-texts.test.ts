import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/reconcile/findings.ts';
import { FINDING_COLUMNS, findingCells, formatFinding } from '../../../src/reporting/finding-texts.ts';
import { renderTable } from '../../../src/reporting/markdown.ts';
import { changedFinding, unknownFinding } from '../../helpers/unit/fake-findings.ts';

const absent = { property: '', expected: 'present', actual: 'absent', kind: 'missing' } as const;
const rule = { resource: 'firewall rule', name: 'office', property: 'range' } as const;

const lines: readonly (readonly [line: string, Finding])[] = [
  ['Server demo-relecloud does not exist', changedFinding(absent)],
  [
    'Database relecloud does not exist',
    changedFinding({ resource: 'database', name: 'relecloud', ...absent }),
  ],
  [
    'Firewall rule office does not exist, declared 203.0.113.9',
    changedFinding({ ...rule, expected: '203.0.113.9', actual: 'absent', kind: 'missing' }),
  ],
  [
    'Server parameter wrok_mem does not exist, declared 8MB',
    changedFinding({
      resource: 'server parameter',
      name: 'wrok_mem',
      property: 'value',
      expected: '8MB',
      actual: 'no such parameter',
      kind: 'missing',
    }),
  ],
  [
    'Extension allow-list azure.extensions value: is empty, declared with vector',
    changedFinding({
      resource: 'extension allow-list',
      name: 'azure.extensions',
      property: 'value',
      expected: 'with vector',
      actual: 'empty',
      kind: 'missing',
    }),
  ],
  ['Server demo-relecloud sku: is Standard_D2ds_v5, declared Standard_B1ms', changedFinding()],
  [
    'Server demo-relecloud storage size: is 32 GiB, declared 64 GiB',
    changedFinding({ property: 'storage size', expected: '64', actual: '32' }),
  ],
  [
    'Server demo-relecloud backup retention: is 7 days, declared 14 days',
    changedFinding({ property: 'backup retention', expected: '14', actual: '7' }),
  ],
  [
    'Server demo-relecloud cluster size: is no cluster, declared 2 nodes',
    changedFinding({ property: 'cluster size', expected: '2', actual: 'no cluster' }),
  ],
  [
    'Firewall rule office exists, but is not declared: 203.0.113.9',
    changedFinding({ ...rule, expected: 'absent', actual: '203.0.113.9', kind: 'unexpected' }),
  ],
  [
    'Firewall rule office range: is the whole internet, expected the addresses that need access',
    changedFinding({
      ...rule,
      expected: 'the addresses that need access',
      actual: 'the whole internet',
      kind: 'unexpected',
    }),
  ],
  ['Role relecloud_app could not be checked: this runner cannot log in', unknownFinding()],
  [
    'Server demo-relecloud is in state Stopped',
    unknownFinding({
      resource: 'server',
      name: 'demo-relecloud',
      property: 'state',
      expected: 'Ready',
      actual: 'Stopped',
    }),
  ],
];

test.each(lines)('%s', (line, finding) => {
  expect(formatFinding(finding)).toBe(line);
});

describe('the cells of a finding', () => {
  const row = (finding: Parameters<typeof findingCells>[0]): string | undefined =>
    renderTable(FINDING_COLUMNS, [findingCells(finding)])
      .split('\n')
      .at(-1);

  test('are text, with code only for names and values, which have their units', () => {
    expect(row(changedFinding({ property: 'storage size', expected: '64', actual: '32' }))).toBe(
      '| Server `demo-relecloud` storage size | `64 GiB` | `32 GiB` | Run mode: ensure with on-drift: fix to change it in place |',
    );
  });

  test('show a value that is also a member of every object', () => {
    expect(
      row(changedFinding({ property: 'tags', expected: 'toString', actual: 'constructor', remedy: 'r' })),
    ).toBe('| Server `demo-relecloud` tags | `toString` | `constructor` | R |');
  });

  test('name existence in words', () => {
    expect(row(changedFinding({ ...absent, remedy: 'r' }))).toBe(
      '| Server `demo-relecloud` | exists | does not exist | R |',
    );
    const unexpected = { ...rule, expected: 'absent', actual: '203.0.113.9', kind: 'unexpected' } as const;
    expect(row(changedFinding({ ...unexpected, remedy: 'r' }))).toBe(
      '| Firewall rule `office` range | nothing | `203.0.113.9` | R |',
    );
  });
});
