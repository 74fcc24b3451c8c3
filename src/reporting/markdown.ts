import { lazyPattern } from '../common/lazy-pattern.ts';
import { sanitizeText } from '../common/sanitize.ts';

/** Markdown in which text from outside stays text: it cannot become markup, mention a user or form a link. */

/** Text that is rendered as inline code: a name or a value. */
export interface Code {
  readonly code: string;
}

/** A text is rendered as it is if it has nothing that Markdown or GitHub could interpret, and else as code. */
export type Fragment = string | Code;

/**
 * Fragments that are separated by a space, so that no two code spans touch each other. There is none before a fragment that
 * begins with a colon or a comma.
 */
export type Phrase = readonly Fragment[];

/** A cell of a table: one phrase, or one for each line. */
export type Cell = Fragment | { readonly lines: readonly Phrase[] };

export const code = (text: string): Code => ({ code: text });

/**
 * What neither Markdown nor GitHub interprets: no markup, mention, link, HTML entity, emoji or reference, except to a pull
 * request. An underscore inside a word is no emphasis.
 * @param alphanumeric the letters and digits, as they are in a class of a regular expression
 */
const plainText = (alphanumeric: string): (() => RegExp) =>
  lazyPattern(
    `^(?:[${alphanumeric} ,.;()'’"…=%?→▇-]|:(?= |$)|(?<=\\d):(?=\\d)|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|(?<=pull request )#(?=\\d))*$`,
  );

const PLAIN_ASCII = plainText('A-Za-z0-9');
const PLAIN_UNICODE = plainText('\\p{L}\\p{N}');
const UNICODE_LETTER = lazyPattern('^\\p{L}');

const isAscii = (text: string): boolean => !/[^ -~]/.test(text);

const isPlainText = (text: string): boolean =>
  !/www\./i.test(text) && (PLAIN_ASCII().test(text) || (!isAscii(text) && PLAIN_UNICODE().test(text)));

const beginsWithLetter = (text: string): boolean =>
  /^[A-Za-z]/.test(text) || (!isAscii(text.slice(0, 1)) && UNICODE_LETTER().test(text));

function renderFragment(fragment: Fragment, maxLength?: number): string {
  const { text, isCode } =
    typeof fragment === 'string' ? { text: fragment, isCode: false } : { text: fragment.code, isCode: true };
  const bounded = sanitizeText(text, maxLength).replace(/\s+/g, ' ').trim();
  return !isCode && isPlainText(bounded) ? bounded : inlineCode(bounded);
}

/** A phrase in one line of Markdown. */
export const renderPhrase = (phrase: Phrase): string =>
  joinFragments(phrase.map((fragment) => renderFragment(fragment)));

/** The same phrase in the log. */
export const phraseToText = (phrase: Phrase): string =>
  joinFragments(phrase.map((fragment) => (typeof fragment === 'string' ? fragment : fragment.code)));

const joinFragments = (texts: readonly string[]): string =>
  texts
    .filter((text) => text !== '')
    .reduce((joined, text) => `${joined}${/^[:,]/.test(text) ? '' : ' '}${text}`, '')
    .trimStart();

/** @param columns fixed texts */
export function renderTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(row.map(renderCell))),
  ].join('\n');
}

/** A cell in one line of Markdown, which cannot end the cell. */
function renderCell(cell: Cell): string {
  const phrases = typeof cell === 'object' && 'lines' in cell ? cell.lines : [[cell]];
  return phrases.map(renderCellLine).filter(Boolean).join('<br>');
}

/** GitHub splits a row at a pipe even inside of code, where a backslash before it is not shown. */
const renderCellLine = (phrase: Phrase): string =>
  joinFragments(phrase.map((fragment) => renderFragment(escapePipes(fragment), MAX_CELL_LENGTH)));

const escapePipes = (fragment: Fragment): Fragment =>
  typeof fragment === 'string' ? fragment.replaceAll('|', '\\|') : code(fragment.code.replaceAll('|', '\\|'));

/** Characters of one cell: GitHub rejects a summary of more than 1 MiB. */
const MAX_CELL_LENGTH = 500;

/** Inline code of limited length, with a fence longer than any run of backticks inside. Empty for blank text. */
export function inlineCode(text: string): string {
  const singleLine = sanitizeText(text).replace(/\s+/g, ' ').trim();
  if (singleLine === '') return '';
  const fence = fenceFor(singleLine, 1);
  return fence.length === 1 ? `\`${singleLine}\`` : `${fence} ${singleLine} ${fence}`;
}

export function codeBlock(text: string): string {
  const fence = fenceFor(text, 3);
  return `${fence}\n${text}\n${fence}`;
}

function fenceFor(text: string, minLength: number): string {
  const longest = (text.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0);
  return '`'.repeat(Math.max(minLength, longest + 1));
}

/** A text of several lines. Of each line, only the words are code that Markdown or GitHub could interpret. */
export const blockquote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${renderWords(sanitizeText(line))}  `)
    .join('\n');

function renderWords(line: string): string {
  const groups: { readonly isPlain: boolean; readonly words: string[] }[] = [];
  for (const word of line.split(/\s+/).filter(Boolean)) {
    const group = groups.at(-1);
    // Only a letter at the start of a line cannot begin a list or a heading.
    const isPlain = isPlainText(word) && (group !== undefined || beginsWithLetter(word));
    if (group?.isPlain === isPlain) group.words.push(word);
    else groups.push({ isPlain, words: [word] });
  }
  return groups
    .map(({ isPlain, words }) => (isPlain ? words.join(' ') : inlineCode(words.join(' '))))
    .join(' ');
}

/** A link; undefined for a URL of a form that could end it. @param text fixed Markdown */
export const renderLink = (text: string, url: string | undefined): string | undefined =>
  url !== undefined && /^https:\/\/[\w./:#-]+$/.test(url) ? `[${text}](${url})` : undefined;

/** A section that is folded until a reader opens it. @param title a fixed text */
export const renderDetails = (title: string, content: string): string =>
  `<details><summary>${title}</summary>\n\n${content}\n\n</details>`;
