import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import githubAlerts from 'markdown-it-github-alerts';

const modules = join(import.meta.dirname, '..', 'node_modules');
const readModule = (path: string): string => readFileSync(join(modules, path), 'utf8');

export type Theme = 'light' | 'dark';

/** The elements that GitHub keeps of HTML in Markdown, as far as the action could use them. */
const ALLOWED_ELEMENTS =
  /^(?:a|b|blockquote|br|code|del|details|div|em|h[1-6]|hr|i|img|ins|kbd|li|ol|p|picture|pre|source|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|ul)$/i;

/** Removes the elements and the attributes that GitHub removes. */
const sanitize = (html: string): string =>
  html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<\/?([a-zA-Z][\w-]*)([^>]*)>/g, (tag, name: string) =>
      ALLOWED_ELEMENTS.test(name) ? tag.replace(/\s(?:style|class|on\w+)=("[^"]*"|'[^']*'|\S+)/gi, '') : '',
    );

const markdownIt = MarkdownIt({ html: true, linkify: true }).use(githubAlerts);
for (const rule of ['html_block', 'html_inline'] as const) {
  markdownIt.renderer.rules[rule] = (tokens, index) => sanitize(tokens[index]?.content ?? '');
}

const { escapeHtml } = markdownIt.utils;

const renderMarkdown = (markdown: string): string =>
  `<div class="markdown-body">${markdownIt.render(markdown)}</div>`;

/** The summary of a job as on the page of its run. */
export const renderJobSummary = (job: string, markdown: string): string =>
  `<div class="frame"><div class="head"><b>${escapeHtml(job)}</b> summary</div><div class="body">${renderMarkdown(markdown)}</div></div>`;

/** A comment of the workflow as on the page of a pull request. */
export const renderComment = (markdown: string): string =>
  `<div class="frame"><div class="head"><b>github-actions</b> <span class="label">bot</span> commented now</div><div class="body">${renderMarkdown(markdown)}</div></div>`;

/** A step of the log: its lines without the runner's indentation, with ANSI colors. */
export interface LoggedStep {
  readonly title: string;
  readonly lines: readonly string[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is searched.
const SGR = /\x1b\[([\d;]*)m/;

const withoutColors = (line: string): string => line.replaceAll(new RegExp(SGR, 'g'), '');

/**
 * The steps of a job, from the log of the workflow runner: a heading for each step, and its lines with a larger indentation.
 */
function findSteps(log: string): readonly LoggedStep[] {
  const steps: { title: string; lines: string[] }[] = [];
  let isInStep = false;
  for (const line of log.split('\n')) {
    const plain = withoutColors(line);
    const [, title] = /^ {2}▶ (.*)$/.exec(plain) ?? [];
    if (title !== undefined) steps.push({ title, lines: [] });
    isInStep = title !== undefined || (isInStep && /^ {4}|^$/.test(plain));
    if (isInStep && title === undefined) steps.at(-1)?.lines.push(line.replace(/^ {4}/, ''));
  }
  return steps;
}

/**
 * The first step of a job that uses this action, and its post.
 * @throws Error with the log if there is none
 */
export function findActionSteps(log: string): readonly LoggedStep[] {
  const steps = findSteps(log);
  const main = steps.find(({ lines: [first = ''] }) =>
    /^▼ Run (?:\.\/$|\S*azure-postgresql-action@)/.test(withoutColors(first)),
  );
  if (main === undefined) throw new Error(`No step of the log uses this action:\n${log}`);
  return steps.filter(({ title }) => [main.title, `Post ${main.title}`].includes(title));
}

/** Colors a line as GitHub does. */
function renderAnsi(line: string): string {
  const [first = '', ...parts] = line.split(SGR);
  let html = escapeHtml(first);
  let style = '';
  for (let index = 0; index < parts.length; index += 2) {
    const codes = (parts[index] || '0').split(';').map(Number);
    style = codes.includes(0) ? '' : style;
    style = [style, ...codes.filter((code) => code > 0).map((code) => `sgr${code}`)].join(' ').trim();
    const text = escapeHtml(parts[index + 1] ?? '');
    html += style === '' ? text : `<span class="${style}">${text}</span>`;
  }
  return html;
}

const GROUP = '▼ ';

function renderLine(line: string, number: number): string {
  const plain = withoutColors(line);
  const marker = plain.startsWith(`${GROUP}Run `) ? '▸' : '▾';
  const text = plain.startsWith(GROUP)
    ? `<b>${marker} ${escapeHtml(plain.slice(GROUP.length))}</b>`
    : renderAnsi(line);
  return `<div class="line"><span class="number">${number}</span><span class="text">${text}</span></div>`;
}

/** The lines of a step, without the runner's duration. The group with the step's inputs is folded. */
function renderLines(lines: readonly string[]): string {
  const plainLines = lines.map(withoutColors);
  const inputs = plainLines.findIndex((line) => line.startsWith(`${GROUP}Run `));
  const afterInputs = plainLines.findIndex((line, index) => index > inputs && !/^ {2}|^$/.test(line));
  return lines
    .map((line, index) => ({ html: renderLine(line, index + 1), index, plain: plainLines[index] ?? '' }))
    .filter(
      ({ index, plain }) => !(inputs >= 0 && index > inputs && index < afterInputs) && !/^✓ /.test(plain),
    )
    .map(({ html }) => html)
    .join('');
}

/** The log of steps as on the page of a job. */
export const renderLog = (steps: readonly LoggedStep[]): string =>
  steps
    .map(
      ({ title, lines }) =>
        `<div class="step"><div class="step-head"><span class="check">✓</span> ▾ ${escapeHtml(title)}</div>${renderLines(lines)}</div>`,
    )
    .join('');

const COLORS: Readonly<Record<Theme, Readonly<Record<string, string>>>> = {
  light: { background: '#ffffff', head: '#f6f8fa', border: '#d1d9e0', text: '#1f2328', muted: '#59636e' },
  dark: { background: '#0d1117', head: '#151b23', border: '#3d444d', text: '#f0f6fc', muted: '#9198a1' },
};

const FRAME_STYLE = `
body { margin: 0; padding: 12px; background: var(--background); color: var(--text);
  font: 14px/1.5 "Noto Sans", "Liberation Sans", sans-serif, "Noto Color Emoji"; }
.frame { border: 1px solid var(--border); border-radius: 6px; overflow: hidden; }
.head { padding: 8px 16px; background: var(--head); border-bottom: 1px solid var(--border); color: var(--muted); }
.head b { color: var(--text); font-weight: 600; }
.label { border: 1px solid var(--border); border-radius: 2em; padding: 0 6px; font-size: 12px; }
.body { padding: 16px; }
.markdown-body { font-family: inherit; font-size: 14px; background: none; }
.markdown-body > :last-child { margin-bottom: 0; }
.markdown-body code, .markdown-body pre, .line { font-family: "Liberation Mono", monospace, "Noto Color Emoji"; }
.markdown-body table { display: table; width: auto; }
.markdown-body pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.step + .step { margin-top: 12px; }
.step-head { padding: 6px 12px; background: var(--head); border-radius: 6px; font-weight: 600; }
.check { color: #3fb950; }
.line { display: flex; padding: 0 8px; font-size: 12px; line-height: 20px; color: var(--text); }
.number { flex: none; width: 32px; margin-right: 14px; text-align: right; color: var(--muted); }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.sgr1 { font-weight: 600; } .sgr2, .sgr90 { color: var(--muted); }
.sgr31, .sgr91 { color: #ff7b72; } .sgr32, .sgr92 { color: #3fb950; } .sgr33, .sgr93 { color: #d29922; }
.sgr34, .sgr94 { color: #58a6ff; } .sgr35, .sgr95 { color: #bc8cff; } .sgr36, .sgr96 { color: #39c5cf; }`;

/** Leaves the page's height in CSS pixels in an attribute, for {@link readHeight}. */
const HEIGHT_SCRIPT =
  'document.body.dataset.height = Math.ceil(document.documentElement.getBoundingClientRect().height);';

/** A whole page, which needs no other file. */
export function renderPage(html: string, theme: Theme): string {
  const variables = Object.entries(COLORS[theme]).map(([name, color]) => `--${name}: ${color};`);
  const styles = [readModule(`github-markdown-css/github-markdown-${theme}.css`), FRAME_STYLE];
  return `<!doctype html><html><head><meta charset="utf-8"><style>:root { ${variables.join(' ')} }${styles.join('\n')}</style></head>
<body>${html}<script>${HEIGHT_SCRIPT}</script></body></html>`;
}

/** The height that a rendered page has left in its DOM. */
export function readHeight(dom: string): number {
  const [, height] = /<body[^>]* data-height="(\d+)"/.exec(dom) ?? [];
  if (height === undefined) throw new Error('Chromium has not rendered the page.');
  return Number(height);
}
