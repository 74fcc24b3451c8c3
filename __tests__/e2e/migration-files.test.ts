import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'files', 'allowed-ip-ranges': 'here=198.51.100.7' };

test.beforeAll(async ({ emulator }) => {
  const step = await new Job(emulator).step(inputs);
  expect(step.exitCode, step.log).toBe(0);
});

/** A command that appends a value to one of the runner's files, in the format of @actions/core. */
const appendCommand = (file: string, name: string, value: string): string =>
  `printf '%s\\n' '${name}<<ghadelimiter_x' '${value}' ghadelimiter_x >> ${file}`;

describe('a migration that writes to the runner’s files does not replace what the action writes', () => {
  test.for([
    ['succeeds', 0],
    ['fails', 1],
  ] as const)('outputs and environment, if it %s', async ([, exitCode], { emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'migration-command': [
        appendCommand('$GITHUB_OUTPUT', 'db-host', 'elsewhere.example'),
        appendCommand('$GITHUB_OUTPUT', 'database-url', 'postgresql://elsewhere.example/'),
        appendCommand('$GITHUB_ENV', 'DB_HOST', 'elsewhere.example'),
        appendCommand('$GITHUB_ENV', 'OWN', 'value'),
        // Incomplete lines: the next lines must not continue them.
        'printf db-host=x >> $GITHUB_OUTPUT',
        'printf Y=1 >> $GITHUB_ENV',
        `exit ${exitCode}`,
      ].join('\n'),
    });
    expect(step.exitCode).toBe(exitCode);
    const { 'db-host': host = '', 'database-url': url } = step.outputs;
    expect(host).not.toBe('');
    expect(host).not.toContain('elsewhere');
    expect(url).toContain(`@${host}:5432/relecloud`);
    expect(step.exportedEnv).toMatchObject({ DB_HOST: host, DATABASE_URL: url, OWN: 'value' });
  });

  test('the state that post reads', async ({ emulator }) => {
    const rule = '{"rule":"gha-temporary-1-2-3-x","server":"other","resourceGroup":"other"}';
    // The step does not have its name, but it is beside the others.
    const state = '${GITHUB_ENV/set_env_/save_state_}';
    const job = new Job(emulator);
    const step = await job.step({
      ...inputs,
      'migration-command': [appendCommand(state, 'rule', rule), appendCommand(state, 'sign-in', '{}')].join(
        '\n',
      ),
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.state['rule']).toBe('null');
    expect(JSON.parse(step.state['sign-in'] ?? '')).toMatchObject({ way: expect.any(String) });
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
  });

  test('files that it has replaced by a pipe or a folder, or removed', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'migration-command': [
        'rm "$GITHUB_STEP_SUMMARY" && mkfifo "$GITHUB_STEP_SUMMARY"',
        'rm "$GITHUB_ENV" && mkdir "$GITHUB_ENV"',
        'rm "$GITHUB_OUTPUT"',
      ].join('\n'),
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-name']).toBe('relecloud');
    expect(step.exportedEnv['DB_NAME']).toBe('relecloud');
    expect(step.summary).toContain('relecloud');
    expect(step.log).toContain('GITHUB_STEP_SUMMARY no longer named a regular file');
  });

  test('the error is the failed migration, even if a file cannot be written after it', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'drift-report': 'drift.json',
      'migration-command': 'mkdir -p drift.json/x; exit 3',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/::error::The migration command ended with exit code 3.*\(migration-failed\)/s);
    expect(step.log).toContain('(report-not-written)');
  });

  test('env-file, which the migration can read', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.step({
      ...inputs,
      'env-file': '.env',
      'migration-command': 'cp .env copy; echo DB_HOST=elsewhere.example > .env',
    });
    expect(step.exitCode, step.log).toBe(0);
    const [copy, file] = ['copy', '.env'].map((name) => readFileSync(join(job.tempDirectory, name), 'utf8'));
    expect(copy).toContain(`DB_HOST=${step.outputs['db-host']}`);
    expect(file).toBe(copy);
  });

  test('the root certificates', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      'ssl-mode': 'verify-full',
      'migration-command': 'echo none > $DB_SSLROOTCERT',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(readFileSync(step.exportedEnv['DB_SSLROOTCERT'] ?? '', 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  test('drift-report', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.step({
      ...inputs,
      'drift-report': 'drift.json',
      'migration-command': 'echo forged > drift.json',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.parse(readFileSync(join(job.tempDirectory, 'drift.json'), 'utf8'))).toBeTypeOf('object');
  });
});
