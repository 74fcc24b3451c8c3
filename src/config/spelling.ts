/**
 * The known name that a person most likely meant: the nearest one in letters, at a distance of a third of its length at
 * most; case and `_` for `-` do not count.
 */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const wanted = plain(given);
  const [best] = names
    .map((name) => ({ name, away: distance(wanted, name) }))
    .filter(({ name, away }) => away <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.away - b.away);
  return best?.name;
}

/** No name is as long as this, so what is longer is near to none. */
const longest = 60;

const plain = (text: string): string => text.slice(0, longest).trim().toLowerCase().replace(/[_ .]/g, '-');

/** Levenshtein's: letters to insert, to leave out or to exchange. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const exchanged = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, exchanged));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
