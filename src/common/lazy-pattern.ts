/**
 * A regular expression with classes of Unicode, such as `\p{L}`, that is compiled at its first use. As a literal, V8 compiles
 * it whenever it reads the file, which takes up to a millisecond for each.
 */
export function lazyPattern(source: string, flags = 'u'): () => RegExp {
  let pattern: RegExp | undefined;
  return () => {
    pattern ??= new RegExp(source, flags);
    return pattern;
  };
}
