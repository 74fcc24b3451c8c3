import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { repositoryRoot } from '../helpers/root.ts';
import { type Example, examples, examplesDirectory } from '../helpers/runner/example-files.ts';

const readText = (...path: string[]) => readFileSync(join(repositoryRoot, ...path), 'utf8');
const actionInputNames = Object.keys(parseYaml(readText('action.yml')).inputs);

const identity = ['client-id', 'tenant-id', 'subscription-id', 'server-name', 'resource-group'];
const administrator = [...identity, 'admin-username', 'admin-password'];
/** What each mode needs from a user's step; `ensure` publishes the application role, not the administrator. */
const requiredInputs: Readonly<Record<string, readonly string[]>> = {
  ensure: [...administrator, 'database', 'app-username', 'app-password-key'],
  check: identity,
  drop: [...administrator, 'database', 'app-username'],
  sweep: administrator,
};

/** The permissions that the steps need: no more and no fewer. */
function neededPermissions({ steps, actionInputs }: Example): Record<string, string> {
  const has = (name: string, value: unknown) => actionInputs.some((inputs) => inputs[name] === value);
  return {
    ...(steps.some(({ uses }) => uses?.startsWith('actions/checkout@')) && { contents: 'read' }),
    'id-token': 'write',
    ...((has('mode', 'check') || has('mode', 'sweep')) && { actions: 'read' }),
    ...(has('comment', true) && { 'pull-requests': 'write' }),
    ...(has('drift-issue', true) && { issues: 'write' }),
  };
}

const usesLines = ({ text }: Example) =>
  [...text.matchAll(/^ *(?:- )?uses: (.*)$/gm)].map(([, use = '']) => use);
const expressions = ({ text }: Example) =>
  [...text.matchAll(/\$\{\{(.*?)\}\}|^ *(?:- )?if: (.*)$/gm)].map(
    ([, inline, condition]) => inline ?? condition,
  );

describe.each(examples.map((example) => [example.name, example] as const))('examples/%s', (name, example) => {
  test('gives the action only inputs that it has, and all that the mode needs', () => {
    expect(example.actionInputs.length).toBeGreaterThan(0);
    for (const inputs of example.actionInputs) {
      expect(actionInputNames).toEqual(expect.arrayContaining(Object.keys(inputs)));
      const mode = String(inputs['mode'] ?? 'ensure');
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining([...(requiredInputs[mode] ?? ['mode'])]));
    }
  });

  test('clones no template and reads no file that a user’s repository does not have', () => {
    for (const inputs of example.actionInputs) {
      expect(inputs).not.toHaveProperty('template');
      expect(inputs).not.toHaveProperty('config-file');
    }
  });

  test('uses only variables and secrets that its first comment names, and no environment variable', () => {
    const [comment = ''] = /^(#.*\n)+/.exec(example.text) ?? [];
    const named = (each: string) =>
      comment.includes(each) || /of (deploy|pull-request)\.yml|as in pull-request\.yml/.test(comment);
    const contexts = new Set<string>();
    for (const expression of expressions(example)) {
      for (const [, context = '', key = ''] of expression?.matchAll(/(?<![\w.-])([a-z]+)\.([\w-]+)/g) ?? []) {
        contexts.add(context);
        if (context === 'vars' || context === 'secrets') expect(named(key), key).toBe(true);
      }
    }
    expect(['vars', 'secrets', 'github', 'inputs', 'steps']).toEqual(expect.arrayContaining([...contexts]));
  });

  test('declares the permissions that its steps need, and no others', () => {
    expect(example.permissions).toEqual(neededPermissions(example));
    for (const job of Object.values(example.jobs)) expect(job).not.toHaveProperty('permissions');
  });

  test('says in its first comment where to copy it and what to replace, and nothing about this repository', () => {
    const [comment = ''] = /^(#.*\n)+/.exec(example.text) ?? [];
    expect(comment).toContain('Copy this file');
    expect(comment).toContain('OWNER');
    expect(example.text).not.toMatch(/npm start|this repository|uses: \.\//);
  });

  test('is in the table of examples/README.md', () => {
    expect(readText('examples', 'README.md')).toContain(`| [${name}](${name}) |`);
  });
});

test('every example has the same pin of an action, and a checkout that refuses the code of forks in privileged runs', () => {
  const pins = new Set(examples.flatMap(usesLines));
  const names = [...pins].map((pin) => pin.split('@')[0]);
  expect(names).toEqual([...new Set(names)]);
  const [, major, minor] = /actions\/checkout@\w+ # v(\d+)\.(\d+)/.exec([...pins].join('\n')) ?? [];
  // Since 5.1.0 and 7.0.0.
  expect(Number(major) > 6 || (Number(major) === 5 && Number(minor) > 0)).toBe(true);
});

test.each([
  ['deploy.yml', 36],
  ['pull-request.yml', 64],
  ['nightly.yml', 34],
])('%s has at most %i lines after its first comment, because the README contains it', (name, maxLines) => {
  const text = examples.find((example) => example.name === name)?.text ?? '';
  expect(
    text
      .replace(/^(#.*\n)+/, '')
      .trimEnd()
      .split('\n').length,
  ).toBeLessThanOrEqual(maxLines);
});

describe('examples/terraform', () => {
  const main = readFileSync(join(examplesDirectory, 'terraform', 'main.tf'), 'utf8');
  const attribute = (name: string) => new RegExp(`^ *${name} += "(.*)"`, 'm').exec(main)?.[1];

  test('the action adopts the server that main.tf declares, in its resource group and as its administrator', () => {
    const inputs = examples.find(({ name }) => name === 'terraform.yml')?.actionInputs[0];
    const [, server = ''] =
      /"azurerm_postgresql_flexible_server" "\w+" \{\n *name += "(.*)"/.exec(main) ?? [];
    const [, group = ''] = /"azurerm_resource_group" "\w+" \{\n *name += "(.*)"/.exec(main) ?? [];
    expect(inputs).toMatchObject({
      'server-name': server,
      'resource-group': group,
      'admin-username': attribute('administrator_login'),
      'on-drift': 'warn',
    });
    expect(inputs).not.toHaveProperty('region');
  });

  test('every variable of main.tf gets its value from the workflow', () => {
    const text = examples.find(({ name }) => name === 'terraform.yml')?.text;
    const variables = [...main.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
    expect(variables).toEqual(['admin_password']);
    for (const name of variables) expect(text).toContain(`TF_VAR_${name}:`);
  });

  test('Terraform, if it is installed, parses and formats main.tf without a change', ({ skip }) => {
    const { error, status, stdout } = spawnSync('terraform', ['fmt', '-check', '-diff', '-no-color', '.'], {
      cwd: join(examplesDirectory, 'terraform'),
      encoding: 'utf8',
      // The machine's own configuration, such as mirrors of providers, does not matter here.
      env: { PATH: process.env['PATH'] },
    });
    const missingProgram = error !== undefined;
    skip(missingProgram, 'Terraform is not installed.');
    expect(status, stdout).toBe(0);
  });
});
