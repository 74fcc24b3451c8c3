import fc from 'fast-check';
import { anyText } from './arbitraries.ts';

/** The cells of a table's row as GitHub cuts it: at every pipe without a backslash before it. */
export const cells = (row: string): readonly string[] => row.split(/(?<!\\)\|/).slice(1, -1);

/** What a paragraph shows outside its code spans: a span ends at the next run of as many back-ticks (CommonMark). */
export function outsideCode(text: string): string {
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
export const evil = fc.oneof(
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
