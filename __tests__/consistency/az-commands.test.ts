import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from '../helpers/root.ts';

/**
 * The commands of the az CLI that messages and documents advise, each with the options that every supported version accepts;
 * see "az CLI commands" in docs/azure-behavior.md.
 */
const knownCommands: Readonly<Record<string, readonly string[]>> = {
  'account list-locations': ['-o'],
  'account show': ['--query'],
  'ad app credential delete': ['--id', '--key-id'],
  'ad app credential list': ['--id', '--query', '--output'],
  'ad app credential reset': ['--id', '--append', '--years', '--display-name', '--query', '--output'],
  'ad app delete': ['--id'],
  'ad app federated-credential create': ['--id', '--parameters'],
  'ad app federated-credential delete': ['--id', '--federated-credential-id'],
  'ad app federated-credential list': ['--id', '--query', '--output'],
  'group delete': ['--name', '--yes'],
  'identity delete': ['--resource-group', '--name'],
  'identity federated-credential create': [
    '--identity-name',
    '--resource-group',
    '--name',
    '--issuer',
    '--subject',
    '--audiences',
  ],
  'postgres flexible-server delete': ['--resource-group', '--name', '--yes'],
  'postgres flexible-server list-skus': ['--location', '--output'],
  'postgres flexible-server parameter set': ['--resource-group', '--server-name', '--name', '--value'],
  'postgres flexible-server replica promote': ['--resource-group', '--name'],
  'postgres flexible-server restart': ['--resource-group', '--name'],
  'postgres flexible-server restore': ['--resource-group', '--name', '--source-server', '--restore-time'],
  'postgres flexible-server show': ['--resource-group', '--name', '--query', '--output'],
  'postgres flexible-server start': ['--resource-group', '--name'],
  'postgres flexible-server stop': ['--resource-group', '--name'],
  'postgres flexible-server update': ['--resource-group', '--name', '--admin-password'],
  'postgres flexible-server upgrade': ['--resource-group', '--name', '--version'],
  'provider register': ['--namespace'],
  'resource delete': ['--ids'],
  'resource list': ['--resource-group', '--output'],
  rest: ['--method', '--url', '--body'],
  'role assignment delete': ['--assignee', '--scope'],
  'role assignment list': ['--assignee', '--all', '--output'],
  'role definition create': ['--role-definition'],
  'role definition delete': ['--name'],
};

/** Groups of the az CLI, to recognize its commands in prose. */
const COMMAND =
  /\baz ((?:account|ad|deployment|group|identity|login|postgres|provider|resource|rest|role)\b[^`'")\n]*)/g;

const advised = globSync(['src/**/*.ts', 'docs/*.md', 'examples/**/*.{yml,md}', 'README.md', 'action.yml'], {
  cwd: repositoryRoot,
  // It describes the az CLI itself.
  exclude: ['docs/azure-behavior.md'],
}).flatMap((file) =>
  [...readFileSync(join(repositoryRoot, file), 'utf8').matchAll(COMMAND)].map(([, text = '']) => [
    file,
    text,
  ]),
);

describe('every advised command of the az CLI', () => {
  test('is found', () => {
    expect(advised.length).toBeGreaterThan(8);
  });

  test.each(advised)('%s: az %s', (_, text = '') => {
    const name = Object.keys(knownCommands).find((known) => text.startsWith(known));
    expect(name, text).toBeDefined();
    const options = text.match(/(?<= )--?[a-z][a-z-]*/g) ?? [];
    expect(options.filter((option) => !knownCommands[name ?? '']?.includes(option))).toEqual([]);
  });
});
