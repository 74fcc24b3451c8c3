import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DriftCheckResult, resourceTypes } from '../../../src/reporting/drift-check.ts';
import { driftMarker, planIssueStep } from '../../../src/reporting/drift-issue.ts';
import {
  anyFinding,
  changedFinding,
  createDriftCheck as check,
  expectIssueWrite,
  findingRows,
  unknownFinding,
} from '../../helpers/unit/fake-findings.ts';
import {
  maliciousMarkdown,
  markupOutsideCode,
  tableCells,
  textOutsideCode,
} from '../../helpers/unit/markdown.ts';

const skuFinding = changedFinding();
const bodyOf = (given: DriftCheckResult, existing?: string): string => expectIssueWrite(given, existing).body;

describe('content of the drift issue', () => {
  test('the title names the server and the database', () => {
    expect(expectIssueWrite(check()).title).toBe(
      'Drift detected on PostgreSQL server `demo-relecloud`, database `relecloud`',
    );
    expect(expectIssueWrite(check({ database: undefined })).title).toBe(
      'Drift detected on PostgreSQL server `demo-relecloud`',
    );
  });

  test('the drift and how to fix it', () => {
    expect(findingRows(bodyOf(check()))).toEqual([
      '| Server `demo-relecloud` sku | `Standard_B1ms` | `Standard_D2ds_v5` | Run mode: ensure with on-drift: fix to change it in place |',
    ]);
    expect(bodyOf(check())).not.toContain('Could not be checked');
  });

  test('resources that could not be checked, in a separate table', () => {
    const [before = '', after = ''] = bodyOf(check({ findings: [unknownFinding(), skuFinding] })).split(
      '#### Could not be checked',
    );
    expect(before).toContain('`Standard_D2ds_v5`');
    expect(findingRows(after)).toEqual([
      '| Role `relecloud_app` | This runner cannot log in | Allow this runner |',
    ]);
  });

  test('the time and the run of the check', () => {
    expect(bodyOf(check())).toContain(
      'was last checked at 2026-02-03 04:05 UTC by [this run](https://github.com/relecloud/tours/actions/runs/1).',
    );
    expect(bodyOf(check({ runUrl: undefined }))).toContain('was last checked at 2026-02-03 04:05 UTC.');
  });

  test('where the resources are declared', () => {
    expect(bodyOf(check())).toContain('in the inputs of the step');
    const declaredIn = { path: 'db/azure.yml', lines: new Map() };
    expect(bodyOf(check({ configSource: declaredIn }))).toContain('in `db/azure.yml`');
  });

  test('the rules that admit the whole internet', () => {
    expect(bodyOf(check())).not.toContain('internet');
    expect(bodyOf(check({ wideOpenRules: ['a', 'b'] }))).toContain('through firewall rule `a`, `b`.');
    const many = Array.from({ length: 200 }, (_, i) => `rule${i}`);
    expect(bodyOf(check({ wideOpenRules: many }))).toContain('`rule4` and 195 more.');
  });

  test('the closing comment, with the run', () => {
    const step = planIssueStep(check({ findings: [] }), bodyOf(check()));
    expect(step).toEqual({
      action: 'close',
      comment:
        'No more drift: Server `demo-relecloud` with database `relecloud` was checked at 2026-02-03 04:05 UTC by [this run](https://github.com/relecloud/tours/actions/runs/1), and matches its declaration.',
    });
  });
});

describe('the marker of the issue', () => {
  const name = fc.oneof(
    maliciousMarkdown,
    fc.constantFrom('a', 'b', 'a/b', '', '%0061', 'a--b', '-->', '\ud800', '\udc00'),
  );

  test('is the first line', () => {
    const [first] = bodyOf(check()).split('\n');
    expect(first).toBe('<!-- azure-postgresql-action: drift of demo-relecloud/relecloud -->');
    expect(first).toBe(driftMarker('demo-relecloud', 'relecloud'));
  });

  test('differs for each server and database, regardless of their names', () => {
    const names = fc.tuple(name, fc.option(name, { nil: undefined }));
    fc.assert(
      fc.property(names, names, ([s, d], [otherServer, otherDatabase]) => {
        const same = s === otherServer && d === otherDatabase;
        expect(driftMarker(s, d) === driftMarker(otherServer, otherDatabase)).toBe(same);
      }),
      {
        numRuns: 1000,
        examples: [
          [
            ['a', 'b/c'],
            ['a/b', 'c'],
          ],
          [
            ['a', ''],
            ['a', undefined],
          ],
        ],
      },
    );
  });

  test('is an HTML comment in one line, which no name can end', () => {
    fc.assert(
      fc.property(name, name, (s, d) => {
        expect(driftMarker(s, d)).toMatch(/^<!-- [^<>\n\r@]* -->$/);
      }),
    );
  });
});

/** Whether a line has text outside code that is neither fixed text nor the link to the run. */
function hasUnexpectedText(line: string): boolean {
  const link = /\[this run\]\(https:\/\/[\w.:-]+\)/;
  if (line.startsWith('|')) return tableCells(line).some((cell) => markupOutsideCode(cell.trim()) !== '');
  return !/^(#{3,4} )?(⚠️ )?[\w ,.:;*…-]*$/.test(textOutsideCode(line).replace(link, ''));
}

describe('text from outside cannot become markup', () => {
  const given = fc.record({
    server: maliciousMarkdown,
    database: fc.option(maliciousMarkdown, { nil: undefined }),
    findings: fc.array(anyFinding, { minLength: 1, maxLength: 4 }).map((all) => [...all, skuFinding]),
    wideOpenRules: fc.array(maliciousMarkdown, { maxLength: 7 }),
    runUrl: fc.option(maliciousMarkdown, { nil: undefined }),
    configSource: fc.option(
      maliciousMarkdown.map((path) => ({ path, lines: new Map<string, number>() })),
      {
        nil: undefined,
      },
    ),
  });
  const carried = fc.array(
    fc.record({
      resource: fc.constantFrom(...resourceTypes),
      name: maliciousMarkdown,
      property: maliciousMarkdown,
    }),
    { maxLength: 4 },
  );

  test('it does not become markup, leave its cell, mention a user, become a link or end an HTML comment', () => {
    fc.assert(
      fc.property(given, carried, (some, keys) => {
        const existing = bodyOf(
          check({ findings: keys.map((key) => ({ ...skuFinding, ...key })).concat(skuFinding) }),
        );
        const { title, body } = expectIssueWrite(check(some), existing);
        const [marker = '', record = '', ...rest] = body.split('\n');
        for (const comment of [marker, record]) expect(comment).toMatch(/^<!-- [^<>\n\r@#]* -->$/);
        expect(rest.filter(hasUnexpectedText)).toEqual([]);
        expect(textOutsideCode(title)).toMatch(/^[\w ,]*$/);
        expect(title).not.toContain('\n');
      }),
      { numRuns: 500 },
    );
  });

  test('only a URL in GitHub’s format is a link', () => {
    for (const run of ['https://a.example/x)y', 'https://a b', 'javascript:alert(1)', 'https://a/<b>'])
      expect(bodyOf(check({ runUrl: run }))).toContain(`by \`${run}\``);
    expect(bodyOf(check({ runUrl: 'https://ghe.example:8443/o/r.x/actions/runs/2' }))).toContain(
      '[this run](https://ghe.example:8443/o/r.x/actions/runs/2)',
    );
  });
});

describe('GitHub’s limits: 256 characters of a title, 65536 of a body', () => {
  const long = fc.oneof(
    maliciousMarkdown,
    fc.constantFrom('`', '|', 'x', '\ud83d\udc18', '`a').map((s) => s.repeat(700)),
  );

  test('whole rows are omitted and counted', () => {
    const findings = Array.from({ length: 2000 }, (_, i) => ({ ...skuFinding, property: `property ${i}` }));
    const body = bodyOf(check({ findings }));
    expect(body.length).toBeLessThanOrEqual(65_536);
    expect(body.length).toBeGreaterThan(60_000);
    const shown = findingRows(body);
    for (const row of shown) expect(tableCells(row)).toHaveLength(4);
    expect(body).toContain(`\n\n… and ${2000 - shown.length} more.\n\n#### What to do`);
  });

  test('there is no count if no row is omitted', () => {
    const findings = Array.from({ length: 100 }, (_, i) => ({ ...skuFinding, property: `property ${i}` }));
    expect(findingRows(bodyOf(check({ findings })))).toHaveLength(100);
    expect(bodyOf(check({ findings }))).not.toContain('more.');
  });

  test('the limits hold for long texts and many findings, and each table has at least one row', () => {
    fc.assert(
      fc.property(
        fc.record({ server: long, database: long, runUrl: long }),
        fc.array(fc.tuple(long, long), { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 2, 10, 100, 400),
        ({ server, database, runUrl }, texts, times) => {
          const some = texts.map(([a, b]) => ({
            ...skuFinding,
            name: a,
            property: b,
            expected: a,
            actual: b,
            remedy: a,
          }));
          const findings = Array.from({ length: times }, (_, i) =>
            some.flatMap((f) => [
              { ...f, expected: `${i}` },
              { ...f, kind: 'unknown' as const, name: `${i}` },
            ]),
          ).flat();
          const wideOpen = texts.flat();
          const declaredIn = { path: server, lines: new Map() };
          const { title, body } = expectIssueWrite(
            check({
              server,
              database,
              runUrl,
              findings,
              wideOpenRules: wideOpen,
              configSource: declaredIn,
            }),
          );
          expect(title.length).toBeLessThanOrEqual(256);
          // The marker is not truncated: names of servers and databases have at most 63 characters.
          expect(body.length - driftMarker(server, database).length).toBeLessThanOrEqual(65_536);
          const widths = findingRows(body).map((row) => tableCells(row).length);
          expect(widths).toContain(4);
          expect(widths).toContain(3);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a surrogate pair is not split', () => {
    const body = bodyOf(check({ findings: [{ ...skuFinding, actual: '🐘'.repeat(400) }] }));
    expect(body.isWellFormed()).toBe(true);
  });
});
