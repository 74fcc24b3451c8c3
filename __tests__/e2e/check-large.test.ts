import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checked, declaredWhole, fixed } from '../helpers/e2e/drift-scenarios.ts';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job } from '../helpers/e2e/job.ts';

const pageSize = 50;
const bench = useAzure({ blocked: 'reject', provision: 100, firewallDelay: 50, pageSize });
const server = declaredWhole['server-name'];

/** The most memory that a process has taken so far, in MiB; undefined once it has gone. */
function peakOf(pid: number | undefined): number | undefined {
  try {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

test('2,000 rules and 300 parameters: within 150 MB, and the requests grow with the pages, not with the things', async () => {
  const { azure } = bench;
  const made = await fixed(azure);
  expect(made.exitCode, made.log).toBe(0);

  const { parameters } = await azure.server(server);
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
  await azure.patch(server, { rules: Object.fromEntries(rules) });

  const inputs = {
    ...declaredWhole,
    'server-parameters': declared.join('\n'),
    'allowed-ip-ranges': [declaredWhole['allowed-ip-ranges'], ...ranges].join('\n'),
  };
  const whole = await checked(azure, inputs);
  expect(whole.drift).toEqual([]);
  expect(whole.exitCode, whole.log).toBe(0);
  const pages = Math.ceil(2003 / pageSize) + Math.ceil(Object.keys(parameters).length / pageSize);
  // The server, the extensions' list and the database are asked for besides.
  expect(whole.requests.length).toBeLessThanOrEqual(pages + 4);

  let peak = 0;
  const step = await new Job(azure).step(
    { ...inputs, mode: 'check', 'allowed-ip-ranges': declaredWhole['allowed-ip-ranges'], 'on-drift': 'warn' },
    {
      started: ({ pid }) => {
        const watch = setInterval(() => {
          const now = peakOf(pid);
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
}, 180_000);
