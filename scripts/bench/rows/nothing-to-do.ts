import { fileURLToPath } from 'node:url';
import type { Inputs } from '../../../workflow-runner/bundle-step.ts';
import { BenchEmulator, type RecordedRequest } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians, measureNode, median } from '../interleave.ts';
import { countRounds } from '../rounds.ts';
import { adminLogin, type BenchContext, BenchJob, runnerRange, typicalInputs } from '../step.ts';

const ROUNDS = 15;
/** Milliseconds from the arrival of a request at a service until its answer. */
const LATENCY_MS = 50;
/** The target: times the floor, and requests to Azure Resource Manager that wait for each other. */
const TIME_TARGET = 1.3;
const ROUNDS_TARGET = 2;

const inputs: Inputs = { ...typicalInputs, 'allowed-ip-ranges': runnerRange };

const isArmRequest = ({ service }: RecordedRequest): boolean => service === 'arm';

/** How long `ensure` and `check` take when they find everything as declared, against the requests that no run can omit. */
export async function measureNothingToDo(context: BenchContext): Promise<readonly Figure[]> {
  const emulator = await BenchEmulator.start({
    latencyMs: LATENCY_MS,
    postgresTemplateDirectory: await context.templates(),
  });
  try {
    await new BenchJob(context, emulator.env).main(inputs);
    const armRounds: Record<string, number[]> = { ensure: [], check: [] };
    const measureMode = async (mode: 'ensure' | 'check'): Promise<number> => {
      await emulator.clearRequests();
      const { milliseconds, outputs } = await new BenchJob(context, emulator.env).main({ ...inputs, mode });
      if (outputs['changes'] !== '[]') throw new Error(`${mode} has changed ${outputs['changes']}.`);
      armRounds[mode]?.push(countRounds((await emulator.requests()).filter(isArmRequest)));
      return milliseconds;
    };
    const floor = fileURLToPath(new URL('../floor.mjs', import.meta.url));
    const { PATH = '', HOME = '' } = process.env;
    const login = JSON.stringify(adminLogin(typicalInputs['server-name']));
    const floorEnv = { PATH, HOME, ...emulator.env, BENCH_LOGIN: login };
    const medians = await interleavedMedians(ROUNDS, {
      floor: () => measureNode({ args: [floor], env: floorEnv, exitCode: 0 }),
      ensure: () => measureMode('ensure'),
      check: () => measureMode('check'),
    });
    return (['ensure', 'check'] as const).flatMap((mode): Figure[] => [
      {
        row: 'nothing-to-do',
        what: `\`${mode}\` that finds everything as declared`,
        measured: medians[mode] / 1000,
        unit: 's',
        against: 'its floor: 3 requests, 1 login',
        baseline: medians.floor / 1000,
        comparison: 'ratio',
        target: TIME_TARGET,
        chartLabel: mode === 'ensure' ? 'Deploy, nothing to change' : 'Check, no drift',
      },
      {
        row: 'nothing-to-do',
        what: `requests of \`${mode}\` to Azure Resource Manager that wait for each other`,
        measured: median(armRounds[mode] ?? []),
        unit: 'rounds',
        against: '',
        baseline: Number.NaN,
        comparison: 'value',
        target: ROUNDS_TARGET,
      },
    ]);
  } finally {
    await emulator.close();
  }
}
