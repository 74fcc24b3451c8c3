import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { connectionEnvironment } from '../../src/publish/connection-formats.ts';
import { formatRange } from '../../src/resources/firewall-rule/firewall-rule-handler.ts';
import { codeSpans, tableRows } from '../helpers/consistency/markdown-table.ts';
import { blocksUnder, readDocument } from '../helpers/document.ts';
import { ensureConfig, inputErrorsOf } from '../helpers/unit/test-configs.ts';

const page = 'docs/frameworks.md';
const { text: pageText, blocks: pageBlocks } = readDocument(page);
const rows = tableRows(pageText, 'framework').map(({ cells }) => ({
  framework: /\[(.+?)\]/.exec(cells['framework'] ?? '')?.[1] ?? '',
  command: codeSpans(cells['`migration-command`'] ?? '')[0] ?? '',
  variables: codeSpans(cells['variables'] ?? ''),
  formats: codeSpans(cells['`formats`'] ?? '').join(','),
}));

/** The inputs that the first block of a section adds to the step. */
const inputsOf = (framework: string): Record<string, string> =>
  parse(blocksUnder(page, framework, 'yaml')[0] ?? '');

/** Names of connection variables in a snippet: those that the action publishes, and the equivalents of the frameworks. */
const VARIABLE = /\b(?:DB_[A-Z]+|PG[A-Z]{4,}|(?:\w+_)?DATABASE_URL|FLYWAY_[A-Z]+|ConnectionStrings__\w+)\b/g;

function variablesIn(code: string): readonly string[] {
  // .NET reads the section ConnectionStrings from variables with this prefix.
  const connectionStrings = [...code.matchAll(/GetConnectionString\("(\w+)"\)/g)];
  return [
    ...(code.match(VARIABLE) ?? []),
    ...connectionStrings.map(([, name]) => `ConnectionStrings__${name}`),
  ];
}

const connection = {
  host: 'h',
  port: 5432,
  database: 'd',
  user: 'u',
  password: 'p',
  sslMode: 'verify-full',
  sslRootCert: '/roots.pem',
} as const;

/** The variables that the action publishes with these inputs. */
const publishedWith = (inputs: Record<string, string>): readonly string[] => [
  ...connectionEnvironment(connection, ensureConfig(inputs).publish).keys(),
];

describe('docs/frameworks.md', () => {
  test('has a section for each framework of its table, and no other one with inputs', () => {
    const general = ['The step', 'What is the same for all'];
    const sections = pageBlocks
      .filter(({ language, heading }) => language === 'yaml' && !general.includes(heading))
      .map(({ heading }) => heading);
    expect(rows.length).toBeGreaterThan(11);
    expect([...new Set(sections)].sort()).toEqual(rows.map(({ framework }) => framework).sort());
  });

  test.each(rows)('gives inputs for $framework that the action accepts, as its table shows them', (row) => {
    const inputs = inputsOf(row.framework);
    expect(inputErrorsOf(inputs)).toEqual([]);
    for (const word of row.command.split(' ')) expect(inputs['migration-command']).toContain(word);
    expect(inputs['formats'] ?? 'url').toBe(row.formats === '' ? 'url' : row.formats);
  });

  test.each(rows)(
    'reads for $framework only variables that the action publishes with these inputs',
    (row) => {
      const published = publishedWith(inputsOf(row.framework));
      const code = pageBlocks
        .filter(({ heading }) => heading === row.framework)
        .map(({ text }) => text)
        .join('\n');
      const assigned = [...code.matchAll(/\b(\w+)=/g)].map(([, name]) => name);
      const read = new Set(variablesIn(code).filter((name) => !assigned.includes(name)));
      expect([...read].filter((name) => !published.includes(name))).toEqual([]);

      // The table names the same variables; two tools read DATABASE_URL without a line of configuration.
      const [listed = ''] = row.variables;
      expect(published.some((name) => name.startsWith(listed.replace('*', '')))).toBe(true);
      const withoutConfiguration = ['node-pg-migrate', 'Rails'];
      if (!withoutConfiguration.includes(row.framework))
        expect([...read].some((name) => name.startsWith(listed.replace('*', '')))).toBe(true);
    },
  );
});

describe.each(['docs/deployed-app.md', 'docs/jobs.md'])('%s', (document) => {
  const { blocks } = readDocument(document);

  test('reads in its shell commands only variables that the action publishes', () => {
    const read = blocks.flatMap(({ text }) => [...text.matchAll(/\$(\w*DATABASE_URL|DB_\w+|PG\w+)/g)]);
    const published = publishedWith({});
    expect(read.map(([, name = '']) => name).filter((name) => !published.includes(name))).toEqual([]);
  });

  test('has inputs that the action accepts in the blocks that are lines of a step', () => {
    const lines = blocks
      .filter(({ language }) => language === 'yaml')
      .map(({ text }) => parse(text))
      .filter((yaml) => !Array.isArray(yaml) && !('jobs' in yaml))
      .map((yaml) =>
        Object.fromEntries(Object.entries<unknown>(yaml).map(([name, value]) => [name, String(value)])),
      );
    expect(lines.flatMap((inputs) => inputErrorsOf(inputs))).toEqual([]);
  });
});

test('allowed-ip-ranges takes the addresses of App Service as the az CLI prints them', () => {
  const addresses = ['20.105.1.2', '20.105.1.3', '20.105.1.4'];
  const { declaredRules } = ensureConfig({ 'allowed-ip-ranges': addresses.join(',') }).firewall;
  expect(declaredRules.map(formatRange)).toEqual(addresses);
  expect(new Set(declaredRules.map(({ name }) => name)).size).toBe(addresses.length);
});
