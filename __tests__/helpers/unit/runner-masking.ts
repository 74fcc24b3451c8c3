const MASK_CHARACTER = '█';

/**
 * The runner's masking of a log, as far as it matters here: each line alone; every occurrence of every registered
 * value is found in the line as it was, and all that any of them covers is blanked.
 */
export function maskLog(text: string, masks: readonly string[]): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => {
      const maskedPositions = new Set<number>();
      for (const mask of masks) {
        for (
          let matchIndex = line.indexOf(mask);
          mask !== '' && matchIndex >= 0;
          matchIndex = line.indexOf(mask, matchIndex + 1)
        ) {
          for (let i = matchIndex; i < matchIndex + mask.length; i += 1) maskedPositions.add(i);
        }
      }
      return Array.from({ length: line.length }, (_, i) =>
        maskedPositions.has(i) ? MASK_CHARACTER : line.charAt(i),
      ).join('');
    })
    .join('\n');
}

/** What can still be read in a masked text, its blank lines aside. */
export const unmaskedText = (text: string, masks: readonly string[]): string =>
  maskLog(text, masks).replaceAll(MASK_CHARACTER, '').trim();
