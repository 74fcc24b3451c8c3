import { getInputType, inputSchema, secretInputs } from '../schema.ts';

export const inputNames = [...Object.keys(inputSchema), ...secretInputs, 'config-file'];

/** The error for a name that a config-file cannot set. It quotes only names of inputs, because the name could be a secret. */
export function unknownInputMessage(name: string): string {
  const closest = closestInput(name);
  if (isSecretInput(closest))
    return `${closest} is a secret, which does not belong in a file: remove it here (and change it, if the file was pushed), put it into a GitHub secret, and pass it in the step, as in ${closest}: \${{ secrets.… }}`;
  if (closest === 'config-file') return 'only the step can set config-file: a file cannot name another one';
  return closest === undefined
    ? 'unknown input: correct or remove it (the README has a table of all inputs)'
    : `unknown input: did you mean ${closest}?`;
}

const SECRET_LIKE = /pass|pwd|secret|token|key|credential/i;

/** Whether the value of a name that a config-file cannot set may be a secret. */
export const mayHoldSecret = (name: string): boolean =>
  getInputType(name) === undefined && (isSecretInput(closestInput(name)) || SECRET_LIKE.test(name));

const isSecretInput = (name: string | undefined): boolean => secretInputs.some((secret) => secret === name);

/**
 * The input that the user most likely meant: the one with the smallest edit distance, which is a third of its length at
 * most. Ignores the case, and `_` for `-`.
 */
function closestInput(name: string): string | undefined {
  const normalized = name.slice(0, MAX_NAME_LENGTH).trim().toLowerCase().replace(/[_ .]/g, '-');
  const [best] = inputNames
    .map((input) => ({ input, distance: input === name ? 0 : levenshteinDistance(normalized, input) }))
    .filter(({ input, distance }) => distance <= Math.max(1, Math.floor(input.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return best?.input;
}

/** No input has such a long name, so the rest does not matter. */
const MAX_NAME_LENGTH = 60;

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
