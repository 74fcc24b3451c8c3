import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatChange, formatFinding } from '../../../src/reporting/log-lines.ts';
import { type RunSummary, renderSummary } from '../../../src/reporting/summary.ts';
import { Timeline } from '../../../src/reporting/timeline.ts';
import { maliciousMarkdown, tableCells, textOutsideCode } from '../../helpers/unit/markdown.ts';

const emptyReport: RunSummary = {
  mode: 'ensure',
  server: 'demo-relecloud',
  host: 'demo-relecloud.postgres.database.azure.com',
  database: 'relecloud',
  temporaryRuleAddress: undefined,
  keepRule: false,
  changes: [],
  dryRunDrops: [],
  skipped: [],
  wideOpenRules: [],
  remainingFindings: [],
  phases: [],
  error: undefined,
  errorCode: undefined,
};

const createChange = (name: string, details = 'd') =>
  ({ resource: 'firewall rule', name, action: 'create', details }) as const;
const createFinding = (actual: string, remedy = 'r') =>
  ({
    resource: 'server',
    name: 'demo',
    property: 'sku',
    expected: 'a',
    actual,
    kind: 'changed',
    remedy,
  }) as const;

const MARKUP_PATTERN = /[<[\]#!]|z/;

describe('the summary: text from outside stays text', () => {
  test('names and details cannot change the rows and columns of a table', () => {
    fc.assert(
      fc.property(maliciousMarkdown, maliciousMarkdown, (name, details) => {
        const lines = renderSummary({
          ...emptyReport,
          changes: [createChange(name, details), createChange('next')],
        }).split('\n');
        const head = lines.findIndex((line) => line.startsWith('| Changed'));
        const rows = lines.slice(head).filter((line) => line !== '');
        expect(rows).toHaveLength(4);
        for (const row of rows) expect(tableCells(row)).toHaveLength(4);
      }),
      { numRuns: 500 },
    );
  });

  test('text in a cell cannot become markup', () => {
    fc.assert(
      fc.property(maliciousMarkdown, (text) => {
        const summary = renderSummary({ ...emptyReport, remainingFindings: [createFinding(text, text)] });
        const row = summary.split('\n').find((line) => line.startsWith('| `server`')) ?? '';
        expect(row).not.toBe('');
        for (const cell of tableCells(row)) expect(textOutsideCode(cell.trim())).toBe('');
      }),
      { numRuns: 500 },
    );
  });

  test('text in an error cannot become markup or leave the block quote, even with blank lines', () => {
    fc.assert(
      fc.property(
        fc.array(maliciousMarkdown).map((lines) => lines.join('\n')),
        (error) => {
          const lines = renderSummary({ ...emptyReport, error })
            .trimEnd()
            .split('\n')
            .slice(4);
          for (const line of lines) expect(line).toMatch(/^>/);
          // A blank line in the block quote ends a paragraph and its code spans.
          const paragraphs = lines
            .map((line) => line.slice(1).trim())
            .join('\n')
            .split(/\n\n+/);
          for (const paragraph of paragraphs) expect(textOutsideCode(paragraph)).not.toMatch(MARKUP_PATTERN);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a name in the title is inline code', () => {
    const [title = ''] = renderSummary({ ...emptyReport, database: 'a`b <b>|' }).split('\n');
    expect(title).toBe('### ✅ PostgreSQL on Azure: `` a`b <b>| ``');
  });
});

describe('the summary: findings and changes', () => {
  test('a run without changes', () => {
    const summary = renderSummary(emptyReport);
    expect(summary).toContain('✅');
    expect(summary).toContain('No changes were needed.');
    expect(summary).toContain('no firewall rule was needed');
    expect(summary).not.toContain('|');
  });

  test('changes, drift and the temporary firewall rule', () => {
    const summary = renderSummary({
      ...emptyReport,
      temporaryRuleAddress: '203.0.113.9',
      changes: [createChange('office')],
      remainingFindings: [createFinding('b')],
    });
    expect(summary).toContain('`203.0.113.9`');
    expect(summary).toContain('| `firewall rule` | `office` | `create` | `d` |');
    expect(summary).toContain('| `server` | `demo` | `sku` | `a` | `b` | `r` |');
    expect(summary).not.toContain('No changes were needed.');
  });

  test('a failed run shows its error, and not that no changes were needed', () => {
    const summary = renderSummary({ ...emptyReport, error: 'It broke.\nWhat to do: fix it.' });
    expect(summary).toContain('❌');
    expect(summary).toContain('> `It broke.`');
    expect(summary).toContain('> `What to do: fix it.`');
    expect(summary).not.toContain('No changes were needed.');
  });

  test('an unknown resource is listed separately, and is not drift', () => {
    const unknown = { ...createFinding('403'), kind: 'unknown', property: '' } as const;
    const summary = renderSummary({ ...emptyReport, mode: 'check', remainingFindings: [unknown] });
    expect(summary).toContain('✅');
    expect(summary).toContain('| Unknown | Name | Property | Reason | How to fix |');
    expect(summary).not.toContain('| Drift |');
    expect(summary).not.toContain('No drift detected.');
    const both = renderSummary({
      ...emptyReport,
      mode: 'check',
      remainingFindings: [unknown, createFinding('b')],
    });
    expect(both).toContain('⚠️');
    expect(both).toContain('How to fix');
  });

  test('a firewall rule that admits the whole internet is a warning, even if it is declared', () => {
    const summary = renderSummary({ ...emptyReport, mode: 'check', wideOpenRules: ['all'] });
    expect(summary).toContain('⚠️');
    expect(summary).toContain('**The whole internet can reach this server** through firewall rule `all`.');
  });

  test('a table is limited to 200 rows: GitHub rejects a summary of more than 1 MiB', () => {
    const findings = Array.from({ length: 3000 }, (_, i) => createFinding(`${i}`));
    const summary = renderSummary({ ...emptyReport, remainingFindings: findings });
    expect(summary.match(/^\| `server`/gm)).toHaveLength(200);
    expect(summary).toContain('… and 2800 more.');
  });

  test('a value of megabytes is truncated, even one of backticks only', () => {
    for (const actual of ['x'.repeat(3_400_000), '`a'.repeat(1_700_000), '`'.repeat(3_400_000)]) {
      const summary = renderSummary({
        ...emptyReport,
        remainingFindings: [createFinding(actual)],
        error: actual,
      });
      expect(summary.length).toBeLessThan(10_000);
      expect(summary).toContain('(3,400,000 characters in all)');
    }
  });

  test('a check states that it changed nothing', () => {
    expect(renderSummary({ ...emptyReport, mode: 'check' })).toContain('was checked; nothing was changed');
  });
});

describe('the summary of drop and sweep', () => {
  const dropping = { ...emptyReport, mode: 'sweep', database: undefined };
  const dropped = { resource: 'database', name: 'relecloud_pr_42' } as const;
  const nothingToDrop = 'There was nothing to drop.';

  test('a run with nothing to drop succeeds', () => {
    for (const mode of ['drop', 'sweep'])
      expect(renderSummary({ ...dropping, mode })).toMatch(new RegExp(`✅.*${nothingToDrop}`, 's'));
  });

  test('a run that did not reach the server has a warning, and not that there was nothing to drop', () => {
    for (const mode of ['drop', 'sweep']) {
      const summary = renderSummary({ ...dropping, mode, host: undefined });
      expect(summary).toMatch(/⚠️.*Nothing was checked or dropped/s);
      expect(summary).not.toContain(nothingToDrop);
    }
  });

  test('a dropped database is a change', () => {
    const summary = renderSummary({
      ...dropping,
      changes: [{ ...dropped, action: 'delete', details: 'of pull request #42' }],
    });
    expect(summary).toContain('| `database` | `relecloud_pr_42` | `delete` | `of pull request #42` |');
    expect(summary).not.toContain(nothingToDrop);
  });

  test('dry-run: what would be dropped, not as a change, and not that there was nothing to drop', () => {
    const summary = renderSummary({
      ...dropping,
      dryRunDrops: [
        { ...dropped, details: 'with more' },
        { resource: 'role', name: 'app_pr_42', details: '' },
      ],
    });
    expect(summary).toContain(
      '| Would drop | Name | Details |\n| --- | --- | --- |\n| `database` | `relecloud_pr_42` | `with more` |',
    );
    expect(summary).toContain('| `role` | `app_pr_42` |');
    expect(summary).not.toContain('| Changed');
    expect(summary).not.toContain(nothingToDrop);
  });

  test('what a sweep skipped has a reason, also in a failed sweep', () => {
    const skipped = [{ ...dropped, reason: 'pull request #42 is open' }];
    for (const error of [undefined, 'It broke.'])
      expect(renderSummary({ ...dropping, skipped, error })).toContain(
        '| Skipped | Name | Reason |\n| --- | --- | --- |\n| `database` | `relecloud_pr_42` | `pull request #42 is open` |',
      );
  });

  test('names and reasons in these tables cannot become markup', () => {
    fc.assert(
      fc.property(maliciousMarkdown, maliciousMarkdown, (name, reason) => {
        const summary = renderSummary({
          ...dropping,
          dryRunDrops: [{ resource: 'role', name, details: reason }],
          skipped: [{ resource: 'role', name, reason }],
        });
        const rows = summary.split('\n').filter((line) => line.startsWith('| `role`'));
        expect(rows.map((row) => tableCells(row).length)).toEqual([3, 3]);
        for (const cell of rows.flatMap(tableCells)) expect(textOutsideCode(cell.trim())).toBe('');
      }),
      { numRuns: 300 },
    );
  });
});

describe('the timeline (Mermaid gantt)', () => {
  const phases = [
    { name: 'Ensure the server', start: 1_000_000, end: 1_012_300, failed: false },
    { name: 'Connect', start: 1_012_300, end: 1_012_300, failed: false },
    { name: 'Migrate', start: 1_012_300, end: 1_015_000, failed: true },
  ];

  test('one bar for each phase, relative to the start of the first; a failed phase is critical, and each bar is visible', () => {
    const [, block = ''] = /```mermaid\n(.*?)\n```/s.exec(renderSummary({ ...emptyReport, phases })) ?? [];
    expect(block.split('\n')).toEqual([
      'gantt',
      '  dateFormat x',
      '  axisFormat %M:%S',
      '  Ensure the server (12 s) :0, 12300',
      '  Connect (0.0 s) :12300, 12301',
      '  Migrate (2.7 s) :crit, 12300, 15000',
    ]);
  });

  test('a run without phases has no timeline', () => {
    expect(renderSummary(emptyReport)).not.toContain('mermaid');
  });

  test('a phase is recorded with its time, also when it fails', async () => {
    const timeline = new Timeline();
    expect(await timeline.measure('a', async () => 1)).toBe(1);
    await expect(timeline.measure('b', () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(timeline.phases).toMatchObject([
      { name: 'a', failed: false },
      { name: 'b', failed: true },
    ]);
    for (const { start, end } of timeline.phases) expect(end).toBeGreaterThanOrEqual(start);
  });
});

describe('log lines', () => {
  test('a change and a finding in one line', () => {
    expect(formatChange(createChange('office', '203.0.113.9'))).toBe(
      'create firewall rule office (203.0.113.9)',
    );
    expect(formatChange(createChange('office', ''))).toBe('create firewall rule office');
    expect(formatFinding(createFinding('b'))).toBe('changed server demo sku: declared a, actually b');
  });
});
