import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What belongs into dist/; ncc also copies a stray `xdg-open` (of `open`, a dependency of @azure/identity). */
const wanted = new Set(['index.js', 'post.js', 'package.json', 'licenses.txt']);

/**
 * Builds the bundle: TypeScript 7 has no JavaScript API for ncc, so `tsc` compiles first and ncc bundles JavaScript.
 * @param output folder to write, emptied first
 */
export function build(output: string): void {
  rmSync('build', { recursive: true, force: true });
  rmSync(output, { recursive: true, force: true });
  execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
  execFileSync(
    'ncc',
    [
      'build',
      'build/index.js',
      '--out',
      output,
      '--target',
      'es2022',
      '--license',
      'licenses.txt',
      '--quiet',
    ],
    {
      stdio: 'inherit',
    },
  );
  cpSync('build/post.js', join(output, 'post.js'));
  for (const stray of readdirSync(output).filter((name) => !wanted.has(name))) {
    rmSync(join(output, stray), { recursive: true });
  }
}

if (import.meta.main) build('dist');
