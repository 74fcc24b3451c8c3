import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeLine, findingLine, type Report, summaryMarkdown } from '../../../src/plan/render.ts';
import { Timeline } from '../../../src/plan/timeline.ts';
import { anyText } from '../support/texts.ts';

const quiet: Report = {
  mode: 'ensure',
  server: 'demo-relecloud',
  host: 'demo-relecloud.postgres.database.azure.com',
  database: 'relecloud',
  openedFor: undefined,
  keepsRule: false,
  changes: [],
  left: [],
  phases: [],
  error: undefined,
};

const change = (name: string, details = 'd') =>
  ({ resource: 'firewall rule', name, action: 'create', details }) as const;
const finding = (actual: string) =>
  ({ resource: 'server', name: 'demo', property: 'sku', expected: 'a', actual, kind: 'changed' }) as const;

/** The cells of a table's row as GitHub cuts it: at every pipe without a backslash before it. */
const cells = (row: string): readonly string[] => row.split(/(?<!\\)\|/).slice(1, -1);

/** What a paragraph shows outside its code spans: a span ends at the next run of as many back-ticks (CommonMark). */
function outsideCode(text: string): string {
  let left = '';
  for (let at = 0; at < text.length; ) {
    const ticks = /^`+/.exec(text.slice(at))?.[0];
    if (ticks === undefined) {
      left += text.charAt(at);
      at += 1;
      continue;
    }
    const end = new RegExp(`(?<!\`)${ticks}(?!\`)`, 'g');
    end.lastIndex = at + ticks.length;
    const closing = end.exec(text);
    left += closing ? '' : ticks;
    at = (closing?.index ?? at) + ticks.length;
  }
  return left;
}

/** Text from outside that tries to become markup, or to leave its cell. */
const evil = fc.oneof(
  anyText,
  fc
    .array(
      fc.constantFrom('`', '``', '|', '\\', '\n', '\n\n', '<img src=x>', '[a](http://b)', '# x', ' ', 'z'),
      { maxLength: 8 },
    )
    .map((p) => p.join('')),
);
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
        const summary = summaryMarkdown({ ...quiet, left: [finding(text)] });
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
  test('law 1: a run that found everything in place says so', () => {
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
    expect(summary).toContain('| `server` | `demo` | `sku` | `a` | `b` |');
    expect(summary).not.toContain('Nothing had to be changed.');
  });

  test('a failed run shows its error and claims nothing', () => {
    const summary = summaryMarkdown({ ...quiet, error: 'It broke.\nWhat to do: mend it.' });
    expect(summary).toContain('❌');
    expect(summary).toContain('> `It broke.`');
    expect(summary).toContain('> `What to do: mend it.`');
    expect(summary).not.toContain('Nothing had to be changed.');
  });

  test('a check says that it only looked', () => {
    expect(summaryMarkdown({ ...quiet, mode: 'check' })).toContain('was checked; nothing was changed');
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
