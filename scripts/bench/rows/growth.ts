import { serializeMarker } from '../../../src/common/ownership-marker.ts';
import type { Inputs } from '../../../workflow-runner/bundle-step.ts';
import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure, Unit } from '../figures.ts';
import { median } from '../interleave.ts';
import { type BenchContext, measureMain, REPOSITORY_ID, runnerRange, typicalInputs } from '../step.ts';

/** The target: peak memory of one process in MiB. Time and requests must grow at most linearly. */
const MEMORY_TARGET_MIB = 150;
const LINEAR = 1;

const SERVER = typicalInputs['server-name'];
const inputs = { ...typicalInputs, 'allowed-ip-ranges': runnerRange };

/** What some amount of work needs. */
interface Cost {
  /** From the first spawn to the last exit. */
  readonly seconds: number;
  readonly requests: number;
  /** The highest of all processes. */
  readonly peakMib: number;
}

/** Runs steps at once, each in its own job. */
async function measureSteps(
  context: BenchContext,
  emulator: BenchEmulator,
  count: number,
  stepInputs: Inputs,
): Promise<Cost> {
  await emulator.clearRequests();
  const start = performance.now();
  const runs = await Promise.all(
    Array.from({ length: count }, () => measureMain(context, emulator.env, stepInputs)),
  );
  const seconds = (performance.now() - start) / 1000;
  const peakMib = Math.max(...runs.map((run) => run.peakMib));
  return { seconds, requests: (await emulator.requests()).length, peakMib };
}

/** The median time of several measurements, and the highest memory. */
const combine = (costs: readonly Cost[]): Cost => ({
  seconds: median(costs.map(({ seconds }) => seconds)),
  requests: median(costs.map(({ requests }) => requests)),
  peakMib: Math.max(...costs.map(({ peakMib }) => peakMib)),
});

/** The figures of work that is `factor` times as much as other work. */
function toFigures(what: string, large: Cost, small: Cost, smallWork: string, factor: number): Figure[] {
  const linear = (name: string, unit: Unit, measured: number, baseline: number): Figure => ({
    row: 'growth',
    what: `${what}: ${name}`,
    measured,
    unit,
    against: `${factor} × ${smallWork}`,
    baseline: factor * baseline,
    comparison: 'ratio',
    target: LINEAR,
  });
  return [
    linear('time', 's', large.seconds, small.seconds),
    linear('requests', 'requests', large.requests, small.requests),
    {
      row: 'growth',
      what: `${what}: peak memory of a process`,
      measured: large.peakMib,
      unit: 'MiB',
      against: '',
      baseline: Number.NaN,
      comparison: 'value',
      target: MEMORY_TARGET_MIB,
    },
  ];
}

async function measureJobs(context: BenchContext, emulator: BenchEmulator): Promise<readonly Figure[]> {
  const measure = (count: number) => measureSteps(context, emulator, count, inputs);
  const single: Cost[] = [];
  const ten: Cost[] = [];
  for (let round = 0; round < 3; round += 1) {
    single.push(await measure(1));
    ten.push(await measure(10));
  }
  const one = combine(single);
  return [
    ...toFigures('10 jobs at once', combine(ten), one, '1 job', 10),
    ...toFigures('50 jobs at once', await measure(50), one, '1 job', 50),
  ];
}

/** Creates the databases and roles of closed pull requests. */
async function createPullRequests(emulator: BenchEmulator, numbers: readonly number[]): Promise<void> {
  const queue = [...numbers];
  const base = { kind: 'pull-request', repositoryId: REPOSITORY_ID } as const;
  const { database, 'app-username': role } = inputs;
  const createQueued = async (): Promise<void> => {
    const session = await emulator.connect(SERVER, 'postgres');
    for (let pullRequest = queue.shift(); pullRequest !== undefined; pullRequest = queue.shift()) {
      const names = { database: `${database}_pr_${pullRequest}`, role: `${role}_pr_${pullRequest}` };
      const databaseMarker = serializeMarker({ ...base, pullRequest, base: database });
      const roleMarker = serializeMarker({ ...base, pullRequest, base: role, database: names.database });
      await session.query(`CREATE ROLE ${names.role}`);
      await session.query(`COMMENT ON ROLE ${names.role} IS '${roleMarker}'`);
      await session.query(`CREATE DATABASE ${names.database}`);
      await session.query(`COMMENT ON DATABASE ${names.database} IS '${databaseMarker}'`);
    }
    await session.end();
  };
  await Promise.all([createQueued(), createQueued()]);
  await emulator.control('PATCH', 'state', {
    repository: 'relecloud/space-travel',
    repositoryId: Number(REPOSITORY_ID),
    pulls: Object.fromEntries(numbers.map((number) => [number, { state: 'closed' }])),
  });
}

async function measureSweep(context: BenchContext, emulator: BenchEmulator): Promise<readonly Figure[]> {
  const measure = async (count: number): Promise<Cost> => {
    await createPullRequests(
      emulator,
      Array.from({ length: count }, (_, index) => index + 1),
    );
    return await measureSteps(context, emulator, 1, { ...inputs, mode: 'sweep', 'github-token': 'token' });
  };
  const small = await measure(30);
  return toFigures('sweep of 300 closed pull requests', await measure(300), small, 'sweep of 30', 10);
}

async function measureCheck(context: BenchContext, emulator: BenchEmulator): Promise<readonly Figure[]> {
  const measure = async (count: number): Promise<Cost> => {
    const rules = Array.from({ length: count }, (_, index) => {
      const base = `10.${index >> 8}.${index & 255}`;
      return { name: `rule-${index}`, startIpAddress: `${base}.0`, endIpAddress: `${base}.255` };
    });
    await emulator.patchServer(SERVER, {
      rules: Object.fromEntries(rules.map(({ name, ...range }) => [name, range])),
    });
    const ranges = rules.map((rule) => `${rule.name}=${rule.startIpAddress}-${rule.endIpAddress}`);
    const checkInputs = {
      ...inputs,
      mode: 'check',
      'allowed-ip-ranges': [runnerRange, ...ranges].join('\n'),
    };
    const costs: Cost[] = [];
    for (let round = 0; round < 3; round += 1)
      costs.push(await measureSteps(context, emulator, 1, checkInputs));
    return combine(costs);
  };
  const small = await measure(10);
  return toFigures('check of 2,000 firewall rules', await measure(2000), small, 'check of 10', 200);
}

/** How time, requests and memory grow with the work. */
export async function measureGrowth(context: BenchContext): Promise<readonly Figure[]> {
  const emulator = await BenchEmulator.start({ postgresTemplateDirectory: await context.templates() });
  try {
    await measureMain(context, emulator.env, inputs);
    return [
      ...(await measureJobs(context, emulator)),
      ...(await measureSweep(context, emulator)),
      ...(await measureCheck(context, emulator)),
    ];
  } finally {
    await emulator.close();
  }
}
