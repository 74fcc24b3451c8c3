import { describe, expect, test } from 'vitest';
import { toChart } from '../../../../scripts/bench/chart.ts';
import { type Figure, isTargetMet, missedTargets, resultOf } from '../../../../scripts/bench/figures.ts';
import { replaceFigures, toMarkdownTable, toTextTable } from '../../../../scripts/bench/reports.ts';

const figure = (changes: Partial<Figure>): Figure => ({
  row: 'start',
  what: 'input error',
  measured: 0.09,
  unit: 's',
  against: 'bare `node -e 0`',
  baseline: 0.06,
  comparison: 'ratio',
  ...changes,
});

const rounds = figure({
  unit: 'rounds',
  measured: 3,
  comparison: 'value',
  baseline: Number.NaN,
  against: '',
});

describe('a target', () => {
  test.each<[what: string, Figure, result: number, good: number, bad: number]>([
    ['of a ratio is the highest quotient', figure({}), 1.5, 1.5, 1.49],
    [
      'of times faster is the lowest quotient',
      figure({ comparison: 'times faster', baseline: 9 }),
      100,
      100,
      101,
    ],
    [
      'of a difference is the highest one',
      figure({ comparison: 'over', measured: 4, baseline: 3 }),
      1,
      1,
      0.9,
    ],
    ['of a value is the highest one', rounds, 3, 3, 2],
  ])('%s', (_, measured, result, good, bad) => {
    expect(resultOf(measured)).toBeCloseTo(result, 9);
    expect(
      isTargetMet({ ...measured, target: good + (measured.comparison === 'times faster' ? -1e-9 : 1e-9) }),
    ).toBe(true);
    expect(isTargetMet({ ...measured, target: bad })).toBe(false);
    expect(isTargetMet(measured)).toBeUndefined();
  });

  test('that is missed is listed with the result; one that is met, and a figure without one, are not', () => {
    const figures = [figure({ target: 1.4 }), figure({ target: 1.6 }), figure({}), { ...rounds, target: 2 }];
    expect(missedTargets(figures)).toEqual([
      'start: input error: 1.50×, target ≤ 1.40×',
      'start: input error: 3 rounds, target ≤ 2 rounds',
    ]);
  });
});

describe('the figures', () => {
  const figures = [
    figure({ target: 1.8 }),
    figure({ comparison: 'times faster', baseline: 9, target: 200 }),
    rounds,
  ];

  test('are a text with aligned columns, which names every missed target', () => {
    const lines = toTextTable(figures).split('\n');
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['row', 'what', 'measured', 'against', 'result', 'target', 'met'],
      ['start', 'input error', '0.0900 s', 'bare `node -e 0`: 0.0600 s', '1.50×', '≤ 1.80×', 'yes'],
      ['start', 'input error', '0.0900 s', 'bare `node -e 0`: 9 s', '100.0× faster', '≥ 200.0× faster', 'NO'],
      ['start', 'input error', '3 rounds', '3 rounds'],
    ]);
    expect(new Set(lines.slice(0, 3).map((line) => line.search(/result|1\.50×|100\.0×/))).size).toBe(1);
  });

  test('are a table of Markdown without absolute times', () => {
    expect(toMarkdownTable(figures).split('\n')).toEqual([
      '| row | what | against | result | target |',
      '| --- | --- | --- | --- | --- |',
      '| `start` | input error | bare `node -e 0` | 1.50× | ≤ 1.80× |',
      '| `start` | input error | bare `node -e 0` | 100.0× faster | ≥ 200.0× faster |',
      '| `start` | input error |  | 3 rounds |  |',
    ]);
  });

  test('replace only what is between the markers of a document', () => {
    const document = 'a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n';
    const replaced = replaceFigures(document, 'new');
    expect(replaced).toBe('a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n');
    expect(replaceFigures(replaced, 'new')).toBe(replaced);
    expect(() => replaceFigures('no markers', 'new')).toThrow('bench:begin');
  });
});

describe('the chart', () => {
  const shown = [
    figure({ chartLabel: 'Start & end' }),
    figure({ chartLabel: 'Rule', measured: 3, baseline: 60, comparison: 'times faster' }),
  ];
  const chart = toChart([figure({ what: 'not in the chart' }), ...shown]);

  test('has a pair of bars for each figure with a label, in proportion to each other', () => {
    const widths = [...chart.matchAll(/class="(action|other)" x="240" y="\d{2,}" width="(\d+)"/g)].map(
      ([, name, width]) => [name, Number(width)],
    );
    expect(widths).toEqual([
      ['action', 290],
      ['other', 193],
      ['action', 15],
      ['other', 290],
    ]);
    expect(chart).toContain('20.0× faster');
    expect(chart).not.toContain('not in the chart');
  });

  test('is XML with escaped texts, without absolute times', () => {
    expect(chart).toContain('Start &#38; end');
    expect(chart).not.toMatch(/&(?!#\d+;)/);
    expect(chart).not.toMatch(/\d s\b/);
  });
});
