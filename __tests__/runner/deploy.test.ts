import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  findRunningEmulator,
  saveRunningEmulator,
  stopEmulator,
} from '../../workflow-runner/emulator-process.ts';
import type { RunResult } from '../../workflow-runner/run-workflow.ts';
import { repositoryRoot } from '../helpers/root.ts';
import { examples, withoutTerraform } from '../helpers/runner/example-files.ts';
import { test } from '../helpers/runner/example-test.ts';
import { isRunning, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

test('the examples run the bundle of the current sources, in a copy of their project', async ({
  runExample,
  built,
  write,
}) => {
  // Loaded before the script of every step, it prints which script runs.
  const printScript = "console.log('runs', (await import('node:fs')).realpathSync(process.argv[1]))";
  const workflow = workflowWithSteps(
    'uses: actions/checkout@v7',
    'uses: mona/azure-postgresql-action@0123456789012345678901234567890123456789\nwith: { mode: none }',
    'if: always()\nrun: pwd -P; ls -A',
  );
  const { log } = await runExample('deploy.yml', undefined, {
    file: write(workflow),
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(printScript)}` },
  });
  expect(log).toContain(`runs ${join(realpathSync(built.bundle), 'index.js')}`);
  expect(log).not.toContain(`runs ${join(repositoryRoot, 'dist')}`);
  expect(log).toContain("'none'");
  expect(log).toMatch(/^ +\/\S+\/space-travel\/space-travel$/m);
  expect(log).toMatch(/^ +package-lock\.json$/m);
  expect(log).not.toContain('node_modules');
});

const succeeds = (file: string, ...args: string[]) => spawnSync(file, args).status === 0;
const debianPath = `/usr/bin:${process.env['PATH']}`;
const missingProgram = {
  powerShell: !succeeds('pwsh', '-Version'),
  django: !succeeds('/usr/bin/python3', '-c', 'import django, ensurepip, psycopg2'),
};

describe('examples/deploy.yml, and the examples that use its server, against the emulated Azure and GitHub', () => {
  const runs: Record<string, RunResult> = {};
  let issueBefore: string | undefined;
  let issueAfter: string | undefined;

  test.beforeAll(async ({ runExample, gitHubTexts, write }) => {
    const readIssue = async () =>
      Object.entries(await gitHubTexts())
        .find(([title]) => title.startsWith('Issue'))
        ?.join('\n');
    runs['nightlyBefore'] = await runExample('nightly.yml');
    issueBefore = await readIssue();
    runs['first'] = await runExample('deploy.yml');
    runs['second'] = await runExample('deploy.yml');
    runs['nightlyAfter'] = await runExample('nightly.yml');
    issueAfter = await readIssue();
    const terraform = examples.find(({ name }) => name === 'terraform.yml')?.text ?? '';
    const others = {
      slim: runExample('slim.yml'),
      terraform: runExample('terraform.yml', undefined, { file: write(withoutTerraform(terraform)) }),
      ...(!missingProgram.powerShell && { windows: runExample('windows.yml') }),
      ...(!missingProgram.django && {
        // Without an index, pip accepts only what Debian has installed.
        django: runExample('django.yml', undefined, { env: { PATH: debianPath, PIP_NO_INDEX: '1' } }),
      }),
    };
    const entries = Object.entries(others).map(async ([name, run]) => [name, await run] as const);
    Object.assign(runs, Object.fromEntries(await Promise.all(entries)));
    runs['environment'] = await runExample('deploy.yml', undefined, {
      file: write(`permissions: { id-token: write }\n${workflowWithSteps('run: env')}`),
    });
  });

  test('nightly without a server reports it as missing in an issue, and succeeds', () => {
    expect(runs['nightlyBefore']?.exitCode, runs['nightlyBefore']?.log).toBe(0);
    expect(issueBefore).toMatch(/^Issue #\d+ of relecloud\/space-travel, open\n/);
    expect(issueBefore).toContain('demo-relecloud');
  });

  test('the first deploy creates server and database, migrates, and the application reads it as its own role', () => {
    expect(runs['first']?.exitCode, runs['first']?.log).toBe(0);
    expect(runs['first']?.log).toMatch(/\bcreated? server demo-relecloud\b/i);
    expect(runs['first']?.log).toContain('migrated: 2_first-season');
    expect(runs['first']?.log).toContain('DB_USER: relecloud_app');
    expect(runs['first']?.log).toMatch(/Connected to relecloud on \S+ over TLS, its certificate verified/);
    expect(runs['first']?.log).toMatch(/Weekend at Tranquility.*Moon.*2031-07-20.*117/);
  });

  test('the second deploy creates nothing and migrates nothing', () => {
    expect(runs['second']?.exitCode, runs['second']?.log).toBe(0);
    expect(runs['second']?.log).not.toMatch(/\bcreated? (server|database|role|resource group) /i);
    expect(runs['second']?.log).toContain('nothing to migrate');
  });

  test('nightly after the deploy reports no drift and closes the issue', () => {
    expect(runs['nightlyAfter']?.exitCode, runs['nightlyAfter']?.log).toBe(0);
    expect(issueAfter).toMatch(/^Issue #\d+ of relecloud\/space-travel, closed\n/);
  });

  test('slim.yml queries the database as the application role', () => {
    expect(runs['slim']?.jobs['report']?.result, runs['slim']?.log).toBe('success');
    expect(runs['slim']?.log).toContain('DB_USER: relecloud_app');
    expect(runs['slim']?.log).toContain('Connected to relecloud on');
  });

  test('terraform.yml adopts an existing server without a region, and uses its database', () => {
    expect(runs['terraform']?.jobs['deploy']?.result, runs['terraform']?.log).toBe('success');
    expect(runs['terraform']?.log).not.toMatch(/terraform (init|apply)/);
    expect(runs['terraform']?.log).not.toMatch(/\bcreated? (server|resource group) /i);
    expect(runs['terraform']?.log).toContain('Connected to relecloud on');
  });

  test('windows.yml queries the database in PowerShell', ({ skip }) => {
    skip(missingProgram.powerShell, 'PowerShell (pwsh) is not installed.');
    expect(runs['windows']?.jobs['migrate']?.result, runs['windows']?.log).toBe('success');
    expect(runs['windows']?.log).toContain('Connected to relecloud on');
  });

  test('django.yml installs Django before the migration, migrates, and queries over TLS as the application role', ({
    skip,
  }) => {
    skip(
      missingProgram.django,
      'Install Debian’s packages python3-django, python3-psycopg2 and python3-venv.',
    );
    expect(runs['django']?.jobs['deploy']?.result, runs['django']?.log).toBe('success');
    expect(runs['django']?.log).toContain('Applying cruises.0002_first_season... OK');
    expect(runs['django']?.log).toMatch(/^ +Connected as relecloud_app over TLSv1\.[23]\.$/m);
    expect(runs['django']?.log).toContain('Weekend at Tranquility to Moon, 2031-07-20');
  });

  test('a step has only variables of GitHub’s runner, and those with which the emulator stands in for Azure', () => {
    const names = [...(runs['environment']?.log.matchAll(/^ +(\w+)=/gm) ?? [])].map(([, name]) => name);
    expect(names).toContain('GITHUB_REPOSITORY');
    expect(names).not.toContain('AZURE_CLIENT_ID');
    const gitHub = /^(CI|PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|GITHUB_\w+|RUNNER_\w+)$/;
    const ofBash = /^(PWD|OLDPWD|SHLVL|_)$/;
    expect(names.filter((name = '') => !gitHub.test(name) && !ofBash.test(name)).sort()).toEqual([
      'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
      'ACTIONS_ID_TOKEN_REQUEST_URL',
      'AZURE_AUTHORITY_HOST',
      'AZURE_RESOURCE_MANAGER_ENDPOINT',
      'EMULATOR_HOSTS_FILE',
      'IP_ECHO_URLS',
      // Of this test: a cache for Node.js, to save time.
      'NODE_COMPILE_CACHE',
      'NODE_EXTRA_CA_CERTS',
      'NODE_OPTIONS',
      // The machine of the run installs from npm's cache.
      'npm_config_audit',
      'npm_config_prefer_offline',
    ]);
  });

  test('no log and no summary contains a secret', ({ secrets }) => {
    expect(secrets).toContain('VerySecurePassword!1');
    for (const { log, summary } of Object.values(runs)) {
      expect(log + summary).not.toContain('VerySecurePassword');
      for (const secret of secrets) expect(log + summary).not.toContain(secret);
    }
  });

  test('an emulator started with --keep is found by the next run until it stops, and only its user can read how to reach it', async ({
    emulator,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), 'kept-'));
    try {
      saveRunningEmulator(folder, emulator);
      expect(statSync(join(folder, '.emulator')).mode & 0o777).toBe(0o700);
      expect(statSync(join(folder, '.emulator', 'kept.json')).mode & 0o777).toBe(0o600);
      expect(await findRunningEmulator(folder)).toEqual(emulator);
      await stopEmulator(emulator);
      expect(isRunning(emulator.pid)).toBe(false);
      expect(await findRunningEmulator(folder)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
