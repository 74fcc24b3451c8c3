import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { fullConfig, runCheck, runFix } from '../helpers/e2e/drift-scenarios.ts';
import { Job } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';

const pageSize = 50;
const test = testWith({ pageSize });
const server = fullConfig['server-name'];

/** The peak memory of a process so far, in MiB; undefined after it has exited. */
function peakMemoryMib(pid: number | undefined): number | undefined {
  try {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

test('a check of 2,000 rules and 300 parameters needs less than 150 MiB, and one request for each page of a list', async ({
  emulator,
}) => {
  const created = await runFix(emulator);
  expect(created.exitCode, created.log).toBe(0);

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
  const check = await runCheck(emulator, inputs);
  expect(check.drift).toEqual([]);
  expect(check.exitCode, check.log).toBe(0);
  const pages = Math.ceil(2003 / pageSize) + Math.ceil(Object.keys(parameters).length / pageSize);
  // Other requests are for the server, the list of extensions and the database.
  expect(check.requests.length).toBeLessThanOrEqual(pages + 4);

  let peak = 0;
  const step = await new Job(emulator).spawnStep(
    { ...inputs, mode: 'check', 'allowed-ip-ranges': fullConfig['allowed-ip-ranges'], 'on-drift': 'warn' },
    {
      onStarted: ({ pid }) => {
        const timer = setInterval(() => {
          const current = peakMemoryMib(pid);
          if (current === undefined) clearInterval(timer);
          else peak = Math.max(peak, current);
        }, 5);
        timer.unref();
      },
    },
  );
  expect(step.exitCode, step.log.slice(-2000)).toBe(0);
  // Now none of the 2,000 rules is declared.
  expect(JSON.parse(step.outputs['drift'] ?? '[]')).toHaveLength(2000);
  expect(peak).toBeGreaterThan(30);
  expect(peak).toBeLessThan(150);
});
