import { expect } from 'vitest';
import { runFix } from '../helpers/e2e/drift-scenarios.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = {
  ...defaultInputs,
  'server-name': 'firewall-rules',
  'allowed-ip-ranges': 'here=198.51.100.7',
};
const rule = (startIpAddress: string, endIpAddress = startIpAddress) => ({ startIpAddress, endIpAddress });

test.beforeAll(async ({ emulator }) => {
  const created = await runFix(emulator, inputs);
  expect(created.exitCode, created.log).toBe(0);
  const runs = { 31: { status: 'in_progress' }, 32: { status: 'completed' } };
  await emulator.control('PATCH', 'state', {
    repository: 'relecloud/space-travel',
    repositoryId: 4711,
    runs,
    tokens: {
      'may-read': { permissions: { actions: 'read' } },
      'may-nothing': { permissions: { contents: 'read' } },
    },
  });
});

async function runCheckWithRules(
  emulator: EmulatorHarness,
  token: string,
  rules: Record<string, unknown>,
  more: Record<string, string> = {},
) {
  await emulator.patchServer('firewall-rules', { rules });
  const step = await new Job(emulator).step({ ...inputs, ...more, mode: 'check', 'github-token': token });
  await emulator.patchServer('firewall-rules', {
    rules: Object.fromEntries(Object.keys(rules).map((name) => [name, null])),
  });
  const drift = JSON.parse(step.outputs['drift'] ?? '[]') as { name: string; kind: string }[];
  return { ...step, drift: drift.map(({ name, kind }) => `${kind} ${name}`).sort() };
}

const temporaryRules = {
  'gha-temporary-4711-31-1-aaaaaaaa': rule('203.0.113.1'),
  'gha-temporary-4711-32-1-bbbbbbbb': rule('203.0.113.2'),
  'gha-temporary-4711-33-1-cccccccc': rule('203.0.113.3'),
  'gha-temporary-99-31-1-dddddddd': rule('203.0.113.4'),
};

test('check reports temporary rules: none of a running run, unexpected of an ended one, otherwise unknown', async ({
  emulator,
}) => {
  const step = await runCheckWithRules(emulator, 'may-read', temporaryRules);
  expect(step.drift).toEqual([
    'unexpected gha-temporary-4711-32-1-bbbbbbbb',
    'unknown gha-temporary-4711-33-1-cccccccc',
    'unknown gha-temporary-99-31-1-dddddddd',
  ]);
  expect(step.exitCode).toBe(1);
});

test('check reports all temporary rules as unknown, without drift, if GitHub denies access to runs', async ({
  emulator,
}) => {
  const step = await runCheckWithRules(emulator, 'may-nothing', temporaryRules);
  expect(step.drift).toEqual(
    Object.keys(temporaryRules)
      .map((name) => `unknown ${name}`)
      .sort(),
  );
  expect(step.outputs['drifted']).toBe('false');
  expect(step.exitCode, step.log).toBe(0);
  expect(step.summary).toContain('actions: read');
});

test('check does not report the temporary rule of its own job', async ({ emulator }) => {
  await emulator.patchServer('firewall-rules', { rules: { here: null } });
  const job = new Job(emulator);
  const { 'allowed-ip-ranges': _, ...undeclared } = inputs;
  const ensured = await job.step(undeclared);
  expect(ensured.exitCode, ensured.log).toBe(0);
  expect((await emulator.ruleNames('firewall-rules')).some((name) => name.startsWith('gha-temporary-'))).toBe(
    true,
  );
  const step = await job.step({ ...undeclared, mode: 'check' });
  expect(step.outputs['drift']).toBe('[]');
  await job.runPosts();
  await emulator.patchServer('firewall-rules', { rules: { here: rule('198.51.100.7') } });
});

test('check annotates a rule that admits the whole internet as an error, declared or not, and with on-drift: warn', async ({
  emulator,
}) => {
  const everybody = rule('0.0.0.0', '255.255.255.255');
  for (const more of [{ 'on-drift': 'warn' }, { 'allowed-ip-ranges': 'here=198.51.100.7\nall=0.0.0.0/0' }]) {
    const step = await runCheckWithRules(emulator, 'may-read', { all: everybody }, more);
    expect(step.log).toMatch(
      /^::error title=[^:]*::Firewall rule 'all' admits the whole internet to server 'firewall-rules'/m,
    );
    expect(step.drift).toEqual('on-drift' in more ? ['unexpected all'] : []);
    expect(step.summary).toContain('open to the whole internet');
    expect(step.exitCode, step.log).toBe(0);
  }
});
