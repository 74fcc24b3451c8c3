import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareTemplates } from '../../emulator/postgres/cluster/template-cluster.ts';
import { toChart } from './chart.ts';
import { type Figure, isTargetMet, missedTargets, resultOf } from './figures.ts';
import { replaceFigures, toMarkdownTable, toTextTable } from './reports.ts';
import { measureAzScript } from './rows/az-script.ts';
import { measureCloneStrategies } from './rows/clone-strategies.ts';
import { measureDatabase } from './rows/database.ts';
import { measureFirewall } from './rows/firewall.ts';
import { measureGrowth } from './rows/growth.ts';
import { measureNewServer } from './rows/new-server.ts';
import { measureNothingToDo } from './rows/nothing-to-do.ts';
import { measureStart } from './rows/start.ts';
import type { BenchContext } from './step.ts';

type Row = (context: BenchContext) => Promise<readonly Figure[]>;

/** The rows in the order of the table. */
const ROWS = {
  start: measureStart,
  'nothing-to-do': measureNothingToDo,
  firewall: measureFirewall,
  'new-server': measureNewServer,
  database: measureDatabase,
  'az-script': measureAzScript,
  growth: measureGrowth,
} satisfies Readonly<Record<string, Row>>;

/** Rows that run only if they are named: measurements behind a constant of the code. */
const EXTRA_ROWS = { 'clone-strategies': measureCloneStrategies } satisfies Readonly<Record<string, Row>>;

const ALL_ROWS: Readonly<Record<string, Row>> = { ...ROWS, ...EXTRA_ROWS };

const USAGE = `Usage: npm run bench -- [ROW …] [--dist FOLDER] [--json FILE] [--chart FILE] [--markdown FILE]
Rows: ${Object.keys(ROWS).join(', ')}; without a name, all of these. Also: ${Object.keys(EXTRA_ROWS).join(', ')}.
Exits with 1 if a target is missed. See docs/performance.md.`;

function parseOptions() {
  try {
    const text = { type: 'string' } as const;
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { dist: text, json: text, chart: text, markdown: text, help: { type: 'boolean' } },
    });
    const unknown = positionals.filter((name) => ALL_ROWS[name] === undefined);
    const isPartOfDocument = values.markdown !== undefined && positionals.length > 0;
    if (unknown.length === 0 && !isPartOfDocument && !values.help) return { ...values, rows: positionals };
    if (unknown.length > 0) console.error(`Unknown row: ${unknown.join(', ')}`);
    if (isPartOfDocument) console.error('--markdown writes the table of all rows: name none.');
  } catch (error) {
    console.error(String(error));
  }
  console.error(USAGE);
  return process.exit(2);
}

const toJson = (figures: readonly Figure[]): string =>
  `${JSON.stringify(
    {
      node: process.version,
      cores: availableParallelism(),
      figures: figures.map((figure) => ({
        ...figure,
        result: resultOf(figure),
        isTargetMet: isTargetMet(figure),
      })),
    },
    null,
    2,
  )}\n`;

async function run(): Promise<void> {
  const options = parseOptions();
  const names = options.rows.length === 0 ? Object.keys(ROWS) : options.rows;
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  let templates: ReturnType<typeof prepareTemplates> | undefined;
  const context: BenchContext = {
    dist: resolve(options.dist ?? 'dist'),
    directory,
    templates: async () => {
      templates ??= prepareTemplates();
      return (await templates).directory;
    },
  };
  const figures: Figure[] = [];
  try {
    for (const [name, measure] of Object.entries(ALL_ROWS)) {
      if (!names.includes(name)) continue;
      const start = performance.now();
      figures.push(...(await measure(context)));
      console.error(`${name} took ${((performance.now() - start) / 1000).toFixed(0)} s`);
    }
  } finally {
    await (await templates)?.close();
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(toTextTable(figures));
  if (options.json !== undefined) writeFileSync(options.json, toJson(figures));
  if (options.chart !== undefined) writeFileSync(options.chart, toChart(figures));
  if (options.markdown !== undefined)
    writeFileSync(
      options.markdown,
      replaceFigures(readFileSync(options.markdown, 'utf8'), toMarkdownTable(figures)),
    );
  const missed = missedTargets(figures);
  for (const line of missed) console.error(`Target missed: ${line}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

await run();
