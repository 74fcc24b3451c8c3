/**
 * The known name that a person most likely meant: the nearest one in letters, at a distance of a third of its length at
 * most; case and `_` for `-` do not count.
 */
export function closestMatch(name: string, candidates: readonly string[]): string | undefined {
  const normalizedName = normalize(name);
  const [best] = candidates
    .map((name) => ({ name, distance: levenshteinDistance(normalizedName, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return best?.name;
}

/** No name is as long as this, so what is longer is near to none. */
const MAX_NAME_LENGTH = 60;

const normalize = (text: string): string =>
  text.slice(0, MAX_NAME_LENGTH).trim().toLowerCase().replace(/[_ .]/g, '-');

/** Levenshtein's: letters to insert, to leave out or to exchange. */
function levenshteinDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const substitutionCost = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, substitutionCost));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
