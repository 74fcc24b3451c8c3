import type { Inputs } from '../../../workflow-runner/bundle-step.ts';
import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { median } from '../interleave.ts';
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
 * Seconds from the arrival of `CREATE DATABASE` at PostgreSQL to the last statement of the step, which records that the creation
 * is complete and reported. So every step of a creation counts, also the first login of the role. A difference of whole runs
 * would be of the size of their noise.
 */
async function measureCreation(
  context: BenchContext,
  emulator: BenchEmulator,
  inputs: Inputs,
): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await emulator.query(SERVER, 'postgres', `DROP DATABASE IF EXISTS ${inputs['database']}`);
    await emulator.control('DELETE', 'statements');
    const { outputs } = await new BenchJob(context, emulator.env).main(inputs);
    if (outputs['database-created'] !== 'true') throw new Error('The step has created no database.');
    const statements = await emulator.statements();
    const start = statements.find(({ statement }) => statement.startsWith('CREATE DATABASE'))?.at;
    const end = statements.at(-1)?.at;
    seconds.push((Date.parse(end ?? '') - Date.parse(start ?? '')) / 1000);
  }
  return median(seconds);
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
