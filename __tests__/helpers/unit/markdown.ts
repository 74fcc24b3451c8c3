import fc from 'fast-check';
import { anyText } from './arbitraries.ts';

/** The cells of a table's row as GitHub splits it: at every pipe without a backslash before it. */
export const tableCells = (row: string): readonly string[] => row.split(/(?<!\\)\|/).slice(1, -1);

/** What a paragraph shows outside its code spans: a span ends at the next run of as many back-ticks (CommonMark). */
export function textOutsideCode(text: string): string {
  const runs = [...text.matchAll(/`+/g)];
  let shown = '';
  let position = 0;
  for (let i = 0; i < runs.length; i += 1) {
    const [ticks = ''] = runs[i] ?? [];
    const start = runs[i]?.index ?? 0;
    const closing = runs.findIndex(([other], j) => j > i && other.length === ticks.length);
    shown += text.slice(position, start);
    if (closing < 0) shown += ticks;
    else i = closing;
    const last = runs[i];
    position = (last?.index ?? 0) + (last?.[0].length ?? 0);
  }
  return shown + text.slice(position);
}

/** Text from outside that tries to become markup, or to leave its cell. */
export const maliciousMarkdown = fc.oneof(
  anyText,
  fc
    .array(
      fc.constantFrom(
        '`',
        '``',
        '|',
        '\\',
        '\n',
        '\n\n',
        '<img src=x>',
        '<!--',
        '-->',
        '</td>',
        '[a](http://b)',
        '![x](y)',
        '@octocat',
        '#1',
        'https://b.example',
        '# x',
        '~~~',
        ' ',
        'z',
      ),
      { maxLength: 8 },
    )
    .map((p) => p.join('')),
);

/**
 * What Markdown or GitHub could interpret in a text outside its code spans: markup, mentions, links, references and
 * emojis. Empty for plain words.
 */
export const markupOutsideCode = (text: string): string =>
  textOutsideCode(text)
    .replaceAll(/pull request #\d+/g, '')
    .replaceAll(/(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])/g, '')
    .replaceAll(/:(?=\s|$)|(?<=\d):(?=\d)/g, '')
    .replaceAll(/www\./gi, '#')
    .replaceAll(/[\p{L}\p{N} ,.;()'’"…=%?→▇-]/gu, '');
