const MASK_CHARACTER = '█';

/**
 * Masks a log as the runner does: in each line, it finds every occurrence of every registered value in the original text,
 * and replaces all characters of these occurrences.
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

/** The readable rest of a masked text, trimmed. */
export const unmaskedText = (text: string, masks: readonly string[]): string =>
  maskLog(text, masks).replaceAll(MASK_CHARACTER, '').trim();
