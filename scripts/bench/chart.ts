import { type Figure, formatResult, resultOf } from './figures.ts';

/** Positions and sizes in pixels. */
const WIDTH = 860;
const LABEL_WIDTH = 240;
const BAR_WIDTH = 290;
const BAR_HEIGHT = 9;
const GROUP_HEIGHT = 44;
const TOP = 34;

// Colors that have enough contrast on GitHub's light and on its dark background.
const STYLE = `
  text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .note { fill: #59636e; font-size: 12px; }
  .action { fill: #0969da; }
  .other { fill: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .action { fill: #4493f8; }
    .other { fill: #59636e; }
  }`;

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** The width of a bar; at least two pixels, so that it is visible. */
const barWidth = (value: number, longest: number): number =>
  Math.max(2, Math.round((value / longest) * BAR_WIDTH));

function toGroup(figure: Figure, index: number): string {
  const { measured, baseline, against, chartLabel = '' } = figure;
  const y = TOP + index * GROUP_HEIGHT;
  const longest = Math.max(measured, baseline);
  const bars = [
    { value: measured, name: 'action', text: formatResult(figure, resultOf(figure)), style: '' },
    { value: baseline, name: 'other', text: against.replaceAll('`', ''), style: ' class="note"' },
  ].map(({ value, name, text, style }, row) => {
    const top = y + row * 18;
    const width = barWidth(value, longest);
    return (
      `<rect class="${name}" x="${LABEL_WIDTH}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>` +
      `<text${style} x="${LABEL_WIDTH + width + 8}" y="${top + 9}">${escapeXml(text)}</text>`
    );
  });
  return `<text x="${LABEL_WIDTH - 12}" y="${y + 18}" text-anchor="end">${escapeXml(chartLabel)}</text>${bars.join('')}`;
}

/**
 * A chart (SVG) of the figures that have a label for it. Each has two bars, the action's and that of what it is compared
 * with, in proportion to each other; bars of different figures are not comparable. It shows ratios, no absolute times.
 */
export function toChart(figures: readonly Figure[]): string {
  const shown = figures.filter(({ chartLabel }) => chartLabel !== undefined);
  const height = TOP + shown.length * GROUP_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    '<title>Time of the action beside what it is compared with</title>',
    `<style>${STYLE}\n</style>`,
    `<rect class="action" x="${LABEL_WIDTH}" y="6" width="9" height="9" rx="2"/><text class="note" x="${LABEL_WIDTH + 15}" y="15">action</text>`,
    `<rect class="other" x="${LABEL_WIDTH + 75}" y="6" width="9" height="9" rx="2"/><text class="note" x="${LABEL_WIDTH + 90}" y="15">what it is compared with; bars of one pair have one scale</text>`,
    ...shown.map(toGroup),
    '</svg>',
    '',
  ].join('\n');
}
