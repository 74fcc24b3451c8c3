import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, describe, expect, vi } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { ActionsRuntime } from '../../src/github/actions.ts';
import { ActionState } from '../../src/github/state.ts';
import { defaultCharset, defaultCollation } from '../../src/inputs/defaults.ts';
import { parseConfig } from '../../src/inputs/parse/parse-config.ts';
import { secretInputs } from '../../src/inputs/schema.ts';
import { serverProperties } from '../../src/inputs/server-properties.ts';
import { OUTPUT_NAMES } from '../../src/publish/outputs.ts';
import { publishConnection } from '../../src/publish/publish.ts';
import { Reporter } from '../../src/reporting/reporter.ts';
import { parseKeyValues } from '../../workflow-runner/step-files.ts';
import { driftScenarios, fullConfig } from '../helpers/e2e/drift-scenarios.ts';
import { checkConfig, ensureConfig, exampleServer } from '../helpers/unit/test-configs.ts';

interface ActionInput {
  readonly description: string;
  readonly required?: boolean;
  readonly default?: string;
}

const repositoryRoot = new URL('../../', import.meta.url);
const action: {
  readonly name: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, ActionInput>>;
  readonly outputs: Readonly<Record<string, { readonly description: string }>>;
  readonly runs: {
    readonly using: string;
    readonly main: string;
    readonly post: string;
    readonly 'post-if'?: string;
  };
} = parseYaml(readFileSync(new URL('action.yml', repositoryRoot), 'utf8'));
const inputs = Object.entries(action.inputs);

const test = base.extend('written', async ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'outputs-'));
  for (const name of ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']) {
    writeFileSync(join(folder, name), '');
    vi.stubEnv(name, join(folder, name));
  }
  // Commands to the runner, which does not run here.
  const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    output.mockRestore();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  /** Names of the outputs so far. */
  return (): readonly string[] =>
    parseKeyValues(readFileSync(join(folder, 'GITHUB_OUTPUT'), 'utf8')).map(([name]) => name);
});

/** Every input that the parser reads, over all modes. */
function readInputs(): ReadonlySet<string> {
  const names = new Set<string>();
  for (const mode of ['ensure', 'check', 'drop', 'sweep']) {
    const raw = (name: string): string => {
      names.add(name);
      return name === 'mode' ? mode : '';
    };
    parseConfig(raw, { env: {}, isDirectory: () => true });
  }
  return names;
}

/** The default that a description states as "Default: `…`."; a conditional default has another form. */
const statedDefault = ({ description }: ActionInput): string | undefined =>
  /\bDefault: `([^`]+)`\.$/.exec(description)?.[1];

describe('action.yml', () => {
  test('has no expression in a description, where GitHub evaluates it and rejects the file', () => {
    for (const [name, { description }] of [...inputs, ...Object.entries(action.outputs)])
      expect(description, name).not.toContain('${{');
  });

  test('runs on Node.js 24, main and post from dist/, and post always', () => {
    expect(action.runs.using).toBe('node24');
    expect(existsSync(new URL(action.runs.main, repositoryRoot))).toBe(true);
    expect(existsSync(new URL(action.runs.post, repositoryRoot))).toBe(true);
    expect(action.runs['post-if'] ?? 'always()').toBe('always()');
  });

  test.each(inputs)('the input %s is read by the parser and described', (name, { description }) => {
    expect([...readInputs()]).toContain(name);
    expect(description).toMatch(/\S.*\.$/s);
  });

  test('every input that the parser reads is declared', () => {
    expect([...readInputs()].filter((name) => !(name in action.inputs))).toEqual([]);
  });

  test('the stated defaults are the defaults of the parser', () => {
    const stated = inputs.flatMap(([name, input]) => {
      const value = statedDefault(input);
      return value === undefined || input.default !== undefined ? [] : [[name, value]];
    });
    expect(stated.length).toBeGreaterThan(15);
    const { charset, collation, ...defaults } = Object.fromEntries(stated);
    expect(ensureConfig(defaults)).toEqual(ensureConfig());
    expect(checkConfig(defaults)).toEqual(checkConfig());
    expect(defaultCharset(ensureConfig().database)).toBe(charset);
    expect(defaultCollation(ensureConfig().database)).toBe(collation);
  });

  test('only github-token has a `default:`, because it would override the config-file', () => {
    const withDefault = inputs.filter(([, input]) => input.default !== undefined);
    expect(withDefault.map(([name]) => name)).toEqual(['github-token']);
    // Without the braces, because GitHub would evaluate an expression in the description.
    for (const [, input] of withDefault)
      expect(input.default).toBe(['${{', statedDefault(input), '}}'].join(' '));
  });

  test('the descriptions of secret inputs state that they come from a secret', () => {
    for (const name of secretInputs) expect(action.inputs[name]?.description).toContain('from a secret');
  });

  test('only the input that every mode needs is required', () => {
    expect(inputs.filter(([, { required }]) => required).map(([name]) => name)).toEqual(['server-name']);
  });
});

describe('a server property of the table in src/inputs/server-properties.ts', () => {
  const properties = Object.values(serverProperties);
  // A server cannot become a cluster, so the end-to-end test of this property is in check-properties.test.ts.
  const withoutScenario = ['cluster-size'];

  test.each(properties)(
    '$input has its default of a new server in action.yml',
    ({ input, default: value }) => {
      const [, stated] =
        /Default of a new server: `([^`]+)`\.$/.exec(action.inputs[input]?.description ?? '') ?? [];
      if (value !== undefined) expect(stated).toBe(String(typeof value === 'function' ? value({}) : value));
    },
  );

  test.each(properties.filter(({ input }) => !withoutScenario.includes(input)))(
    '$input is declared and changed in the drift scenarios',
    ({ input, name }) => {
      expect(Object.keys(fullConfig), 'fullConfig in drift-scenarios.ts').toContain(input);
      const scenarios = driftScenarios.map(({ property }) => property);
      expect(scenarios, 'driftScenarios in drift-scenarios.ts').toContain(name);
    },
  );
});

describe('outputs that a run sets', () => {
  test('are declared in action.yml, which declares no others', () => {
    expect([...OUTPUT_NAMES].sort()).toEqual(Object.keys(action.outputs).sort());
  });

  test('are set in publish/outputs.ts and nowhere else', () => {
    const callers = globSync('src/**/*.ts', { cwd: repositoryRoot }).filter((path) =>
      readFileSync(new URL(path, repositoryRoot), 'utf8').includes('.setOutput('),
    );
    expect(callers).toEqual(['src/publish/outputs.ts']);
  });

  test('are all set by a run that ensures a database', async ({ written }) => {
    const runtime = new ActionsRuntime();
    const { publish: config } = ensureConfig({ 'export-env': 'false' });
    const reporter = new Reporter(runtime, ensureConfig());
    reporter.recordServer(exampleServer);
    const connection = {
      host: 'demo.postgres.database.azure.com',
      port: 5432,
      database: 'relecloud',
      ...{ user: 'relecloud_admin', password: 'VerySecurePassword!1' },
      sslMode: 'require' as const,
      sslRootCert: undefined,
    };
    await publishConnection(runtime, new ActionState(runtime), config, connection);
    reporter.finish(undefined);
    expect([...written()].sort()).toEqual([...OUTPUT_NAMES].sort());
  });

  test('include after a failure what the run has changed and found', async ({ written }) => {
    new Reporter(new ActionsRuntime(), ensureConfig()).finish(new Error('no'));
    expect(written()).toEqual([
      'server-id',
      'server-created',
      'database-created',
      'changes',
      'drifted',
      'drift',
      'dropped',
    ]);
  });
});
