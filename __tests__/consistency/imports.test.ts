import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../helpers/root.ts';

interface Import {
  readonly from: string;
  /** A path from the root, or a package's name. */
  readonly to: string;
}

/** Every import of every TypeScript file below a folder, type-only ones included. */
function importsBelow(folder: string): readonly Import[] {
  return globSync(`${folder}/**/*.ts`, { cwd: root }).flatMap((from) =>
    [...readFileSync(join(root, from), 'utf8').matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map(
      ([, to = '']) => ({
        from,
        to: to.startsWith('.') ? normalize(join(dirname(from), to)) : to,
      }),
    ),
  );
}

const source = importsBelow('src');
const crossing = (imports: readonly Import[], from: RegExp, to: RegExp): readonly string[] =>
  imports.filter((i) => from.test(i.from) && to.test(i.to)).map((i) => `${i.from} → ${i.to}`);

describe('design.md, the house: imports point one way', () => {
  test('there is something to look at', () => {
    expect(source.length).toBeGreaterThan(150);
  });

  test.each([
    [
      'config imports no adapter and nothing above it',
      /^src\/config\//,
      /^src\/(?!config\/|errors)|^@azure|^@actions|^pg$/,
    ],
    [
      'plan imports no adapter',
      /^src\/plan\//,
      /^src\/(azure|postgres|github|resources|routes)\/|^@azure|^@actions|^pg$/,
    ],
    [
      'azure and postgres do not know each other',
      /^src\/azure\//,
      /^src\/(postgres|github|resources|routes)\/|^pg$|^@actions/,
    ],
    [
      'postgres and azure do not know each other',
      /^src\/postgres\//,
      /^src\/(azure|github|resources|routes)\/|^@azure|^@actions/,
    ],
    [
      'resources know no workflow',
      /^src\/resources\//,
      /^src\/(github\/|routes\/|run|close|context|report)|^@actions/,
    ],
    ['routes are known to run alone', /^src\/(?!routes\/|run\.ts$)/, /^src\/routes\//],
    ['only github imports @actions', /^src\/(?!github\/)/, /^@actions\//],
    ['src imports nothing of the emulator', /^src\//, /^emulator\//],
  ])('%s', (_, from, to) => {
    expect(crossing(source, from, to)).toEqual([]);
  });

  test('the emulator imports nothing of src: they meet over HTTPS and the PostgreSQL protocol', () => {
    expect(crossing(importsBelow('emulator'), /./, /^src\//)).toEqual([]);
  });
});
