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

/**
 * The calls of a program in a shell script, without its name: up to the end of the line, a pipe, a redirection or the end of a
 * substitution. Quoted text and continued lines belong to the call.
 */
export function callsOf(program: string, script: string): readonly string[] {
  const start = new RegExp(`(?<=^|[\\s(|;])${program} `, 'gm');
  const end = /(?:\\\n|\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\\'"|;&<>)#\n])*/y;
  return [...script.matchAll(start)].map(({ index }) => {
    end.lastIndex = index + program.length + 1;
    return (end.exec(script)?.[0] ?? '').trim();
  });
}
