import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { blocksUnder } from '../helpers/document.ts';
import { repositoryRoot } from '../helpers/root.ts';

const read = (file: string): string => readFileSync(join(repositoryRoot, file), 'utf8');
const guide = read('docs/local.md');

/** The options of a command line in a text, each once. */
const optionsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/(?<=^|[\s`])--[a-z][a-z-]+/gm)].map(([option]) => option)),
];

test('docs/local.md lists every option of npm start, and no other', () => {
  const usage = /const USAGE = `(.*?)`;/s.exec(read('workflow-runner/cli.ts'))?.[1] ?? '';
  const options = optionsIn(usage).filter((option) => option !== '--help');
  expect(options).toContain('--workspace');
  const table = guide.slice(guide.indexOf('### Options'), guide.indexOf('## Run a workflow of yours'));
  expect([...optionsIn(table)].sort()).toEqual([...options].sort());
});

test('the inputs in the .env file of docs/local.md exist', () => {
  const { inputs } = parseYaml(read('action.yml')) as { inputs: Readonly<Record<string, unknown>> };
  const [envFile = ''] = blocksUnder('docs/local.md', 'Run one step with @github/local-action', 'sh');
  const names = [...envFile.matchAll(/^INPUT_([A-Z-]+)=/gm)].map(([, name = '']) => name.toLowerCase());
  expect(names.filter((name) => !Object.hasOwn(inputs, name))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(['server-name', 'region', 'database', 'admin-password']));
});
