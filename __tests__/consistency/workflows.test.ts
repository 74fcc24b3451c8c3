import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findConflictingPins, findWorkflowErrors, readWorkflows } from '../../scripts/check-workflows.ts';
import { repositoryRoot } from '../helpers/root.ts';

const CHECKOUT = 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1';
const SETUP_NODE = 'actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0';

const secure = `on:
  push:
permissions: {}
jobs:
  build:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - uses: ${CHECKOUT}
        with:
          persist-credentials: false
      - uses: OWNER/azure-postgresql-action@v1
      - run: echo "$TITLE"
        env:
          TITLE: \${{ github.event.head_commit.message }}
`;

/** The secure workflow with a text replaced, which must occur in it. */
function change(from: string, to: string, workflow = secure): string {
  expect(workflow).toContain(from);
  return workflow.replace(from, () => to);
}

const withForkEvent = change('  push:\n', '  pull_request:\n  pull_request_target:\n');
const releasing = change('contents: read', 'contents: write');

describe('the check of workflows', () => {
  test('accepts a secure workflow', async () => {
    expect(await findWorkflowErrors(secure, 'own')).toEqual([]);
  });

  test.for([
    ['an unknown key', change('timeout-minutes', 'timeout'), "Unexpected value 'timeout'"],
    ['an unknown context', change('github.event', 'git.event'), "Unrecognized named-value: 'git'"],
    ['a tag instead of a commit', change(CHECKOUT, 'actions/checkout@v7'), 'no full commit SHA'],
    [
      'a tag in another form of YAML',
      change(`uses: ${CHECKOUT}`, '"uses": "actions/checkout@v7"'),
      'no full commit SHA',
    ],
    ['a short commit', change(CHECKOUT, 'actions/checkout@3d3c42e # v7.0.1'), 'no full commit SHA'],
    ['a commit without its version', change(' # v7.0.1', ''), 'no comment with its version'],
    ['a commit with a major version only', change('# v7.0.1', '# v7'), 'no comment with its version'],
    ['no permissions at the top', change('permissions: {}\n', ''), 'no permissions at the top'],
    ['all permissions', change('permissions: {}', 'permissions: write-all'), 'read-all or write-all'],
    ['an expression in a script', change('"$TITLE"', '${{ github.head_ref }}'), 'an expression in a script'],
    ['a checkout on pull_request_target', withForkEvent, 'checks out on pull_request_target'],
    [
      'a cache in a job that writes',
      change(`${CHECKOUT}\n        with:\n          persist-credentials: false`, SETUP_NODE, releasing),
      'restore a cache',
    ],
  ] as const)('rejects %s, also in an example', async ([, workflow, error]) => {
    for (const purpose of ['own', 'example'] as const)
      expect((await findWorkflowErrors(workflow, purpose)).join('\n')).toContain(error);
  });

  test.for([
    ['a job without a timeout', change('    timeout-minutes: 5\n', ''), 'no timeout-minutes'],
    [
      'a job without permissions',
      change('    permissions:\n      contents: read\n', ''),
      'declares no permissions',
    ],
    [
      'a checkout that keeps the token',
      change('persist-credentials: false', 'fetch-depth: 1'),
      'persist-credentials',
    ],
  ] as const)('rejects %s, except in an example', async ([, workflow, error]) => {
    expect((await findWorkflowErrors(workflow, 'own')).join('\n')).toContain(error);
    expect(await findWorkflowErrors(workflow, 'example')).toEqual([]);
  });

  test('accepts a checkout in a job that pull_request_target does not start', async () => {
    const guarded = change(
      '    timeout-minutes: 5\n',
      "    timeout-minutes: 5\n    if: github.event_name == 'pull_request'\n",
      withForkEvent,
    );
    expect(await findWorkflowErrors(guarded, 'own')).toEqual([]);
    const other = guarded.replace("'pull_request'", "'pull_request_target'");
    expect((await findWorkflowErrors(other, 'own')).join('\n')).toContain(
      'checks out on pull_request_target',
    );
  });

  test('finds a version that two commits claim to be', () => {
    const other = secure.replace('3d3c42e5', '00000000');
    expect(findConflictingPins([secure, secure])).toEqual([]);
    expect(findConflictingPins([secure, other])).toEqual(['actions/checkout v7.0.1']);
  });
});

const files = readWorkflows(repositoryRoot);

describe('the workflows of this repository and its examples', () => {
  test.for(files.map((file) => [file.path, file] as const))(
    '%s passes the check',
    async ([, { text, purpose }]) => {
      expect(await findWorkflowErrors(text, purpose)).toEqual([]);
    },
  );

  test('use one commit for each version of an action', () => {
    expect(files.length).toBeGreaterThan(8);
    expect(findConflictingPins(files.map(({ text }) => text))).toEqual([]);
  });
});

const readYaml = (path: string) => parse(readFileSync(join(repositoryRoot, '.github', path), 'utf8'));

test('the job `ci`, which branch protection requires, needs every other job of ci.yml', () => {
  const { ci, ...others } = readYaml('workflows/ci.yml').jobs;
  expect(ci.needs).toEqual(Object.keys(others));
});

test('live.yml deletes its resource group whatever happened, and only after a run that can have created it', () => {
  const { steps } = readYaml('workflows/live.yml').jobs.live;
  const commands: readonly string[] = steps.map(({ run = '' }) => run);
  const deletion = steps[commands.indexOf('node scripts/live.ts delete')];
  expect(deletion.if).toBe('always()');
  expect(commands.indexOf('node scripts/live.ts delete')).toBeGreaterThan(
    commands.indexOf('node scripts/live.ts'),
  );
});

test('release.yml runs no code of dependencies in the job that can write', () => {
  const { publish } = readYaml('workflows/release.yml').jobs;
  expect(publish.needs).toBe('verify');
  for (const { run = '' } of publish.steps) expect(run).not.toMatch(/\bnp[mx]\b/);
});

test('dependabot updates npm packages and actions in groups, and waits before it proposes a new version', () => {
  const { updates } = readYaml('dependabot.yml');
  expect(updates).toMatchObject([
    { 'package-ecosystem': 'npm', groups: { production: {}, development: {} } },
    { 'package-ecosystem': 'github-actions', groups: { actions: {} } },
  ]);
  for (const { cooldown } of updates) expect(cooldown['default-days']).toBeGreaterThanOrEqual(7);
});
