/** Figures of the benchmark: what is measured, what it is compared with, and which result is the target. */

/** How a measurement is compared. */
export type Comparison =
  /** Measured divided by baseline: less is better. */
  | 'ratio'
  /** Baseline divided by measured: more is better. */
  | 'times faster'
  /** Measured minus baseline, in the unit of both: less is better. */
  | 'over'
  /** The measurement itself, without a baseline: less is better. */
  | 'value';

export type Unit = 's' | 'requests' | 'rounds' | 'MiB';

export interface Figure {
  /** Name of the row that it belongs to, as on the command line. */
  readonly row: string;
  readonly what: string;
  /** Medians of several runs, unless the row says otherwise. */
  readonly measured: number;
  readonly unit: Unit;
  /** What it is compared with: a peer, a bound, or smaller work. Empty for a value. */
  readonly against: string;
  /** NaN for a value. */
  readonly baseline: number;
  readonly comparison: Comparison;
  /** The highest result, or the lowest number of times faster. Undefined if the figure only informs. */
  readonly target?: number;
  /** A short name, if the chart shows it. */
  readonly chartLabel?: string;
}

/** The result that counts; documents quote only this one. */
export function resultOf({ measured, baseline, comparison }: Figure): number {
  switch (comparison) {
    case 'ratio':
      return measured / baseline;
    case 'times faster':
      return baseline / measured;
    case 'over':
      return measured - baseline;
    case 'value':
      return measured;
  }
}

/** Whether the result is as good as the target; undefined without a target. */
export function isTargetMet(figure: Figure): boolean | undefined {
  const { target, comparison } = figure;
  if (target === undefined) return undefined;
  return comparison === 'times faster' ? resultOf(figure) >= target : resultOf(figure) <= target;
}

/** A number in three significant digits or more, such as `0.0312`, `1.25`, `61.4` and `1234`. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export const formatMeasured = ({ measured, unit }: Figure): string => `${formatNumber(measured)} ${unit}`;

/** Such as `1.25×`, `24.1× faster`, `0.31 s over` and `2 rounds`. */
export function formatResult(
  { comparison, unit }: Pick<Figure, 'comparison' | 'unit'>,
  value: number,
): string {
  switch (comparison) {
    case 'ratio':
      return `${value.toFixed(2)}×`;
    case 'times faster':
      return `${value.toFixed(1)}× faster`;
    case 'over':
      return `${value.toFixed(2)} ${unit} over`;
    case 'value':
      return `${formatNumber(Math.round(value))} ${unit}`;
  }
}

/** Such as `≤ 1.80×`; empty without a target. */
export function formatTarget(figure: Figure): string {
  const { target, comparison } = figure;
  if (target === undefined) return '';
  return `${comparison === 'times faster' ? '≥' : '≤'} ${formatResult(figure, target)}`;
}

/** Such as `node -e 0: 0.041 s`. */
export const formatAgainst = (figure: Figure): string =>
  figure.comparison === 'value' ? '' : `${figure.against}: ${formatNumber(figure.baseline)} ${figure.unit}`;

/** One line for each missed target. */
export const missedTargets = (figures: readonly Figure[]): readonly string[] =>
  figures
    .filter((figure) => isTargetMet(figure) === false)
    .map(
      (figure) =>
        `${figure.row}: ${figure.what}: ${formatResult(figure, resultOf(figure))}, target ${formatTarget(figure)}`,
    );
