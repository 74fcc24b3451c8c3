import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { runCheck, runFix } from '../helpers/e2e/drift-scenarios.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const password = 'VerySecurePassword!1';
const inputs = {
  ...defaultInputs,
  'admin-password': password,
  'server-name': 'checked-server',
  'allowed-ip-ranges': 'here=198.51.100.7',
};

test.beforeAll(async ({ emulator }) => {
  const created = await runFix(emulator, inputs);
  expect(created.exitCode, created.log).toBe(0);
});

describe('check only reads and never opens the firewall', () => {
  test.for([
    ['if everything is as declared', {}, 0, []],
    ['if the server is absent', { 'server-name': 'not-there' }, 1, ['missing']],
    ['if the database is absent', { database: 'not_there' }, 1, ['missing']],
    ['if a property differs', { 'storage-size-gb': '64' }, 1, ['changed']],
    [
      'if a property differs, with on-drift: warn',
      { 'storage-size-gb': '64', 'on-drift': 'warn' },
      0,
      ['changed'],
    ],
    [
      'if a firewall rule is not declared',
      { 'allowed-ip-ranges': '', 'on-drift': 'warn' },
      0,
      ['unexpected'],
    ],
  ] as const)('%s', async ([, more, exitCode, kinds], { emulator }) => {
    const check = await runCheck(emulator, { ...inputs, ...more });
    expect(check.exitCode, check.log).toBe(exitCode);
    expect(check.drift.map(({ kind }) => kind)).toEqual(kinds);
    expect(check.outputs['drifted']).toBe(String(kinds.length > 0));
    expect(check.summary.includes('| What |')).toBe(kinds.length > 0);
    expect(check.requests.length).toBeGreaterThan(0);
    expect(check.writes).toEqual([]);
    expect(check.rules.after).toEqual(check.rules.before);
    expect(check.outputs['changes']).toBe('[]');
  });

  test('and needs only read permission on the server', async ({ emulator }) => {
    const check = await runCheck(emulator, { ...inputs, 'resource-group': 'checked-server' });
    expect(check.exitCode, check.log).toBe(0);
    for (const { path } of check.requests) expect(path).toMatch(/flexibleServers\/checked-server/);
  });
});

describe('check reports', () => {
  test('annotations at the line of the config-file that declares the property, and what cannot be fixed', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    mkdirSync(join(job.tempDirectory, 'deploy'), { recursive: true });
    writeFileSync(
      join(job.tempDirectory, 'deploy', 'database.yml'),
      'database: relecloud\nregion: northeurope\nbackup-retention-days: 21\n',
    );
    const step = await job.step({
      ...inputs,
      // An empty input counts as missing.
      region: '',
      database: '',
      mode: 'check',
      'config-file': 'deploy/database.yml',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(
      /::error title=[^,]*,file=deploy\/database\.yml,line=2::Server checked-server region: is West Europe, declared northeurope. What to do: a server cannot move/,
    );
    expect(step.log).toMatch(/::error title=[^,]*,file=deploy\/database\.yml,line=3::.*on-drift: fix/);
    expect(step.summary).toContain('What to do');
  });

  test('warnings with on-drift: warn, at most as many as GitHub shows', async ({ emulator }) => {
    const parameters = ['work_mem=8192', ...Array.from({ length: 12 }, (_, i) => `no_such_${i}=1`)];
    const step = await new Job(emulator).step({
      ...inputs,
      mode: 'check',
      'on-drift': 'warn',
      'server-parameters': parameters.join('\n'),
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log.match(/^::warning /gm)).toHaveLength(9);
    expect(step.log).not.toMatch(/^::error/m);
    expect(JSON.parse(step.outputs['drift'] ?? '[]')).toHaveLength(13);
  });

  test('JSON and SARIF in drift-report, also if drift fails the step, and in ensure', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const reports = { 'drift-report': 'out/drift.json\nout/drift.sarif', 'backup-retention-days': '21' };
    const step = await job.step({ ...inputs, ...reports, mode: 'check' });
    expect(step.exitCode).toBe(1);
    const read = (name: string): Record<string, never> =>
      JSON.parse(readFileSync(join(job.tempDirectory, 'out', name), 'utf8'));
    const output = JSON.parse(step.outputs['drift'] ?? '[]');
    expect(output).toHaveLength(1);
    expect(read('drift.json')).toMatchObject({ drifted: true, server: 'checked-server', drift: output });
    expect(read('drift.sarif')).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'server/changed', level: 'warning' }] }],
    });
    const text = readFileSync(join(job.tempDirectory, 'out', 'drift.json'), 'utf8');
    expect(text + step.summary).not.toContain(password);

    const ensured = await job.step({ ...inputs, ...reports });
    expect(ensured.exitCode, ensured.log).toBe(0);
    expect(read('drift.json')).toMatchObject({ drifted: true, drift: output });
    await job.runPosts();
  });

  test('an error if the file of drift-report cannot be written', async ({ emulator }) => {
    const job = new Job(emulator);
    writeFileSync(join(job.tempDirectory, 'taken'), '');
    const step = await job.step({ ...inputs, mode: 'check', 'drift-report': 'taken/drift.json' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('taken/drift.json');
    expect(step.log).toContain('(report-not-written)');
  });
});
