/** A fenced code block of a Markdown file. */
export interface CodeBlock {
  /** The nearest heading above it, without `#`. */
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** The code blocks of a Markdown text, in their order. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = '';
  for (const [, title, language, code] of markdown.matchAll(/^#+ (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else blocks.push({ heading, language: language ?? '', code: code ?? '' });
  }
  return blocks;
}
