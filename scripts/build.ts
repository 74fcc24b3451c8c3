import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minifySync } from 'oxc-minify';

/** The files of dist/. ncc also copies an unused `xdg-open` (of `open`, a dependency of @azure/identity). */
const DIST_FILE = /^((\d+\.)?index\.js|post\.js|package\.json|licenses\.txt)$/;

/**
 * Builds the bundle: `index.js`, and a chunk for each part that is loaded later. ncc cannot load TypeScript 7, which has
 * no JavaScript API, so `tsc` compiles and ncc bundles the JavaScript. ncc minifies only `index.js`, so oxc-minify minifies
 * each file.
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
  // Without `"type": "module"` here, ncc writes CommonJS, which Node.js loads faster than ES modules.
  writeFileSync(join(compileDirectory, 'package.json'), '{}\n');
  copyPackages(join(compileDirectory, 'node_modules'));
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
  writeFileSync(join(outputDirectory, 'package.json'), '{"type":"commonjs"}\n');
  writeFileSync(join(outputDirectory, 'post.js'), POST_ENTRY);
  writeFileSync(join(outputDirectory, 'licenses.txt'), collectLicenses());
  for (const name of readdirSync(outputDirectory)) {
    const path = join(outputDirectory, name);
    if (!DIST_FILE.test(name)) rmSync(path, { recursive: true });
    else if (name.endsWith('.js')) writeFileSync(path, minify(name, readFileSync(path, 'utf8')));
  }
}

/** Entry point of action.yml's `post`: runs the post part of the same bundle. */
const POST_ENTRY = "process.argv.push('--post');\nrequire('./index.js');\n";

/** Packages whose modules only define something, and in which the action uses little. */
const TREE_SHAKEN = /^(@actions\/core|@azure\/.*|@typespec\/.*)$/;

const NO_AGENT = 'exports.HttpProxyAgent = exports.HttpsProxyAgent = class {};';

/**
 * Dependencies of Azure's packages that nothing uses here but that each run would load, with what replaces them. The folder is one
 * in which only the package that imports them finds them.
 */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  // Signs what a client certificate proves; no way to sign in uses one.
  '@azure/msal-node/node_modules/jsonwebtoken':
    "exports.sign = () => { throw new Error('Signing in with a certificate is not supported'); };",
  // createHttpClient selects the agent of each request (src/azure/http-client.ts).
  '@typespec/ts-http-runtime/node_modules/http-proxy-agent': NO_AGENT,
  '@typespec/ts-http-runtime/node_modules/https-proxy-agent': NO_AGENT,
};

/** Modules of these packages whose classes become empty: each run would load them, and nothing of them is called. */
const EMPTIED_MODULES: readonly RegExp[] = [
  // The client creates an object for each group of operations. Those that remain are also listed in src/azure/clients.ts.
  /\/arm-postgresql-flexible\/dist\/esm\/operations\/(?!(index|configurations|databases|firewallRules|nameAvailability|servers)\.js)\w+\.js$/,
  // The sign-in of a person, and on behalf of one.
  /\/msal-node\/dist\/client\/(PublicClientApplication|(DeviceCode|OnBehalfOf|UsernamePassword|UserFederatedIdentityCredential)Client)\.mjs$/,
  /\/msal-node\/dist\/network\/LoopbackClient\.mjs$/,
  /\/msal-common\/dist\/client\/(AuthorizationCode|RefreshToken|SilentFlow)Client\.mjs$/,
];

/** The parts of these packages that ncc does not read. */
const UNUSED_PART = /\.(map|[cm]?ts)$|\/(browser|react-native|workerd|types|src)$/;

/**
 * Copies packages to where ncc finds them first, and declares that their modules have no side effects. Otherwise ncc includes
 * and runs also the modules that nothing uses: all credentials of @azure/identity, and the HTTP client that @actions/core
 * needs for `getIDToken`. Azure's packages declare it too, but not in the package.json next to their ES modules.
 */
function copyPackages(nodeModules: string): void {
  for (const source of dependencyFolders()) {
    const name = source.slice(source.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!TREE_SHAKEN.test(name)) continue;
    const folder = source.replace(/^node_modules/, nodeModules);
    cpSync(source, folder, { recursive: true, filter: (path) => !UNUSED_PART.test(path) });
    for (const manifest of [folder, join(folder, 'dist', 'esm')].map((path) => join(path, 'package.json'))) {
      if (!existsSync(manifest)) continue;
      const content = JSON.parse(readFileSync(manifest, 'utf8'));
      writeFileSync(manifest, JSON.stringify({ ...content, sideEffects: false }));
    }
  }
  const files = readdirSync(nodeModules, { recursive: true, encoding: 'utf8' });
  for (const pattern of EMPTIED_MODULES) {
    const emptied = files.filter((file) => pattern.test(file.replaceAll('\\', '/')));
    if (emptied.length === 0) throw new Error(`No module matches ${pattern}: the package has changed.`);
    for (const file of emptied) emptyClasses(join(nodeModules, file));
  }
  for (const [folder, source] of Object.entries(REPLACEMENTS)) {
    const path = join(nodeModules, folder);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'package.json'), JSON.stringify({ sideEffects: false }));
    writeFileSync(join(path, 'index.js'), source);
  }
}

/** Replaces a module by one with empty classes of the same names. ncc fails if another export of it is imported. */
function emptyClasses(file: string): void {
  const source = readFileSync(file, 'utf8');
  const names = [...source.matchAll(/^(?:export )?class (\w+)/gm)].map(([, name]) => name);
  writeFileSync(
    file,
    `${names.map((name) => `class ${name} {}`).join('\n')}\nexport { ${names.join(', ')} };\n`,
  );
}

/** Keeps the names of functions and classes, which errors show. */
function minify(name: string, source: string): string {
  const { code, errors } = minifySync(name, source, {
    compress: { keepNames: { class: true, function: true } },
    mangle: { keepNames: true },
  });
  if (errors.length > 0) throw new Error(`${name} could not be minified: ${errors[0]?.message}`);
  return code;
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
const collectLicenses = (): string => `${dependencyFolders().map(readLicense).join('\n\n')}\n`;

/** The folders of the dependencies and of their dependencies. */
function dependencyFolders(): readonly string[] {
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
  return [...folders].sort();
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
