/** A Markdown table. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');

export const code = (text: string): string => `\`${text}\``;

/** Words of one sentence: `a`, `a and b`, `a, b and c`. */
export const enumerate = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

/** Links the paths of other pages, which are written as `docs/NAME.md`, from a page in the same folder. */
export const linkPages = (text: string): string =>
  text.replaceAll(
    /\bdocs\/([\w-]+\.md)(#[\w-]+)?/g,
    (_, page: string, anchor = '') => `[${page}](${page}${anchor})`,
  );

const MAX_LINE_LENGTH = 120;

/**
 * Breaks a paragraph into lines, between words and outside of links and code.
 * @param indent before each line after the first, which follows as many characters
 */
export function wrap(text: string, indent = ''): string {
  const words = text.match(/(?:\[[^\]]*\]\([^)]*\)|`[^`]*`|\S)+/g) ?? [];
  const width = MAX_LINE_LENGTH - indent.length;
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines.splice(-1, 1, `${last} ${word}`);
    else lines.push(word);
  }
  return lines.join(`\n${indent}`);
}
