import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import GithubSlugger from 'github-slugger';
import MarkdownIt, { type Token } from 'markdown-it';
import { repositoryRoot } from './root.ts';

/** A text of a document and its line, counted from 1. */
export interface Located {
  readonly line: number;
  readonly text: string;
}

/** A fenced code block. Its line is that of its first line of code. */
export interface CodeBlock extends Located {
  readonly language: string;
  /** What the last heading before it shows. */
  readonly heading: string;
  /** Content of an HTML comment directly before the block: the file that the block repeats. */
  readonly file: string | undefined;
}

/** A Markdown file of the repository, as GitHub reads it. */
export interface Document {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  /** Targets of links and images, in HTML too. */
  readonly links: readonly Located[];
  /** The ids that a link can name after `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Texts in backticks. */
  readonly codeSpans: readonly Located[];
}

/** A problem of a document: its line, and what to do. */
export type Problem = Located;

const markdownIt = MarkdownIt({ html: true });

const captures = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, captured = '']) => captured);

/** What a heading shows, without its markup. */
const visibleText = (inline: Token | undefined): string =>
  (inline?.children ?? [])
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('');

/** Everything that {@link Document} lists, in one pass over the tokens. */
class TokenReader {
  readonly blocks: CodeBlock[] = [];
  readonly links: Located[] = [];
  readonly anchors = new Set<string>();
  readonly codeSpans: Located[] = [];
  readonly #slugger = new GithubSlugger();
  #comment: string | undefined;
  #heading = '';
  #line = 1;

  readAll(tokens: readonly Token[]): void {
    for (const [index, token] of tokens.entries()) {
      if (token.map) this.#line = token.map[0] + 1;
      if (token.type === 'heading_open') this.#readHeading(visibleText(tokens[index + 1]));
      else this.#read(token);
      this.#comment =
        token.type === 'html_block' ? /^<!-- (\S+) -->\s*$/.exec(token.content)?.[1] : undefined;
    }
  }

  #readHeading(text: string): void {
    this.#heading = text;
    this.anchors.add(this.#slugger.slug(text));
  }

  #read(token: Token): void {
    if (token.type === 'fence' || token.type === 'code_block') {
      const language = token.info.trim().split(/\s/)[0] ?? '';
      const line = this.#line + (token.type === 'fence' ? 1 : 0);
      this.blocks.push({
        line,
        text: token.content,
        language,
        heading: this.#heading,
        file: this.#comment,
      });
    } else if (token.type === 'html_block') this.#readHtml(token.content, this.#line);
    else if (token.type === 'inline') this.#readInline(token.children ?? []);
  }

  #readInline(children: readonly Token[]): void {
    let line = this.#line;
    for (const child of children) {
      const target = child.attrGet('href') ?? child.attrGet('src');
      if (child.type === 'softbreak' || child.type === 'hardbreak') line += 1;
      else if (target !== null) this.links.push({ line, text: String(target) });
      else if (child.type === 'code_inline') this.codeSpans.push({ line, text: child.content });
      else if (child.type === 'html_inline') this.#readHtml(child.content, line);
    }
  }

  #readHtml(html: string, line: number): void {
    for (const [offset, text] of html.split('\n').entries()) {
      for (const target of captures(text, /\b(?:href|src|srcset)="([^"]+)"/g))
        this.links.push({ line: line + offset, text: target });
      for (const id of captures(text, /<\w+[^>]*\b(?:id|name)="([^"]+)"/g)) this.anchors.add(id);
    }
  }
}

/** @param path of the file, from the repository's root */
export function parseDocument(path: string, text: string): Document {
  const reader = new TokenReader();
  reader.readAll(markdownIt.parse(text, {}));
  const { blocks, links, anchors, codeSpans } = reader;
  return { path, text, blocks, links, anchors, codeSpans };
}

/** @param path of the file, from the repository's root */
export const readDocument = (path: string): Document =>
  parseDocument(path, readFileSync(join(repositoryRoot, path), 'utf8'));

/** Every Markdown file of the repository. */
export function readDocuments(): readonly Document[] {
  // A pattern does not match names that begin with a dot.
  const paths = globSync(['**/*.md', '.github/**/*.md'], {
    cwd: repositoryRoot,
    exclude: (path) => /(^|\/)(node_modules|dist|build)$/.test(path),
  });
  return paths.sort().map(readDocument);
}

/** The code of the blocks of one language below a heading. @throws Error if there is none */
export function blocksUnder(path: string, heading: string, language: string): readonly string[] {
  const found = readDocument(path).blocks.filter(
    (block) => block.heading === heading && block.language === language,
  );
  if (found.length === 0) throw new Error(`${path} has no ${language} block below '${heading}'.`);
  return found.map(({ text }) => text);
}

/** The line of the first occurrence of a text in a block; the block's first line if it does not occur. */
export function lineIn(block: CodeBlock, text: string): number {
  const before = block.text.split(text, 1)[0] ?? '';
  return before === block.text ? block.line : block.line + before.split('\n').length - 1;
}
