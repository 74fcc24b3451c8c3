const blank = '█';

/**
 * The runner's masking of a log, as far as it matters here: each line alone; every occurrence of every registered
 * value is found in the line as it was, and all that any of them covers is blanked.
 */
export function masked(text: string, masks: readonly string[]): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => {
      const covered = new Set<number>();
      for (const mask of masks) {
        for (let at = line.indexOf(mask); mask !== '' && at >= 0; at = line.indexOf(mask, at + 1)) {
          for (let i = at; i < at + mask.length; i += 1) covered.add(i);
        }
      }
      return Array.from({ length: line.length }, (_, i) => (covered.has(i) ? blank : line.charAt(i))).join(
        '',
      );
    })
    .join('\n');
}

/** What can still be read in a masked text, its blank lines aside. */
export const leftToRead = (text: string, masks: readonly string[]): string =>
  masked(text, masks).replaceAll(blank, '').trim();
