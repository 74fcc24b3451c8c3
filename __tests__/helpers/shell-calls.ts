import { readDocument } from './document.ts';

/** The calls of a program in the shell commands of a document, without its name. @param path from the repository's root */
export const callsInDocument = (program: string, path: string): readonly string[] =>
  readDocument(path)
    .blocks.filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => callsOf(program, text));

/**
 * The calls of a program in a shell script, without its name: up to the end of the line, a pipe, a redirection or the end of a
 * substitution. Quoted text and continued lines belong to the call.
 */
function callsOf(program: string, script: string): readonly string[] {
  const start = new RegExp(`(?<=^|[\\s(|;])${program} `, 'gm');
  const end = /(?:\\\n|\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\\'"|;&<>)#\n])*/y;
  return [...script.matchAll(start)].map(({ index }) => {
    end.lastIndex = index + program.length + 1;
    return (end.exec(script)?.[0] ?? '').trim();
  });
}
