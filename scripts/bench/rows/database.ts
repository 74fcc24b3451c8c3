import type { Inputs } from '../../../workflow-runner/bundle-step.ts';
import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians } from '../interleave.ts';
import { type BenchContext, BenchJob, runnerRange, typicalInputs } from '../step.ts';

const ROUNDS = 5;
/** Seconds that Azure Resource Manager needs to create a database, recorded: docs/azure-behavior.md#operation-timings. */
const ARM_SECONDS = 12;
/** The target for an empty database: times faster than that. */
const TARGET = 20;

const SERVER = typicalInputs['server-name'];

/** The templates, each with one table of one integer column. */
const TEMPLATES = [
  { name: 'template_small', rows: 100_000, text: '100,000 rows' },
  { name: 'template_large', rows: 10_000_000, text: '10,000,000 rows' },
] as const;

async function createTemplate(emulator: BenchEmulator, name: string, rows: number): Promise<void> {
  await emulator.query(SERVER, 'postgres', `CREATE DATABASE ${name}`);
  await emulator.query(
    SERVER,
    name,
    `CREATE TABLE numbers AS SELECT n::int FROM generate_series(1, ${rows}) AS n`,
  );
}

/**
 * Seconds that a run takes longer because it creates its database: the median of runs that create it, minus the median of runs
 * that find it. So every step of a creation counts, also those that follow the last statement.
 */
async function measureCreation(
  context: BenchContext,
  emulator: BenchEmulator,
  inputs: Inputs,
): Promise<number> {
  const measure = async (expected: 'true' | 'false'): Promise<number> => {
    const { milliseconds, outputs } = await new BenchJob(context, emulator.env).main(inputs);
    if (outputs['database-created'] !== expected)
      throw new Error(`database-created is ${outputs['database-created']} instead of ${expected}.`);
    return milliseconds;
  };
  const database = inputs['database'] ?? '';
  await measure('true');
  const medians = await interleavedMedians(ROUNDS, {
    found: () => measure('false'),
    created: async () => {
      await emulator.query(SERVER, 'postgres', `DROP DATABASE ${database}`);
      return await measure('true');
    },
  });
  return (medians.created - medians.found) / 1000;
}

/** How long a new database takes, empty or as a clone, against Azure Resource Manager, which creates only empty ones. */
export async function measureDatabase(context: BenchContext): Promise<readonly Figure[]> {
  const emulator = await BenchEmulator.start({ postgresTemplateDirectory: await context.templates() });
  try {
    const inputs = { ...typicalInputs, 'allowed-ip-ranges': runnerRange };
    await new BenchJob(context, emulator.env).main({ ...inputs, database: 'first', 'app-username': 'first' });
    const toFigure = (what: string, measured: number): Figure => ({
      row: 'database',
      what,
      measured,
      unit: 's',
      against: 'empty database by Azure Resource Manager, recorded',
      baseline: ARM_SECONDS,
      comparison: 'times faster',
    });
    const figures: Figure[] = [
      {
        ...toFigure('new empty database', await measureCreation(context, emulator, inputs)),
        target: TARGET,
        chartLabel: 'New database',
      },
    ];
    for (const { name, rows, text } of TEMPLATES) {
      await createTemplate(emulator, name, rows);
      const clone = {
        ...inputs,
        template: name,
        database: `clone_of_${name}`,
        'app-username': `app_${name}`,
      };
      figures.push(toFigure(`clone of ${text}`, await measureCreation(context, emulator, clone)));
    }
    return figures;
  } finally {
    await emulator.close();
  }
}
