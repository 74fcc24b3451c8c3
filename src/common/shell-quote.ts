/** One argument of a command that people paste into a shell, quoted where needed. */
export const shellQuote = (word: string): string =>
  /^[\w.\-/:=@]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
