import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, describe, expect, inject } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/emulator.ts';
import { encodedVariants } from '../../src/github/encoded-variants.ts';
import { type PhaseResult, runPhase, toInputEnv, toStateEnv } from '../../workflow-runner/bundle-step.ts';
import { invalidOutputs } from '../helpers/step-end.ts';

const PASSWORD = 'Very"Secure%Password\\1';

/** The emulated Azure without a server, so that no PostgreSQL is needed, which the emulator has on Linux alone. */
const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest requires a destructured first argument
  .extend('emulator', { scope: 'file' }, async ({}, { onCleanup }): Promise<Emulator> => {
    const emulator = await startEmulator();
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('workspace', async ({ onTestFinished }) => {
    const workspace = mkdtempSync(join(tmpdir(), 'smoke workspace '));
    onTestFinished(() => rmSync(workspace, { recursive: true, force: true, maxRetries: 10 }));
    return workspace;
  });

const jobEnv = (workspace: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_COMPILE_CACHE: inject('built').compileCache,
  GITHUB_ACTIONS: 'true',
  GITHUB_WORKSPACE: workspace,
  GITHUB_REPOSITORY: 'relecloud/space-travel',
  GITHUB_REPOSITORY_ID: '4711',
  GITHUB_RUN_ID: '1',
  GITHUB_RUN_ATTEMPT: '1',
  RUNNER_TEMP: workspace,
  ...more,
});

const runMain = (env: NodeJS.ProcessEnv, inputs: Readonly<Record<string, string>>): Promise<PhaseResult> =>
  runPhase('main', inject('built').bundle, { ...env, ...toInputEnv(inputs) });

describe('the bundle on this system', () => {
  test('reports every invalid input, masks the password first, and sets its outputs', async ({
    workspace,
  }) => {
    const inputs = {
      'server-name': 'no/slash',
      database: '',
      'admin-password': PASSWORD,
      region: 'west europe!',
    };
    const { exitCode, log, outputs } = await runMain(jobEnv(workspace), inputs);
    expect(exitCode, log).toBe(1);
    for (const name of ['server-name', 'database', 'admin-username', 'region']) expect(log).toContain(name);
    expect(log).toContain('(inputs-invalid)');
    expect(invalidOutputs(outputs)).toEqual([]);
    const masks = [...log.matchAll(/^::add-mask::(.*?)\r?$/gm)].map(([, value = '']) =>
      value.replaceAll('%25', '%'),
    );
    expect(masks).toEqual(expect.arrayContaining([...encodedVariants(PASSWORD)]));
    const rest = log.replace(/^::add-mask::.*$/gm, '');
    for (const variant of encodedVariants(PASSWORD)) expect(rest).not.toContain(variant);
  });

  test('signs in with the job’s OIDC token over verified TLS, reads a config-file, and reports drift in files', async ({
    emulator,
    workspace,
  }) => {
    mkdirSync(join(workspace, 'db'));
    mkdirSync(join(workspace, 'reports'));
    writeFileSync(
      join(workspace, 'db', 'postgres.yml'),
      'server-name: absent\r\nresource-group: relecloud\r\n',
    );
    const env = jobEnv(workspace, emulator.readyLine.env);
    const inputs = {
      mode: 'check',
      'config-file': join('db', 'postgres.yml'),
      'drift-report': `${join('reports', 'drift.json')}\r\nreports/drift.sarif`,
    };
    const main = await runMain(env, inputs);
    expect(main.exitCode, main.log).toBe(1);
    expect(JSON.parse(main.outputs['drift'] ?? '')).toMatchObject([
      { resource: 'server', name: 'absent', kind: 'missing' },
    ]);
    const read = (name: string) => JSON.parse(readFileSync(join(workspace, 'reports', name), 'utf8'));
    expect(read('drift.json')).toMatchObject({ drifted: true });
    expect(read('drift.sarif').runs[0].results).toHaveLength(1);
    const post = await runPhase('post', inject('built').bundle, {
      ...env,
      ...toInputEnv(inputs),
      ...toStateEnv(main),
    });
    expect(post.exitCode, post.log).toBe(0);
    expect(post.log).toMatch(/no temporary firewall rule/i);
  });
});
