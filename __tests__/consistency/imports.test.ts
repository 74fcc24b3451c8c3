import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from '../helpers/root.ts';

interface Import {
  readonly from: string;
  /** A path from the root, or a package's name. */
  readonly to: string;
}

/** Every import of every TypeScript file below a folder, type-only ones included. */
function importsBelow(folder: string): readonly Import[] {
  return globSync(`${folder}/**/*.ts`, { cwd: repositoryRoot }).flatMap((from) =>
    [...readFileSync(join(repositoryRoot, from), 'utf8').matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map(
      ([, to = '']) => ({
        from,
        to: to.startsWith('.') ? normalize(join(dirname(from), to)) : to,
      }),
    ),
  );
}

const sourceImports = importsBelow('src');

/** The folders that each folder of `src/` may import besides itself, the lowest first; `''` is `src/` itself. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  common: [],
  inputs: ['common'],
  reconcile: ['inputs', 'common'],
  azure: ['reconcile', 'inputs', 'common'],
  postgres: ['reconcile', 'inputs', 'common'],
  github: ['reconcile', 'inputs', 'common'],
  resources: ['azure', 'postgres', 'reconcile', 'inputs', 'common'],
  connect: ['azure', 'postgres', 'github', 'reconcile', 'common'],
  migration: ['resources', 'postgres', 'azure', 'github', 'inputs', 'common'],
  publish: ['azure', 'github', 'reconcile', 'inputs', 'common'],
  reporting: ['publish', 'azure', 'github', 'reconcile', 'inputs', 'common'],
  modes: [
    'migration',
    'connect',
    'reporting',
    'publish',
    'resources',
    'azure',
    'postgres',
    'github',
    'reconcile',
    'inputs',
    'common',
  ],
  '': [
    'modes',
    'migration',
    'connect',
    'reporting',
    'publish',
    'resources',
    'azure',
    'postgres',
    'github',
    'inputs',
    'common',
  ],
};
const importsCrossing = (imports: readonly Import[], from: RegExp, to: RegExp): readonly string[] =>
  imports.filter((i) => from.test(i.from) && to.test(i.to)).map((i) => `${i.from} → ${i.to}`);

describe('imports point one way', () => {
  test('the imports are found', () => {
    expect(sourceImports.length).toBeGreaterThan(150);
  });

  test.each(Object.entries(LAYERS))('src/%s imports only the folders in LAYERS', (folder, allowed) => {
    const isInFolder = folder === '' ? /^src\/[^/]+$/ : new RegExp(`^src/${folder}/`);
    const below = [folder, ...allowed].map((name) => (name === '' ? '[^/]+$' : `${name}/`));
    expect(importsCrossing(sourceImports, isInFolder, new RegExp(`^src/(?!${below.join('|')})`))).toEqual([]);
  });

  test('every folder of src is a layer', () => {
    const folders = new Set(sourceImports.map(({ from }) => from.split('/').slice(1, -1)[0] ?? ''));
    expect([...folders].sort()).toEqual(Object.keys(LAYERS).sort());
  });

  test.each([
    ['only github imports @actions', /^src\/(?!github\/)/, /^@actions\//],
    [
      'only azure and resources import the Azure SDK',
      /^src\/(?!azure\/|resources\/|inputs\/server-properties\.ts)/,
      /^@azure\//,
    ],
    [
      'reconcile, inputs and reporting import no client',
      /^src\/(reconcile|inputs|reporting)\/(?!server-properties\.ts)/,
      /^@azure|^@actions|^pg$/,
    ],
    [
      'only postgres, resources and migration import pg',
      /^src\/(?!postgres\/|resources\/|migration\/)/,
      /^pg$/,
    ],
    [
      'src imports nothing from the emulator or the workflow runner',
      /^src\//,
      /^(emulator|workflow-runner)\//,
    ],
  ])('%s', (_, from, to) => {
    expect(importsCrossing(sourceImports, from, to)).toEqual([]);
  });

  test('the table of server properties imports only types of the Azure SDK', () => {
    const table = readFileSync(join(repositoryRoot, 'src/inputs/server-properties.ts'), 'utf8');
    expect(table).toMatch(/^import type [^;]*'@azure\//m);
    expect(table).not.toMatch(/^import (?!type )[^;]*'@azure\//m);
  });

  test.each(['emulator', 'workflow-runner'])('%s imports nothing of src', (folder) => {
    expect(importsCrossing(importsBelow(folder), /./, /^src\//)).toEqual([]);
  });
});

/** The repository's JavaScript and TypeScript files, with their path from the root. */
const files = ['__tests__', 'src', 'emulator', 'workflow-runner', 'scripts'].flatMap((folder) =>
  globSync(`${folder}/**/*.{ts,mjs,cjs,js}`, { cwd: repositoryRoot }).map((path) => ({
    path,
    text: readFileSync(join(repositoryRoot, path), 'utf8'),
  })),
);
const captures = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found);
const isOutsideRoot = (path: string): boolean => /^\.\.(\/|$)/.test(relative(repositoryRoot, path));

describe('no file refers to a path outside the repository', () => {
  test('the files are found', () => {
    expect(files.length).toBeGreaterThan(400);
  });

  test.each<readonly [what: string, find: (path: string, text: string) => readonly string[]]>([
    [
      'in an import',
      (path, text) =>
        captures(text, /(?:from|import|require)\s*\(?\s*['"](\.[^'"]+)['"]/g).filter((to) =>
          isOutsideRoot(join(repositoryRoot, dirname(path), to)),
        ),
    ],
    [
      'in a URL that is relative to a file',
      (path, text) =>
        captures(text, /new URL\(\s*['"`]([^'"`$]*)[^,]*,\s*import\.meta\.url/g).filter((to) =>
          isOutsideRoot(fileURLToPath(new URL(to, pathToFileURL(join(repositoryRoot, path))))),
        ),
    ],
    [
      'in a path that is joined to the folder of a file',
      (path, text) =>
        captures(text, /(?:join|resolve)\(\s*import\.meta\.dirname((?:,\s*['"][^'"]*['"])*)/g).filter(
          (parts) =>
            isOutsideRoot(join(repositoryRoot, dirname(path), ...captures(parts, /['"]([^'"]*)['"]/g))),
        ),
    ],
    [
      'in a path that is joined to the root',
      (_, text) =>
        captures(text, /\b(?:join|resolve|new URL)\(([^()]*)\)/g).filter(
          (parts) =>
            /(^\s*|,\s*)(?:repositoryRoot|root)\b/.test(parts) &&
            captures(parts, /['"`]([^'"`]*)['"`]/g).some((part) => isOutsideRoot(join(repositoryRoot, part))),
        ),
    ],
    ['by the name of a folder next to the checkout', (_, text) => captures(text, /(\.\.\/sh[a]red\b)/g)],
  ])('%s', (_, find) => {
    const found = files.flatMap(({ path, text }) => find(path, text).map((what) => `${path}: ${what}`));
    expect(found).toEqual([]);
  });
});

describe('test files', () => {
  const testFiles = files.filter(({ path }) => path.endsWith('.test.ts'));
  /** The import statements of a file: imported names and module. */
  const importsOf = (text: string): readonly (readonly [names: string, from: string])[] =>
    [...text.matchAll(/^import (?:type )?\{([^}]*)\} from '([^']+)';/gm)].map(([, names = '', from = '']) => [
      names,
      from,
    ]);

  test('the files are found', () => {
    expect(testFiles.length).toBeGreaterThan(100);
  });

  test('import `test` from vitest or from a helper of their level', () => {
    const others = testFiles.flatMap(({ path, text }) => {
      const [, level = ''] = path.split('/');
      const from = importsOf(text)
        .filter(([names]) => /(^|,)\s*test(?:With)?(\s+as\s+\w+)?\s*(,|$)/.test(names))
        .map(([, to]) => (to.startsWith('.') ? normalize(join(dirname(path), to)) : to));
      const [to = 'nowhere', ...more] = from;
      const known = to === 'vitest' || to.startsWith(`__tests__/helpers/${level}/`);
      return known && more.length === 0 ? [] : [`${path}: ${from.join(', ') || to}`];
    });
    expect(others).toEqual([]);
  });

  test('use `test`, not `it`', () => {
    const using = testFiles.filter(
      ({ text }) =>
        /(?<![.\w])i[t](\.\w+)*\s*[(`<]/.test(withoutCommentsAndStrings(text)) ||
        importsOf(text).some(([names, from]) => from === 'vitest' && /\bit\b/.test(names)),
    );
    expect(using.map(({ path }) => path)).toEqual([]);
  });

  test('skip only tests of another platform, tests that root cannot run, and tests of a program that is not installed', () => {
    const found = testFiles.flatMap(({ path, text }) => {
      const code = withoutCommentsAndStrings(text);
      const always = captures(
        code,
        /\b((?:test|describe)(?:\.\w+)*\.(?:only|todo|fails|skip\b)|ski[p]\((?![^;]*missingProgram))/g,
      );
      const conditional = captures(code, /\.(?:skipIf|runIf)\(([^\n]*)/g).filter(
        (condition) => !/geteuid|process\.platform|missingProgram/.test(condition),
      );
      return [...always, ...conditional].map((what) => `${path}: ${what}`);
    });
    expect(found).toEqual([]);
  });
});

/** A file's code without comments and without the content of its strings. */
function withoutCommentsAndStrings(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(?<!:)\/\/.*/g, '')
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
}
