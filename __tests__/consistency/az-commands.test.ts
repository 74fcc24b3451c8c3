import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from '../helpers/root.ts';
import { callsInDocument } from '../helpers/shell-calls.ts';

/**
 * The commands of the az CLI that messages and documents advise, each with the options that every supported version accepts;
 * see "az CLI commands" in docs/azure-behavior.md.
 */
const knownCommands: Readonly<Record<string, readonly string[]>> = {
  'account list-locations': ['-o'],
  'account list': ['--output'],
  'account set': ['--subscription'],
  'account show': ['--query', '--output'],
  'ad app create': ['--display-name', '--query', '--output'],
  'ad app credential delete': ['--id', '--key-id'],
  'ad app credential list': ['--id', '--query', '--output'],
  'ad app credential reset': ['--id', '--append', '--display-name', '--years', '--query', '--output'],
  'ad app delete': ['--id'],
  'ad app federated-credential create': ['--id', '--parameters'],
  'ad app federated-credential delete': ['--id', '--federated-credential-id'],
  'ad app federated-credential list': ['--id', '--query', '--output'],
  'ad sp create': ['--id', '--query', '--output'],
  'containerapp secret set': ['--resource-group', '--name', '--output', '--secrets'],
  'containerapp update': ['--resource-group', '--name', '--output', '--revision-suffix', '--set-env-vars'],
  'keyvault secret set': ['--vault-name', '--name', '--value', '--output'],
  'network private-dns link vnet create': [
    '--resource-group',
    '--name',
    '--registration-enabled',
    '--zone-name',
    '--virtual-network',
  ],
  'network private-dns zone create': ['--resource-group', '--name'],
  'network private-endpoint create': [
    '--resource-group',
    '--name',
    '--vnet-name',
    '--subnet',
    '--connection-name',
    '--private-connection-resource-id',
    '--group-id',
  ],
  'network private-endpoint dns-zone-group create': [
    '--resource-group',
    '--name',
    '--endpoint-name',
    '--zone-name',
    '--private-dns-zone',
  ],
  'webapp config appsettings set': ['--resource-group', '--name', '--output', '--settings'],
  'webapp deploy': ['--resource-group', '--name', '--type', '--src-path'],
  'webapp show': ['--resource-group', '--name', '--query', '--output'],
  'webapp vnet-integration add': ['--resource-group', '--name', '--vnet', '--subnet'],
  'group create': ['--name', '--location'],
  'group delete': ['--name', '--yes'],
  'identity create': ['--name', '--resource-group', '--location'],
  'identity delete': ['--resource-group', '--name'],
  'identity federated-credential list': ['--identity-name', '--resource-group', '--output'],
  'identity show': ['--name', '--resource-group', '--query', '--output'],
  login: [],
  'identity federated-credential create': [
    '--identity-name',
    '--resource-group',
    '--name',
    '--issuer',
    '--subject',
    '--audiences',
  ],
  'lock list': ['--resource-group', '--output'],
  'monitor metrics alert create': ['--resource-group', '--name', '--scopes', '--condition', '--description'],
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
  'provider register': ['--namespace', '--wait'],
  'resource delete': ['--ids'],
  'resource list': ['--resource-group', '--output'],
  rest: ['--method', '--url', '--body', '--query', '--output'],
  'role assignment create': ['--role', '--scope', '--assignee-object-id', '--assignee-principal-type'],
  'role assignment delete': ['--assignee', '--scope'],
  'role assignment list': ['--assignee', '--all', '--query', '--output'],
  'role definition create': ['--role-definition'],
  'role definition delete': ['--name'],
};

/** The options of a call, without what is in quotes. */
const optionsOf = (call: string): readonly string[] =>
  call.replaceAll(/'[^']*'|"(?:\\.|[^"\\])*"/g, '').match(/(?<= )--?[a-z][a-z-]*/g) ?? [];

/** Groups of the az CLI, to recognize its commands in prose. */
const COMMAND =
  /\baz ((?:account|ad|deployment|group|identity|login|postgres|provider|resource|rest|role)\b[^`'")\n]*)/g;

const advised = globSync(['src/**/*.ts', 'docs/*.md', 'examples/**/*.{yml,md}', 'README.md', 'action.yml'], {
  cwd: repositoryRoot,
  // It describes the az CLI itself.
  exclude: ['docs/azure-behavior.md'],
}).flatMap((file) => {
  const text = readFileSync(join(repositoryRoot, file), 'utf8');
  const inBlocks = file.endsWith('.md') ? callsInDocument('az', file) : [];
  const inProse = [...text.replaceAll(/^```sh\n[\s\S]*?^```$/gm, '').matchAll(COMMAND)].map(
    ([, call = '']) => call,
  );
  return [...inBlocks, ...inProse].map((call) => [file, call]);
});

describe('every advised command of the az CLI', () => {
  test('is found', () => {
    expect(advised.length).toBeGreaterThan(8);
  });

  test.each(advised)('%s: az %s', (_, text = '') => {
    const name = Object.keys(knownCommands).find(
      (known) => text.startsWith(known) && !/^[\w-]/.test(text.slice(known.length)),
    );
    expect(name, text).toBeDefined();
    const options = optionsOf(text);
    expect(options.filter((option) => !knownCommands[name ?? '']?.includes(option))).toEqual([]);
  });
});

/** The commands of the GitHub CLI in documents, with their options (GitHub CLI manual, https://cli.github.com/manual). */
const knownGhCommands: Readonly<Record<string, readonly string[]>> = {
  api: ['--method', '--jq', '--header'],
  'attestation verify': ['--repo', '--owner', '--signer-workflow'],
  'run watch': ['--repo'],
  'secret delete': ['--repo', '--env'],
  'secret set': ['--repo', '--env'],
  'variable delete': ['--repo', '--env'],
  'variable get': ['--repo', '--env'],
  'variable set': ['--repo', '--env', '--body'],
  'workflow disable': ['--repo'],
  'workflow run': ['--repo', '--ref', '--field'],
};

const advisedGh = globSync(['docs/*.md', 'README.md'], { cwd: repositoryRoot }).flatMap((file) =>
  callsInDocument('gh', file).map((call) => [file, call]),
);

describe('every command of the GitHub CLI in a document', () => {
  test('is found', () => {
    expect(advisedGh.length).toBeGreaterThan(8);
  });

  test.each(advisedGh)('%s: gh %s', (_, text = '') => {
    const name = Object.keys(knownGhCommands).find((known) => text.startsWith(`${known} `));
    expect(name, text).toBeDefined();
    const options = optionsOf(text);
    expect(options.filter((option) => !knownGhCommands[name ?? '']?.includes(option))).toEqual([]);
  });

  test('never has a secret as an argument, which other processes of the machine can read', () => {
    expect(advisedGh.filter(([, text = '']) => /^secret set .*(--body|-b)\b/.test(text))).toEqual([]);
  });
});
