import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CodeBlock, lineIn, type Problem } from '../../document.ts';
import { repositoryRoot } from '../../root.ts';

const readScripts = (folder: string): readonly string[] =>
  Object.keys(JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')).scripts);

/** The scripts of this project and of the example application, whose commands documents use for an application's own. */
const scripts: ReadonlySet<string> = new Set([...readScripts('.'), ...readScripts('examples/relecloud')]);

/** npm's own commands for a script of the same name. */
const NPM_COMMAND = /\bnpm (?:(?:-s |--silent )*run(?:-script)?(?: -s| --silent)* ([\w:-]+)|(start|test)\b)/g;

/** The scripts that a text runs with npm and that package.json does not have. */
export const missingScripts = (text: string): readonly string[] =>
  [...text.matchAll(NPM_COMMAND)]
    .map(([, script, shortcut]) => script ?? shortcut ?? '')
    .filter((script) => !scripts.has(script));

/** Paths that a text names in the given folders and that do not exist. A path with a placeholder or a pattern has no file. */
export function missingPaths(text: string, folders: readonly string[]): readonly string[] {
  const pattern = new RegExp(
    `(?<![\\w./@-])(?:${folders.join('|')})/[\\w./-]*\\w(?![\\w*…{<$]|/?[*…{<$])`,
    'g',
  );
  return [...text.matchAll(pattern)]
    .map(([path]) => path)
    .filter((path) => !/\b[A-Z]{4,}\b/.test(path) && !existsSync(join(repositoryRoot, path)));
}

/** Folders that only this repository has. */
const OWN_FOLDERS = ['examples', 'emulator', 'workflow-runner', '__tests__'];

/** Checks a block of shell commands: its syntax (nothing is executed), the npm scripts, and the paths of this repository. */
export function findShellProblems(block: CodeBlock): readonly Problem[] {
  const { stderr, status } = spawnSync('bash', ['-n'], { input: block.text, encoding: 'utf8' });
  const [, line = '1', message = ''] = /line (\d+): (.*)/.exec(stderr) ?? [];
  return [
    ...(status === 0
      ? []
      : [{ line: block.line + Number(line) - 1, text: `bash cannot parse the block: ${message || stderr}` }]),
    ...missingScripts(block.text).map((script) => ({
      line: lineIn(block, script),
      text: `No package.json has the script '${script}'. Correct the command.`,
    })),
    ...missingPaths(block.text, OWN_FOLDERS).map((path) => ({
      line: lineIn(block, path),
      text: `The file ${path} does not exist. Correct the path.`,
    })),
  ];
}
