import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { readHosts } from '../../emulator/core/hosts-file.ts';
import { blocksUnder, readDocument } from '../helpers/document.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';
import { repositoryRoot } from '../helpers/root.ts';

const page = 'docs/frameworks.md';
const run = promisify(execFile);

/** Debian's Python, because its packages of Django and Alembic are not those of another Python in PATH. */
const python = '/usr/bin/python3';
const missingProgram = await run(python, ['-c', 'import alembic, django, psycopg2, sqlalchemy']).then(
  () => undefined,
  () => 'needs the Debian packages alembic, python3-django and python3-psycopg2',
);

/** With characters that each format has to encode, and with the `%` that is special for Alembic. */
const password = `P%40ss "w@rd'/ñ;1`;

interface Project {
  /** What the framework's own generator creates, and the migrations that the page leaves to the reader. */
  readonly create: (folder: string) => Promise<void> | void;
  /** Adds a code block of the page to the file that its first line names. Default: it is the file. */
  readonly addSnippet?: (file: string, code: string) => void;
  readonly isPython?: boolean;
}

const write = (folder: string, file: string, text: string): void => {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
};

const projects: Readonly<Record<string, Project>> = {
  Django: {
    isPython: true,
    create: async (folder) => {
      await run(python, ['-m', 'django', 'startproject', 'relecloud', folder]);
      write(folder, 'trips/__init__.py', '');
      write(folder, 'trips/migrations/__init__.py', '');
      write(
        folder,
        'trips/migrations/0001_initial.py',
        `from django.contrib.postgres.fields import CITextField
from django.contrib.postgres.operations import CITextExtension
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        CITextExtension(),
        migrations.CreateModel('Trip', [('id', models.AutoField(primary_key=True)), ('name', CITextField())], {'db_table': 'trips'}),
    ]
`,
      );
    },
    addSnippet: (file, code) =>
      writeFileSync(file, `${readFileSync(file, 'utf8')}\n${code}\nINSTALLED_APPS.append('trips')\n`),
  },
  Alembic: {
    isPython: true,
    create: async (folder) => {
      await run(python, ['-m', 'alembic.config', 'init', 'migrations'], { cwd: folder });
      write(
        folder,
        'migrations/versions/1_trips.py',
        `from alembic import op
revision = '1'
down_revision = None

def upgrade():
    op.execute('CREATE TABLE trips (name text)')
`,
      );
    },
    addSnippet: (file, code) => {
      const before = 'config = context.config\n';
      const generated = readFileSync(file, 'utf8');
      expect(generated).toContain(before);
      writeFileSync(
        file,
        generated.replace(before, () => before + code),
      );
    },
  },
  'node-pg-migrate': {
    create: (folder) => write(folder, 'migrations/1_trips.sql', 'CREATE TABLE trips (name text);'),
  },
  Knex: {
    create: (folder) =>
      write(
        folder,
        'migrations/1_trips.js',
        `exports.up = (knex) => knex.schema.createTable('trips', (table) => table.text('name'));
exports.down = (knex) => knex.schema.dropTable('trips');`,
      ),
  },
  Drizzle: {
    create: (folder) => {
      write(folder, 'drizzle/0000_trips.sql', 'CREATE TABLE "trips" ("name" text);');
      const entries = [{ idx: 0, version: '7', when: 1764150000000, tag: '0000_trips', breakpoints: true }];
      const journal = { version: '7', dialect: 'postgresql', entries };
      write(folder, 'drizzle/meta/_journal.json', JSON.stringify(journal));
    },
  },
  TypeORM: {
    create: (folder) => {
      write(
        folder,
        'dist/entities/trip.js',
        `const { EntitySchema } = require('typeorm');
exports.Trip = new EntitySchema({
  name: 'Trip', tableName: 'trips', columns: { id: { type: 'uuid', primary: true, generated: 'uuid' } },
});`,
      );
      write(
        folder,
        'dist/migrations/1-trips.js',
        `exports.Trips = class Trips1764150000000 {
  up = (runner) => runner.query('CREATE TABLE trips (id uuid PRIMARY KEY DEFAULT gen_random_uuid())');
  down = (runner) => runner.query('DROP TABLE trips');
};`,
      );
    },
  },
};

/**
 * Creates the project of a section in the workspace of a job, with the code blocks of the page.
 * @param edit changes a code block
 * @returns the inputs that the section adds to the step
 */
async function createProject(
  job: Job,
  framework: string,
  edit: (code: string) => string,
): Promise<Record<string, string>> {
  const project = projects[framework];
  if (project === undefined) throw new Error(`There is no project for ${framework}.`);
  const folder = job.tempDirectory;
  write(folder, 'package.json', '{ "private": true }');
  symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  // `python` and `alembic` are those of Debian, as they would be those of setup-python and pip on GitHub.
  mkdirSync(join(folder, 'bin'));
  symlinkSync(python, join(folder, 'bin', 'python'));
  symlinkSync('/usr/bin/alembic', join(folder, 'bin', 'alembic'));
  job.env['PATH'] = `${join(folder, 'bin')}:${job.env['PATH']}`;
  await project.create(folder);
  for (const { text: code, language, heading } of readDocument(page).blocks) {
    if (heading !== framework || language === 'yaml') continue;
    const [, file] = /^(?:#|\/\/) ([\w./-]+\.\w+)/.exec(code) ?? [];
    if (file === undefined) throw new Error(`A block for ${framework} names no file: ${code}`);
    (project.addSnippet ?? writeFileSync)(join(folder, file), edit(code));
  }
  return parse(blocksUnder(page, framework, 'yaml')[0] ?? '');
}

const inputs = { ...defaultInputs, 'server-name': 'frameworks', 'allowed-ip-ranges': 'here=198.51.100.7' };

interface Variation {
  readonly database?: string;
  readonly edit?: (code: string) => string;
  /** Changes the project in its folder. */
  readonly change?: (folder: string) => void;
}

/** Runs the step with the lines of a section, in a database of its own. */
async function migrate(
  emulator: EmulatorHarness,
  framework: string,
  { database = framework.toLowerCase().replaceAll('-', '_'), edit = (code) => code, change }: Variation = {},
): Promise<PhaseResult> {
  const { properties } = await emulator.serverState('frameworks');
  const hosts = readHosts(emulator.env['EMULATOR_HOSTS_FILE']);
  // libpq cannot resolve the emulator's host names.
  const address = hosts.get(String(properties['fullyQualifiedDomainName'])) ?? '';
  const job = new Job(emulator, projects[framework]?.isPython ? { PGHOSTADDR: address } : {});
  const ownInputs = await createProject(job, framework, edit);
  change?.(job.tempDirectory);
  const role = { 'app-username': `${database}_app`, 'app-password': password };
  return job.step({ ...inputs, ...ownInputs, database, ...role });
}

test.beforeAll(async ({ emulator }) => {
  const step = await new Job(emulator).step(inputs);
  expect(step.exitCode, step.log).toBe(0);
});

describe('the lines of docs/frameworks.md', () => {
  for (const [framework, { isPython = false }] of Object.entries(projects)) {
    test(`migrate with ${framework} as the application role, which owns the tables`, async ({
      emulator,
      skip,
    }) => {
      skip(isPython && missingProgram !== undefined, missingProgram);
      const step = await migrate(emulator, framework);
      expect(step.exitCode, step.log).toBe(0);
      const login = loginFromOutputs(step.outputs);
      expect(login).toMatchObject({ user: `${login.database}_app`, password });
      expect(
        await query(
          emulator,
          login,
          `SELECT tableowner AS owner, (SELECT count(*)::int FROM trips) AS rows FROM pg_tables WHERE tablename = 'trips'`,
        ),
      ).toEqual([{ owner: login.user, rows: 0 }]);
    });
  }
});

describe('what docs/frameworks.md warns about', () => {
  test('Alembic fails with a percent-encoded password without the doubled %', async ({ emulator, skip }) => {
    skip(missingProgram !== undefined, missingProgram);
    const step = await migrate(emulator, 'Alembic', {
      edit: (code) => code.replace('.replace("%", "%%")', ''),
    });
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain('invalid interpolation syntax');
  });

  test('TypeORM cannot create uuid-ossp as the application role, and its generated migrations fail', async ({
    emulator,
  }) => {
    const step = await migrate(emulator, 'TypeORM', {
      database: 'typeorm_uuid',
      edit: (code) => code.replace(/^ *(?:uuidExtension|installExtensions):.*\n/gm, ''),
      // As TypeORM generates it without uuidExtension.
      change: (folder) => {
        const file = join(folder, 'dist/migrations/1-trips.js');
        writeFileSync(file, readFileSync(file, 'utf8').replace('gen_random_uuid', 'uuid_generate_v4'));
      },
    });
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain('function uuid_generate_v4() does not exist');
  });

  test('Knex succeeds without running a migration with the ending .mjs', async ({ emulator }) => {
    const step = await migrate(emulator, 'Knex', {
      database: 'knex_mjs',
      change: (folder) =>
        renameSync(join(folder, 'migrations/1_trips.js'), join(folder, 'migrations/1_trips.mjs')),
    });
    expect(step.exitCode, step.log).toBe(0);
    const [row] = await query(
      emulator,
      loginFromOutputs(step.outputs),
      "SELECT to_regclass('trips') AS trips",
    );
    expect(row).toEqual({ trips: null });
  });
});
