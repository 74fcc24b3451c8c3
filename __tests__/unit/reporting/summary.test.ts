import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderShortSummary } from '../../../src/reporting/short-summary.ts';
import { renderSummary } from '../../../src/reporting/summary.ts';
import { Timeline } from '../../../src/reporting/timeline.ts';
import { createRunSummary } from '../../helpers/unit/fake-run-summary.ts';
import { maliciousMarkdown, markupOutsideCode, tableCells } from '../../helpers/unit/markdown.ts';

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

/** The rows of the table whose first column has this name. */
function tableRows(summary: string, column: string): readonly string[] {
  const lines = summary.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${column} |`));
  const rows = head < 0 ? [] : lines.slice(head + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return end < 0 ? rows : rows.slice(0, end);
}

/** The lines of the section that a reader opens. */
const folded = (summary: string, title: string): string =>
  summary.split(`<details><summary>${title}</summary>`)[1]?.split('</details>')[0] ?? '';

describe('the summary: text from outside stays text', () => {
  test('names and details cannot change the rows and columns of a table', () => {
    fc.assert(
      fc.property(maliciousMarkdown, maliciousMarkdown, (name, details) => {
        const changes = [createChange(name, details), createChange('next')];
        const rows = tableRows(renderSummary(createRunSummary({ changes })), 'Change');
        expect(rows).toHaveLength(2);
        for (const row of rows) expect(tableCells(row)).toHaveLength(4);
      }),
      { numRuns: 200 },
    );
  });

  test('text in a cell cannot become markup', () => {
    fc.assert(
      fc.property(maliciousMarkdown, maliciousMarkdown, (text, name) => {
        const finding = { ...createFinding(text, text), name, property: text, expected: text };
        const unknown = { ...finding, kind: 'unknown' } as const;
        const summary = renderSummary(
          createRunSummary({
            remainingFindings: [finding, unknown],
            dryRunDrops: [{ resource: 'role', name, details: text }],
            skipped: [{ resource: 'role', name, reason: text }],
            changes: [createChange(name, text)],
            serverProperties: [text, name],
            server: name,
            login: { user: name, isAdministrator: false, variables: [] },
            wideOpenRules: [text],
          }),
        );
        const rows = ['Server', 'What', 'Not checked', 'Would drop', 'Kept', 'Change'].flatMap((column) =>
          tableRows(summary, column),
        );
        expect(rows).toHaveLength(6);
        expect(rows.map((row) => tableCells(row).length)).toEqual([4, 4, 3, 3, 3, 4]);
        for (const cell of rows.flatMap(tableCells))
          for (const line of cell.split('<br>')) expect(markupOutsideCode(line.trim())).toBe('');
      }),
      { numRuns: 200 },
    );
  });

  test('text in an error cannot become markup or leave the block quote, even with blank lines', () => {
    fc.assert(
      fc.property(
        fc.array(maliciousMarkdown).map((lines) => lines.join('\n')),
        (error) => {
          const all = renderSummary(createRunSummary({ error })).split('\n');
          const lines = all.slice(
            2,
            all.findIndex((line) => line.startsWith('| Server')),
          );
          expect(lines.pop()).toBe('');
          for (const line of lines) expect(line).toMatch(/^> (`|\p{L}|\s*$)/u);
          // A blank line in the block quote ends a paragraph and its code spans.
          const paragraphs = lines
            .map((line) => line.slice(1).trim())
            .join('\n')
            .split(/\n\n+/);
          for (const paragraph of paragraphs)
            expect(markupOutsideCode(paragraph).replaceAll('\n', '')).toBe('');
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a name in the title is inline code', () => {
    const [title = ''] = renderSummary(createRunSummary({ database: 'a`b <b>|' })).split('\n');
    expect(title).toBe('### ✅ Database `` a`b <b>| `` is ready (6.1 s)');
  });

  test('a URL that could end its link is not shown', () => {
    const failed = { error: 'It broke.', errorCode: 'login-failed' } as const;
    const url = 'https://github.com/relecloud/action/blob/v1/docs/troubleshooting.md#login-failed';
    expect(renderSummary(createRunSummary({ ...failed, errorUrl: url }))).toContain(
      `[What to do about \`login-failed\`](${url})`,
    );
    for (const errorUrl of ['javascript:alert(1)', 'https://a.example/x)y', 'https://a b'])
      expect(renderSummary(createRunSummary({ ...failed, errorUrl }))).not.toContain('](');
  });
});

describe('the summary: a verdict, four facts, and the rest folded', () => {
  test('a run without changes shows the four facts, and folds only its times', () => {
    const phases = [{ name: 'Connect', start: 0, end: 1000, failed: false }];
    expect(renderSummary(createRunSummary({ phases }))).toBe(
      [
        '### ✅ Database `relecloud` is ready (6.1 s)',
        '',
        '| Server | Later steps log in as | Migrations | Firewall |',
        '| --- | --- | --- | --- |',
        '| `demo-relecloud`<br>PostgreSQL 17<br>Standard_B1ms, 32 GiB<br>West Europe | `relecloud_app`<br>the application role | no migration command | no rule needed for this runner |',
        '',
        '<details><summary>Time: 6.1 s</summary>',
        '',
        '| Phase | Time | Share |',
        '| --- | --- | --- |',
        '| Connect | 1.0 s | ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 100 % |',
        '',
        '</details>',
        '',
      ].join('\n'),
    );
  });

  test('changes are folded, and differences are not', () => {
    const summary = renderSummary(
      createRunSummary({ changes: [createChange('office')], remainingFindings: [createFinding('b')] }),
    );
    expect(tableRows(folded(summary, '1 change'), 'Change')).toEqual([
      '| create | firewall rule | `office` | d |',
    ]);
    expect(tableRows(summary, 'What')).toEqual(['| Server `demo` sku | `a` | `b` | R |']);
    expect(folded(summary, '1 change')).not.toContain('| What');
  });

  test('a failed run shows its error', () => {
    const summary = renderSummary(
      createRunSummary({ error: 'It broke.\nWhat to do: fix `it`.', errorCode: 'unexpected' }),
    );
    expect(summary).toContain('❌');
    expect(summary).toContain('> It broke.');
    expect(summary).toContain('> What to do: fix `` `it`. ``');
  });

  test('the error of a check that found drift is not shown besides the table of the drift', () => {
    const summary = renderSummary(
      createRunSummary({
        mode: 'check',
        error: 'The check found 1 difference.',
        errorCode: 'drifted',
        remainingFindings: [createFinding('b')],
      }),
    );
    expect(summary).not.toContain('>  ');
    expect(summary).not.toContain('The check found');
    expect(tableRows(summary, 'What')).toHaveLength(1);
  });

  test('an unknown resource is listed separately', () => {
    const unknown = { ...createFinding('403'), kind: 'unknown', property: '' } as const;
    const summary = renderSummary(createRunSummary({ mode: 'check', remainingFindings: [unknown] }));
    expect(tableRows(summary, 'Not checked')).toEqual(['| Server `demo` | 403 | R |']);
    expect(tableRows(summary, 'What')).toEqual([]);
  });

  test('what a dry run would drop is not folded, and what a sweep keeps is, also in a failed sweep', () => {
    for (const error of [undefined, 'It broke.']) {
      const summary = renderSummary(
        createRunSummary({
          mode: 'sweep',
          isDryRun: true,
          dryRunDrops: [{ resource: 'database', name: 'relecloud_pr_42', details: 'of pull request #42' }],
          skipped: [{ resource: 'database', name: 'relecloud_pr_43', reason: 'pull request #43 is open' }],
          error,
        }),
      );
      expect(tableRows(summary.split('<details>')[0] ?? '', 'Would drop | Name')).toEqual([
        '| database | `relecloud_pr_42` | of pull request #42 |',
      ]);
      expect(tableRows(folded(summary, '1 kept'), 'Kept')).toEqual([
        '| database | `relecloud_pr_43` | pull request #43 is open |',
      ]);
    }
  });

  test('a table is limited to 200 rows: GitHub rejects a summary of more than 1 MiB', () => {
    const findings = Array.from({ length: 3000 }, (_, i) => createFinding(`${i}`));
    const summary = renderSummary(createRunSummary({ remainingFindings: findings }));
    expect(tableRows(summary, 'What')).toHaveLength(200);
    expect(summary).toContain('… and 2800 more.');
  });

  test('a value of megabytes is truncated, even one of backticks only', () => {
    for (const actual of ['x'.repeat(3_400_000), '`a'.repeat(1_700_000), '`'.repeat(3_400_000)]) {
      const summary = renderSummary(
        createRunSummary({ remainingFindings: [createFinding(actual)], error: actual }),
      );
      expect(summary.length).toBeLessThan(10_000);
      expect(summary).toContain('(3,400,000 characters in all)');
    }
  });
});

describe('the facts', () => {
  const factsOf = (overrides: Parameters<typeof createRunSummary>[0]): readonly string[] =>
    tableCells(tableRows(renderSummary(createRunSummary(overrides)), 'Server')[0] ?? '').map((cell) =>
      cell.trim(),
    );

  test('a server that was not reached has no properties', () => {
    expect(factsOf({ serverProperties: undefined })[0]).toBe('`demo-relecloud`<br>not reached');
    const missing = { ...createFinding('absent'), kind: 'missing', property: '' } as const;
    const check = { mode: 'check', serverProperties: undefined, remainingFindings: [missing] } as const;
    expect(factsOf(check)[0]).toBe('`demo-relecloud`<br>does not exist');
  });

  test('who later steps log in as: the application role, the administrator, or nobody', () => {
    expect(factsOf({})[1]).toBe('`relecloud_app`<br>the application role');
    const login = { user: 'relecloud_admin', isAdministrator: true, variables: [] };
    expect(factsOf({ login })[1]).toBe('`relecloud_admin`<br>the administrator of the server');
    expect(factsOf({ login: undefined })[1]).toBe('no connection was published');
  });

  test('migrations: none declared, not run, succeeded, failed', () => {
    const phase = { name: 'Migrate', start: 0, end: 2700, failed: false };
    expect(factsOf({ hasMigrationCommand: false })[2]).toBe('no migration command');
    expect(factsOf({ hasMigrationCommand: true })[2]).toBe('did not run');
    expect(factsOf({ hasMigrationCommand: true, phases: [phase] })[2]).toBe('succeeded in 2.7 s');
    const failed = { ...phase, failed: true };
    expect(factsOf({ hasMigrationCommand: true, phases: [failed] })[2]).toBe('failed after 2.7 s');
  });

  test('the firewall: the rule for this runner, and how long it remains', () => {
    const rule = { temporaryRuleAddress: '203.0.113.9' };
    expect(factsOf(rule)[3]).toBe('temporary rule for this runner<br>`203.0.113.9`<br>until the job ends');
    expect(factsOf({ ...rule, keepRule: true })[3]).toBe('persistent rule for this runner<br>`203.0.113.9`');
    expect(factsOf({ ...rule, error: 'It broke.' })[3]).toContain('temporary rule requested');
    expect(factsOf({ error: 'It broke.' })[3]).toBe('no rule requested for this runner');
  });

  test('a check: what it compared with, its result, and rules that admit the whole internet', () => {
    const mode = 'check';
    expect(factsOf({ mode, configFile: 'db/azure.yml' }).slice(1)).toEqual([
      '`db/azure.yml`',
      'no difference<br>nothing was changed',
      'not open to the whole internet',
    ]);
    const unknown = { ...createFinding('403'), kind: 'unknown' } as const;
    expect(factsOf({ mode, remainingFindings: [unknown, createFinding('b')] }).slice(1)).toEqual([
      'the inputs',
      '1 difference<br>1 not checked<br>nothing was changed',
      'not checked',
    ]);
    const wideOpenRules = Array.from({ length: 7 }, (_, i) => `rule${i}`);
    expect(factsOf({ mode, wideOpenRules })[3]).toBe(
      `open to the whole internet:<br>${[0, 1, 2, 3, 4].map((i) => `\`rule${i}\``).join('<br>')}<br>and 2 more`,
    );
  });

  test('a check that could not compare states neither a result nor that the firewall is closed', () => {
    for (const errorCode of ['cancelled', 'sign-in-failed'] as const) {
      const facts = factsOf({ mode: 'check', error: 'e', errorCode });
      expect(facts.slice(2)).toEqual(['not compared<br>nothing was changed', 'not checked']);
    }
  });

  test('drop and sweep: how much was dropped and kept', () => {
    const drop = { resource: 'database', name: 'relecloud_pr_42', action: 'delete', details: '' } as const;
    expect(factsOf({ mode: 'sweep' }).slice(1, 3)).toEqual(['nothing', 'nothing']);
    expect(factsOf({ mode: 'drop', changes: [drop] })[1]).toBe('1 resource');
    const summary = renderSummary(createRunSummary({ mode: 'sweep', isDryRun: true, dryRunDrops: [drop] }));
    expect(summary).toContain('| Server | Would drop | Kept | Firewall |');
  });
});

describe('the table of times', () => {
  const phases = [
    { name: 'Ensure server', start: 1_000_000, end: 1_012_300, failed: false },
    { name: 'Connect', start: 1_012_300, end: 1_012_300, failed: false },
    { name: 'Migrate', start: 1_012_300, end: 1_015_000, failed: true },
  ];

  test('time and share of each phase; a failed phase is named so', () => {
    expect(tableRows(renderSummary(createRunSummary({ phases })), 'Phase')).toEqual([
      '| Ensure server | 12 s | ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 82 % |',
      '| Connect | 0.0 s | 0 % |',
      '| Migrate (failed) | 2.7 s | ▇▇▇▇ 18 % |',
    ]);
  });

  test('a run without phases has none', () => {
    expect(renderSummary(createRunSummary({}))).not.toContain('<details>');
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

describe('the summary of a run that ended early', () => {
  test.each([
    ['skipped', undefined, '### ⏭️ Skipped\n\nNothing was requested or changed.\n\n> Because.  \n'],
    [
      'failed at start',
      'inputs-invalid',
      '### ❌ Not started: `inputs-invalid`\n\nNothing was requested or changed.\n\n> Because.  \n',
    ],
    [
      'post failed',
      'rule-not-removed',
      '### ❌ The end of the job failed: `rule-not-removed`\n\nSomething of this run may remain.\n\n> Because.  \n',
    ],
  ] as const)('%s', (end, code, summary) => {
    expect(renderShortSummary(end, 'Because.', code)).toBe(summary);
  });
});
