import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import {
  type Inputs,
  type PhaseResult,
  runPhase,
  toInputEnv,
  toStateEnv,
} from '../../workflow-runner/bundle-step.ts';
import { deleteLiveGroup, listTemporaryRules, requireNewGroup } from './azure.ts';

export interface LiveOptions {
  /** Name of the server and of its resource group, which must not exist yet. */
  readonly name: string;
  readonly region: string;
  /** Folder with the bundle. */
  readonly bundle: string;
  /** The environment of the job. */
  readonly env: NodeJS.ProcessEnv;
  /** Called with the title of each part before it begins. */
  readonly onPart: (title: string) => void;
  /** Called with the output of the action, which has the masks of its secrets in it. */
  readonly onOutput: (text: string) => void;
  /** Called with a secret before it is used. */
  readonly onSecret: (secret: string) => void;
}

const DATABASE = 'relecloud';
const APP_ROLE = 'relecloud_app';
const SHORT_EXPIRY_MS = 1000;

/** Creates a table with one row, and changes nothing if it exists. */
const MIGRATION = `CREATE TABLE IF NOT EXISTS cruise (name text PRIMARY KEY);
INSERT INTO cruise VALUES ('first') ON CONFLICT DO NOTHING`;

/** A program for migration commands, which executes its first argument as SQL. */
const queryScript = fileURLToPath(new URL('query.ts', import.meta.url));

/**
 * Runs the life of a server with the bundle of the action, and asserts what the end-to-end tests assert about the emulator:
 * creation, a second run, pull requests, drift, a fix, a sweep. Deletes the resource group at the end in any case.
 * @throws AssertionError for the first thing that is not as expected, Error if the resource group exists already
 */
export async function runLifeCycle(options: LiveOptions): Promise<void> {
  await requireNewGroup(options.name);
  try {
    await new LifeCycle(options).run();
  } finally {
    options.onPart('Delete the resource group');
    await deleteLiveGroup(options.name);
  }
}

class LifeCycle {
  readonly #options: LiveOptions;
  readonly #inputs: Inputs;

  constructor(options: LiveOptions) {
    const password = `Aa1!${randomBytes(24).toString('base64url')}`;
    const key = randomBytes(32).toString('base64');
    for (const secret of [password, key]) options.onSecret(secret);
    this.#options = options;
    this.#inputs = {
      'server-name': options.name,
      'resource-group': options.name,
      region: options.region,
      'admin-username': 'relecloud_admin',
      'admin-password': password,
      database: DATABASE,
      'app-username': APP_ROLE,
      'app-password-key': key,
    };
  }

  async run(): Promise<void> {
    await this.#create();
    await this.#runAgain();
    await this.#checkDrift();
    await this.#ensurePullRequest();
    await this.#sweep();
  }

  async #create(): Promise<void> {
    this.#begin('Create the server, the database and the application role');
    const migration = `"${process.execPath}" "${queryScript}" "${MIGRATION.replace('\n', ' ')}"`;
    await this.#step({ 'migration-command': migration }, async ({ outputs }) => {
      assert.equal(outputs['server-created'], 'true');
      assert.equal(outputs['database-created'], 'true');
      assert.deepEqual(
        changesIn(outputs).map(({ resource, action }) => `${action} ${resource}`),
        ['create resource group', 'create server', 'create role', 'create database'],
      );
      assert.equal(outputs['db-user'], APP_ROLE);
      // The role can log in between main and post, and owns what the migration has created.
      const [row] = await query(
        outputs,
        "SELECT tableowner, name FROM pg_tables, cruise WHERE tablename = 'cruise'",
      );
      assert.deepEqual(row, { tableowner: APP_ROLE, name: 'first' });
    });
  }

  async #runAgain(): Promise<void> {
    this.#begin('Run again, which changes nothing');
    await this.#step({}, async ({ outputs }) => {
      assert.equal(outputs['changes'], '[]');
      assert.equal(outputs['server-created'], 'false');
      assert.equal(outputs['database-created'], 'false');
      assert.equal(outputs['drifted'], 'false');
    });
  }

  async #checkDrift(): Promise<void> {
    const declared = { 'backup-retention-days': '8' };
    this.#begin('Check for drift');
    const drifted = await this.#main({ ...declared, mode: 'check' });
    assert.equal(drifted.exitCode, 1, 'a check with drift must fail');
    assert.deepEqual(changedIn(drifted.outputs), ['backup retention: 7, declared 8']);
    this.#begin('Fix the drift');
    await this.#step({ ...declared, 'on-drift': 'fix' }, async ({ outputs }) => {
      assert.deepEqual(
        changesIn(outputs).map(({ resource, action }) => `${action} ${resource}`),
        ['update server'],
      );
    });
    const fixed = await this.#main({ ...declared, mode: 'check' });
    assert.equal(fixed.exitCode, 0, 'a check after the fix must succeed');
    assert.equal(fixed.outputs['drifted'], 'false');
    assert.deepEqual(changedIn(fixed.outputs), []);
  }

  async #ensurePullRequest(): Promise<void> {
    this.#begin('Clone the database for a pull request');
    const inputs = this.#pullRequestInputs(1);
    await this.#step(inputs, async ({ outputs }) => {
      assert.equal(outputs['database-created'], 'true');
      assert.equal(outputs['db-name'], `${DATABASE}_pr_1`);
      assert.equal(outputs['db-user'], `${APP_ROLE}_pr_1`);
      // The clone has the rows of the template, and the role of the pull request can change the tables.
      await query(outputs, "ALTER TABLE cruise ADD COLUMN port text; INSERT INTO cruise VALUES ('second')");
      assert.equal((await query(outputs, 'SELECT name FROM cruise')).length, 2);
    });
    this.#begin('Reset the database of the pull request');
    await this.#step({ ...inputs, reset: 'true' }, async ({ outputs }) => {
      assert.equal(outputs['database-created'], 'true');
      assert.deepEqual(await query(outputs, 'SELECT * FROM cruise'), [{ name: 'first' }]);
    });
    this.#begin('Drop the database of the pull request');
    await this.#step({ ...inputs, mode: 'drop' }, async ({ outputs }) => {
      assert.deepEqual(droppedIn(outputs), [`database ${DATABASE}_pr_1`, `role ${APP_ROLE}_pr_1`]);
    });
  }

  async #sweep(): Promise<void> {
    this.#begin('Create the database of a pull request that expires');
    const expiring = { ...this.#pullRequestInputs(2), 'expires-in': `${SHORT_EXPIRY_MS / 1000}s` };
    await this.#step(expiring, async ({ outputs }) => {
      // The server's own clock decides about the expiry.
      await query(outputs, `SELECT pg_sleep(${(SHORT_EXPIRY_MS + 100) / 1000})`);
    });
    this.#begin('Sweep what has expired');
    await this.#step({ mode: 'sweep' }, async ({ outputs }) => {
      assert.deepEqual(droppedIn(outputs), [`database ${DATABASE}_pr_2`, `role ${APP_ROLE}_pr_2`]);
    });
  }

  #pullRequestInputs(number: number): Inputs {
    return { 'per-pull-request': 'true', 'pull-request-number': String(number), template: DATABASE };
  }

  #begin(title: string): void {
    this.#options.onPart(title);
  }

  #main(inputs: Inputs): Promise<PhaseResult> {
    const { bundle, env, onOutput } = this.#options;
    const inputEnv = toInputEnv({ ...this.#inputs, ...inputs });
    return runPhase('main', bundle, { ...env, ...inputEnv }, onOutput);
  }

  /** Runs main, then `inspect` while the firewall admits this runner, then post, which must remove the temporary rule. */
  async #step(inputs: Inputs, inspect: (result: PhaseResult) => Promise<void>): Promise<void> {
    const { bundle, env, name, onOutput } = this.#options;
    const result = await this.#main(inputs);
    try {
      assert.equal(result.exitCode, 0, 'main must succeed');
      await inspect(result);
    } finally {
      const inputEnv = toInputEnv({ ...this.#inputs, ...inputs });
      const post = await runPhase('post', bundle, { ...env, ...inputEnv, ...toStateEnv(result) }, onOutput);
      assert.equal(post.exitCode, 0, 'post must succeed');
    }
    assert.deepEqual(await listTemporaryRules(name, name), []);
  }
}

type Outputs = PhaseResult['outputs'];
type Json = Readonly<Record<string, unknown>>;

const parseList = (text: string | undefined): readonly Json[] => JSON.parse(text ?? '[]');
const changesIn = (outputs: Outputs): readonly Json[] => parseList(outputs['changes']);
/** Without what a check could not read, because it never opens the firewall. */
const changedIn = (outputs: Outputs): readonly string[] =>
  parseList(outputs['drift'])
    .filter(({ kind }) => kind === 'changed')
    .map(({ property, expected, actual }) => `${property}: ${actual}, declared ${expected}`);
const droppedIn = (outputs: Outputs): readonly string[] =>
  parseList(outputs['dropped']).map(({ resource, name }) => `${resource} ${name}`);

/** Executes SQL with the published connection over verified TLS, and returns the rows of the last statement. */
async function query(outputs: Outputs, sql: string): Promise<readonly Json[]> {
  const client = new pg.Client({
    host: outputs['db-host'] ?? '',
    port: Number(outputs['db-port']),
    user: outputs['db-user'] ?? '',
    password: outputs['db-password'] ?? '',
    database: outputs['db-name'] ?? '',
    ssl: true,
  });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
