import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeLine, findingLine, type Report, summaryMarkdown } from '../../../src/plan/render.ts';
import { Timeline } from '../../../src/plan/timeline.ts';
import { cells, evil, outsideCode } from '../../helpers/unit/markdown.ts';

const quiet: Report = {
  mode: 'ensure',
  server: 'demo-relecloud',
  host: 'demo-relecloud.postgres.database.azure.com',
  database: 'relecloud',
  openedFor: undefined,
  keepsRule: false,
  changes: [],
  wouldDrop: [],
  kept: [],
  wideOpen: [],
  left: [],
  phases: [],
  error: undefined,
};

const change = (name: string, details = 'd') =>
  ({ resource: 'firewall rule', name, action: 'create', details }) as const;
const finding = (actual: string, remedy = 'r') =>
  ({
    resource: 'server',
    name: 'demo',
    property: 'sku',
    expected: 'a',
    actual,
    kind: 'changed',
    remedy,
  }) as const;

const markup = /[<[\]#!]|z/;

describe('the summary: text from outside stays text', () => {
  test('a table keeps its rows and columns, whatever names and details hold', () => {
    fc.assert(
      fc.property(evil, evil, (name, details) => {
        const lines = summaryMarkdown({ ...quiet, changes: [change(name, details), change('next')] }).split(
          '\n',
        );
        const head = lines.findIndex((line) => line.startsWith('| Changed'));
        const rows = lines.slice(head).filter((line) => line !== '');
        expect(rows).toHaveLength(4);
        for (const row of rows) expect(cells(row)).toHaveLength(4);
      }),
      { numRuns: 500 },
    );
  });

  test('nothing in a cell is markup', () => {
    fc.assert(
      fc.property(evil, (text) => {
        const summary = summaryMarkdown({ ...quiet, left: [finding(text, text)] });
        const row = summary.split('\n').find((line) => line.startsWith('| `server`')) ?? '';
        expect(row).not.toBe('');
        for (const cell of cells(row)) expect(outsideCode(cell.trim())).toBe('');
      }),
      { numRuns: 500 },
    );
  });

  test('nothing in an error is markup, with blank lines in it too, and every line stays in the quotation', () => {
    fc.assert(
      fc.property(
        fc.array(evil).map((lines) => lines.join('\n')),
        (error) => {
          const lines = summaryMarkdown({ ...quiet, error })
            .trimEnd()
            .split('\n')
            .slice(4);
          for (const line of lines) expect(line).toMatch(/^>/);
          // A blank line of the quotation ends a paragraph, and with it every code span.
          const paragraphs = lines
            .map((line) => line.slice(1).trim())
            .join('\n')
            .split(/\n\n+/);
          for (const paragraph of paragraphs) expect(outsideCode(paragraph)).not.toMatch(markup);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('the title takes a name as code', () => {
    const [title = ''] = summaryMarkdown({ ...quiet, database: 'a`b <b>|' }).split('\n');
    expect(title).toBe('### ✅ PostgreSQL on Azure: `` a`b <b>| ``');
  });
});

describe('the summary: what was found, what was changed', () => {
  test('a run that found everything in place says so', () => {
    const summary = summaryMarkdown(quiet);
    expect(summary).toContain('✅');
    expect(summary).toContain('Nothing had to be changed.');
    expect(summary).toContain('no firewall rule had to be made');
    expect(summary).not.toContain('|');
  });

  test('changes, what differs and the way through the firewall', () => {
    const summary = summaryMarkdown({
      ...quiet,
      openedFor: '203.0.113.9',
      changes: [change('office')],
      left: [finding('b')],
    });
    expect(summary).toContain('`203.0.113.9`');
    expect(summary).toContain('| `firewall rule` | `office` | `create` | `d` |');
    expect(summary).toContain('| `server` | `demo` | `sku` | `a` | `b` | `r` |');
    expect(summary).not.toContain('Nothing had to be changed.');
  });

  test('a failed run shows its error and claims nothing', () => {
    const summary = summaryMarkdown({ ...quiet, error: 'It broke.\nWhat to do: mend it.' });
    expect(summary).toContain('❌');
    expect(summary).toContain('> `It broke.`');
    expect(summary).toContain('> `What to do: mend it.`');
    expect(summary).not.toContain('Nothing had to be changed.');
  });

  test('what is not known is told apart from what differs, and is no difference', () => {
    const unknown = { ...finding('403'), kind: 'unknown', property: '' } as const;
    const summary = summaryMarkdown({ ...quiet, mode: 'check', left: [unknown] });
    expect(summary).toContain('✅');
    expect(summary).toContain('| Not known | Name | Property | Why | What to do |');
    expect(summary).not.toContain('| Differs |');
    expect(summary).not.toContain('Everything is as declared.');
    const both = summaryMarkdown({ ...quiet, mode: 'check', left: [unknown, finding('b')] });
    expect(both).toContain('⚠️');
    expect(both).toContain('What would fix it');
  });

  test('a wall that is none is told above all, also where somebody declared it', () => {
    const summary = summaryMarkdown({ ...quiet, mode: 'check', wideOpen: ['all'] });
    expect(summary).toContain('⚠️');
    expect(summary).toContain('**The whole internet may try to log in**, by firewall rule `all`.');
  });

  test('thousands of findings are cut: GitHub drops a summary of more than 1 MiB whole', () => {
    const left = Array.from({ length: 3000 }, (_, i) => finding(`${i}`));
    const summary = summaryMarkdown({ ...quiet, left });
    expect(summary.match(/^\| `server`/gm)).toHaveLength(200);
    expect(summary).toContain('… and 2800 more.');
  });

  test('a value of megabytes is cut, also one of back-ticks alone', () => {
    for (const actual of ['x'.repeat(3_400_000), '`a'.repeat(1_700_000), '`'.repeat(3_400_000)]) {
      const summary = summaryMarkdown({ ...quiet, left: [finding(actual)], error: actual });
      expect(summary.length).toBeLessThan(10_000);
      expect(summary).toContain('(3,400,000 characters in all)');
    }
  });

  test('a check says that it only looked', () => {
    expect(summaryMarkdown({ ...quiet, mode: 'check' })).toContain('was checked; nothing was changed');
  });
});

describe('the summary of drop and sweep', () => {
  const dropping = { ...quiet, mode: 'sweep', database: undefined };
  const dropped = { resource: 'database', name: 'relecloud_pr_42' } as const;
  const claim = 'There was nothing to drop.';

  test('nothing to drop is success, and said', () => {
    for (const mode of ['drop', 'sweep'])
      expect(summaryMarkdown({ ...dropping, mode })).toMatch(new RegExp(`✅.*${claim}`, 's'));
  });

  test('a server that nobody looked into is no success, and nothing is claimed about it', () => {
    for (const mode of ['drop', 'sweep']) {
      const summary = summaryMarkdown({ ...dropping, mode, host: undefined });
      expect(summary).toMatch(/⚠️.*Nothing was looked at or dropped/s);
      expect(summary).not.toContain(claim);
    }
  });

  test('what was dropped is a change', () => {
    const summary = summaryMarkdown({
      ...dropping,
      changes: [{ ...dropped, action: 'delete', details: 'of pull request #42' }],
    });
    expect(summary).toContain('| `database` | `relecloud_pr_42` | `delete` | `of pull request #42` |');
    expect(summary).not.toContain(claim);
  });

  test('dry-run: shows what would be dropped, and claims neither that it was nor that nothing is', () => {
    const summary = summaryMarkdown({
      ...dropping,
      wouldDrop: [
        { ...dropped, details: 'with more' },
        { resource: 'role', name: 'app_pr_42', details: '' },
      ],
    });
    expect(summary).toContain(
      '| Would be dropped | Name | Details |\n| --- | --- | --- |\n| `database` | `relecloud_pr_42` | `with more` |',
    );
    expect(summary).toContain('| `role` | `app_pr_42` |');
    expect(summary).not.toContain('| Changed');
    expect(summary).not.toContain(claim);
  });

  test('what a sweep kept is told with its reason, also where it failed', () => {
    const kept = [{ ...dropped, reason: 'pull request #42 is open' }];
    for (const error of [undefined, 'It broke.'])
      expect(summaryMarkdown({ ...dropping, kept, error })).toContain(
        '| Kept | Name | Why |\n| --- | --- | --- |\n| `database` | `relecloud_pr_42` | `pull request #42 is open` |',
      );
  });

  test('nothing of what would be dropped or was kept is markup', () => {
    fc.assert(
      fc.property(evil, evil, (name, reason) => {
        const summary = summaryMarkdown({
          ...dropping,
          wouldDrop: [{ resource: 'role', name, details: reason }],
          kept: [{ resource: 'role', name, reason }],
        });
        const rows = summary.split('\n').filter((line) => line.startsWith('| `role`'));
        expect(rows.map((row) => cells(row).length)).toEqual([3, 3]);
        for (const cell of rows.flatMap(cells)) expect(outsideCode(cell.trim())).toBe('');
      }),
      { numRuns: 300 },
    );
  });
});

describe('the timeline (Mermaid gantt)', () => {
  const phases = [
    { name: 'Ensure the server', start: 1_000_000, end: 1_012_300, failed: false },
    { name: 'Reach it', start: 1_012_300, end: 1_012_300, failed: false },
    { name: 'Migrate', start: 1_012_300, end: 1_015_000, failed: true },
  ];

  test('one bar a phase, from the first one’s start; a failed one is critical, an instant one is visible', () => {
    const [, block = ''] = /```mermaid\n(.*?)\n```/s.exec(summaryMarkdown({ ...quiet, phases })) ?? [];
    expect(block.split('\n')).toEqual([
      'gantt',
      '  dateFormat x',
      '  axisFormat %M:%S',
      '  Ensure the server (12 s) :0, 12300',
      '  Reach it (0.0 s) :12300, 12301',
      '  Migrate (2.7 s) :crit, 12300, 15000',
    ]);
  });

  test('a run without phases has no picture', () => {
    expect(summaryMarkdown(quiet)).not.toContain('mermaid');
  });

  test('a phase is remembered with its time, also when it fails', async () => {
    const timeline = new Timeline();
    expect(await timeline.phase('a', async () => 1)).toBe(1);
    await expect(timeline.phase('b', () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(timeline.phases).toMatchObject([
      { name: 'a', failed: false },
      { name: 'b', failed: true },
    ]);
    for (const { start, end } of timeline.phases) expect(end).toBeGreaterThanOrEqual(start);
  });
});

describe('lines of the log', () => {
  test('a change and a finding say all that they hold', () => {
    expect(changeLine(change('office', '203.0.113.9'))).toBe('create firewall rule office (203.0.113.9)');
    expect(changeLine(change('office', ''))).toBe('create firewall rule office');
    expect(findingLine(finding('b'))).toBe('changed server demo sku: declared a, actually b');
  });
});
