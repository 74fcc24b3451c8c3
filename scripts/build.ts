import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of dist/. ncc also copies an unused `xdg-open` (of `open`, a dependency of @azure/identity). */
const DIST_FILES = new Set(['index.js', 'post.js', 'package.json', 'licenses.txt']);

/**
 * Builds the bundle. ncc cannot load TypeScript 7, which has no JavaScript API, so `tsc` compiles and ncc bundles the
 * JavaScript.
 * @param outputDirectory folder to write, emptied first
 * @param compileDirectory folder for the compiled JavaScript, emptied first; below the checkout, where ncc finds packages
 * @throws Error if a tool fails; its output is on standard error
 */
export async function build(
  outputDirectory: string,
  compileDirectory = join('build', 'dist'),
): Promise<void> {
  rmSync(compileDirectory, { recursive: true, force: true });
  rmSync(outputDirectory, { recursive: true, force: true });
  await runTool('typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', compileDirectory);
  await runTool(
    '@vercel/ncc/dist/ncc/cli.js',
    'build',
    join(compileDirectory, 'index.js'),
    '--out',
    outputDirectory,
    '--target',
    'es2022',
    '--quiet',
  );
  cpSync(join(compileDirectory, 'post-entry.js'), join(outputDirectory, 'post.js'));
  writeFileSync(join(outputDirectory, 'licenses.txt'), collectLicenses());
  for (const unwantedFile of readdirSync(outputDirectory).filter((name) => !DIST_FILES.has(name))) {
    rmSync(join(outputDirectory, unwantedFile), { recursive: true });
  }
}

/**
 * Runs a script of a package and waits until it exits. Not a program of node_modules/.bin, which Windows can start only with
 * a shell.
 */
async function runTool(script: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join('node_modules', script), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${script} failed with ${code ?? signal}.`);
}

/** The licenses of the dependencies and of their dependencies; ncc's `--license` misses most of them. */
function collectLicenses(): string {
  const folders = new Set<string>();
  const visit = (from: string): void => {
    for (const name of Object.keys(readManifest(from).dependencies ?? {})) {
      const folder = [join(from, 'node_modules', name), join('node_modules', name)].find((path) =>
        existsSync(path),
      );
      if (folder === undefined || folders.has(folder)) continue;
      folders.add(folder);
      visit(folder);
    }
  };
  visit('.');
  return `${[...folders].sort().map(readLicense).join('\n\n')}\n`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function readLicense(folder: string): string {
  const { name, version, license } = readManifest(folder);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  return `${name} ${version} (${license})\n${text}`.trim();
}

if (import.meta.main) await build('dist');
