import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { charsetOfNew, collationOfNew } from '../../src/config/creation.ts';
import { secretInputs } from '../../src/config/kinds.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { Journal } from '../../src/github/journal.ts';
import { Workflow } from '../../src/github/workflow.ts';
import { publish } from '../../src/publish.ts';
import { Story } from '../../src/report.ts';
import { literals, type Row, rowsOf } from '../helpers/consistency/markdown-table.ts';
import { checkConfig, ensureConfig } from '../helpers/unit/inputs.ts';

interface ActionInput {
  readonly description: string;
  readonly required?: boolean;
  readonly default?: string;
}

const root = new URL('../../', import.meta.url);
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
} = parseYaml(readFileSync(new URL('action.yml', root), 'utf8'));
const inputs = Object.entries(action.inputs);

/** A text beside the code; undefined where it is absent. */
function textOf(path: string): string | undefined {
  const url = new URL(path, root);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}

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

const contract = textOf('../shared/contract.md');

/** Inputs beyond the contract, which may be added to freely. */
const more: ReadonlySet<string> = new Set([
  'password-auth',
  'microsoft-entra-auth',
  'public-access',
  'cluster-size',
  'maintenance-window',
]);

/** The default that a description states; one that holds under a condition is told in other words. */
const statedDefault = ({ description }: ActionInput): string | undefined =>
  /\bDefault `([^`]+)`/.exec(description)?.[1];

describe('action.yml', () => {
  test('runs on Node 24, both halves from dist/, post always', () => {
    expect(action.runs.using).toBe('node24');
    expect(existsSync(new URL(action.runs.main, root))).toBe(true);
    expect(existsSync(new URL(action.runs.post, root))).toBe(true);
    expect(action.runs['post-if'] ?? 'always()').toBe('always()');
  });

  test.each(inputs)('the input %s is read by the configuration, and described', (name, { description }) => {
    expect([...readInputs()]).toContain(name);
    expect(description).toMatch(/\S.*\.$/s);
  });

  test('every input that the configuration reads is declared', () => {
    expect([...readInputs()].filter((name) => !(name in action.inputs))).toEqual([]);
  });

  test('the defaults that it states are those of the configuration: giving them changes nothing but what is declared', () => {
    const stated = inputs.flatMap(([name, input]) => {
      const value = statedDefault(input);
      return value === undefined ? [] : [[name, value]];
    });
    expect(stated.length).toBeGreaterThan(15);
    const { charset, collation, ...defaults } = Object.fromEntries(stated);
    expect(ensureConfig(defaults)).toEqual(ensureConfig());
    expect(checkConfig(defaults)).toEqual(checkConfig());
    expect(charsetOfNew(ensureConfig().database)).toBe(charset);
    expect(collationOfNew(ensureConfig().database)).toBe(collation);
  });

  test('a default of GitHub’s own would win over the config-file: there is none but the token', () => {
    expect(inputs.filter(([, input]) => input.default !== undefined).map(([name]) => name)).toEqual([
      'github-token',
    ]);
  });

  test('inputs that are secrets say that they come from one', () => {
    for (const name of secretInputs) expect(action.inputs[name]?.description).toContain('from a secret');
  });

  test('only what no mode can do without is required', () => {
    expect(inputs.filter(([, { required }]) => required).map(([name]) => name)).toEqual(['server-name']);
  });
});

/**
 * The default that a table states for each name of a row: its literals where there are as many and nothing else, for
 * what holds under a condition is no default of action.yml's.
 */
function statedDefaults({
  names,
  cells,
}: Row): readonly (readonly [name: string, stated: string | undefined])[] {
  const cell = cells['default'] ?? '';
  const stated = literals(cell);
  const plain = cell.replace(/`[^`]+`/g, '').replace(/[\s,]/g, '') === '' && stated.length === names.length;
  return names.map((name, i) => [name, plain ? stated[i] : undefined]);
}

/** That a table's defaults are action.yml's; where it states none, action.yml has none, or `false`, which is none. */
function expectDefaults(rows: readonly Row[]): void {
  for (const [name, stated] of rows.flatMap(statedDefaults)) {
    const input = action.inputs[name];
    if (input === undefined) continue;
    if (stated !== undefined) expect(input.default ?? statedDefault(input), name).toBe(stated);
    else expect([undefined, 'false'], name).toContain(statedDefault(input));
  }
}

describe.skipIf(contract === undefined)(
  'the contract (skipped where ../shared/contract.md is absent)',
  () => {
    const rows = rowsOf(contract ?? '', 'input');
    const promised = new Set(rows.flatMap(({ names }) => names));
    const [, outputText = ''] = /## Outputs\n(.*?)\n## /s.exec(contract ?? '') ?? [];

    test('its table is read', () => {
      expect(promised.size).toBeGreaterThan(50);
      expect(promised).toContain('server-name');
      expect(literals(outputText)).toContain('database-url');
    });

    test.each(inputs.filter(([name]) => !more.has(name)))('the input %s is one of its', (name) => {
      // Mentioned in the row of the sign-in inputs.
      const mentioned = name === 'client-secret' && contract?.includes('(`client-secret` or');
      expect(promised.has(name) || mentioned).toBe(true);
    });

    test('defaults are its own', () => {
      expectDefaults(rows);
      const stated = rows
        .flatMap(statedDefaults)
        .filter(([name, value]) => value !== undefined && name in action.inputs);
      expect(stated.length).toBeGreaterThan(8);
    });

    test.each(Object.keys(action.outputs))('the output %s is one of its', (name) => {
      expect(literals(outputText)).toContain(name);
    });

    test('every input that it names is declared', () => {
      for (const name of promised) expect(Object.keys(action.inputs)).toContain(name);
    });
  },
);

const readme = textOf('README.md');

describe.skipIf(readme === undefined)('README.md (skipped where it is absent)', () => {
  const rows = rowsOf(readme ?? '', 'input');

  test('its table names every input of action.yml, and no other', () => {
    expect(rows.flatMap(({ names }) => names).sort()).toEqual(Object.keys(action.inputs).sort());
  });

  test('with the defaults of action.yml', () => {
    for (const { names, cells } of rows) {
      for (const name of names) {
        const input = action.inputs[name];
        const value = input && (input.default ?? statedDefault(input));
        const stated = literals(cells['default'] ?? '');
        if (value !== undefined) expect(stated, name).toContain(value);
      }
    }
  });

  test('its table names every output of action.yml, and no other', () => {
    const outputs = rowsOf(readme ?? '', 'output').flatMap(({ names }) => names);
    expect(outputs.sort()).toEqual(Object.keys(action.outputs).sort());
  });
});

/** Of a run that nothing ends. */
const going = new AbortController().signal;

describe('outputs that a run sets', () => {
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outputs-'));
    for (const name of ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']) {
      writeFileSync(join(folder, name), '');
      vi.stubEnv(name, join(folder, name));
    }
    // Masks are told to the runner on standard output; nobody listens here.
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  const written = (): readonly string[] =>
    [...readFileSync(join(folder, 'GITHUB_OUTPUT'), 'utf8').matchAll(/^([\w-]+)<<ghadelimiter/gm)].map(
      ([, name = '']) => name,
    );

  test('are exactly those that action.yml declares', async () => {
    const workflow = new Workflow();
    const config = ensureConfig({ 'export-env': 'false' });
    const story = new Story(workflow, config);
    story.serverId = '/subscriptions/x';
    const connection = {
      host: 'demo.postgres.database.azure.com',
      port: 5432,
      database: 'relecloud',
      ...{ user: 'relecloud_admin', password: 'VerySecurePassword!1' },
      sslMode: 'require' as const,
      sslRootCert: undefined,
    };
    await story.tell(
      going,
      async () => void (await publish(workflow, new Journal(workflow), config.publish, connection)),
    );
    expect([...written()].sort()).toEqual(Object.keys(action.outputs).sort());
  });

  test('tell of a failed run too what it changed and found', async () => {
    const story = new Story(new Workflow(), ensureConfig());
    await expect(story.tell(going, () => Promise.reject(new Error('no')))).rejects.toThrow('(unexpected)');
    expect(written()).toEqual([
      'server-created',
      'database-created',
      'changes',
      'drifted',
      'drift',
      'dropped',
    ]);
  });
});
