import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { fullConfig, runCheck, runFix } from '../helpers/e2e/drift-scenarios.ts';
import { Job } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';

const pageSize = 50;
const test = testWith({ pageSize });
const server = fullConfig['server-name'];

/** The most memory that a process has taken so far, in MiB; undefined once it has gone. */
function peakMemoryKib(pid: number | undefined): number | undefined {
  try {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

test('2,000 rules and 300 parameters: within 150 MB, and the requests grow with the pages, not with the things', async ({
  emulator,
}) => {
  const made = await runFix(emulator);
  expect(made.exitCode, made.log).toBe(0);

  const { parameters } = await emulator.serverState(server);
  const declared = Object.entries(parameters)
    .filter(([name, value]) => value !== '' && !/[\n#]/.test(value) && !['work_mem'].includes(name))
    .slice(0, 300)
    .map(([name, value]) => `${name}=${value}`);
  expect(declared).toHaveLength(300);
  const ranges = Array.from({ length: 2000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
  const rules = ranges.map((range, i) => {
    const base = range.replace('0/24', '');
    return [`rule-${i}`, { startIpAddress: `${base}0`, endIpAddress: `${base}255` }] as const;
  });
  await emulator.patchServer(server, { rules: Object.fromEntries(rules) });

  const inputs = {
    ...fullConfig,
    'server-parameters': declared.join('\n'),
    'allowed-ip-ranges': [fullConfig['allowed-ip-ranges'], ...ranges].join('\n'),
  };
  const whole = await runCheck(emulator, inputs);
  expect(whole.drift).toEqual([]);
  expect(whole.exitCode, whole.log).toBe(0);
  const pages = Math.ceil(2003 / pageSize) + Math.ceil(Object.keys(parameters).length / pageSize);
  // The server, the extensions' list and the database are asked for besides.
  expect(whole.requests.length).toBeLessThanOrEqual(pages + 4);

  let peak = 0;
  const step = await new Job(emulator).spawnStep(
    { ...inputs, mode: 'check', 'allowed-ip-ranges': fullConfig['allowed-ip-ranges'], 'on-drift': 'warn' },
    {
      onStarted: ({ pid }) => {
        const watch = setInterval(() => {
          const now = peakMemoryKib(pid);
          if (now === undefined) clearInterval(watch);
          else peak = Math.max(peak, now);
        }, 5);
        watch.unref();
      },
    },
  );
  expect(step.exitCode, step.log.slice(-2000)).toBe(0);
  // None of them is declared now.
  expect(JSON.parse(step.outputs['drift'] ?? '[]')).toHaveLength(2000);
  expect(peak).toBeGreaterThan(30);
  expect(peak).toBeLessThan(150);
});
