import { existsSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { configFileSchema, readWrittenSchema } from '../../scripts/schema.ts';
import { parseConfigFile } from '../../src/inputs/config-file/parse-config-file.ts';
import type { InputType } from '../../src/inputs/input-types.ts';
import { parseConfig } from '../../src/inputs/parse/parse-config.ts';
import { inputSchema, secretInputs } from '../../src/inputs/schema.ts';
import { serverProperties } from '../../src/inputs/server-properties.ts';
import { fullConfig } from '../helpers/e2e/drift-scenarios.ts';
import { exampleGuid, exampleKey, pushEvent } from '../helpers/unit/test-configs.ts';

const repositoryRoot = new URL('../../', import.meta.url);
const readText = (path: string): string => readFileSync(new URL(path, repositoryRoot), 'utf8');
const action: { readonly inputs: Readonly<Record<string, unknown>> } = parseYaml(readText('action.yml'));

const validateSchema: ValidateFunction = new Ajv({ strict: true, allowUnionTypes: true }).compile(
  configFileSchema(),
);

const serverPropertyInputs = new Set<string>(Object.values(serverProperties).map(({ input }) => input));

/** A config-file with most inputs, in the forms that people write. */
const typicalConfigFile = `
mode: ensure
client-id: ${exampleGuid}
tenant-id: ${exampleGuid}
subscription-id: ${exampleGuid}
azure-environment: AzureCloud
server-name: demo-relecloud
resource-group: demo
region: westeurope
admin-username: relecloud_admin
postgres-version: 17
sku-name: Standard_D2ds_v5
storage-size-gb: 64
storage-auto-grow: true
backup-retention-days: 14
geo-redundant-backup: false
high-availability: SameZone
availability-zone: "1"
password-auth: Enabled
microsoft-entra-auth: true
public-access: Enabled
cluster-size: 2
maintenance-window: Sun 03:30
tags: { team: space-travel, cost: 4711, empty: }
server-parameters:
  work_mem: 8192
  log_checkpoints: on
start-if-stopped: true
runner-ip: 203.0.113.9
allowed-ip-ranges:
  office: 198.51.100.0/24
allow-azure-services: false
keep-firewall-rule: false
kept-rules-older-than: 30d
database: relecloud
charset: UTF8
collation: en_US.utf8
template: relecloud
extensions: [pgcrypto, uuid-ossp]
per-pull-request: true
pull-request-number: 7
reset: false
expires-in: 14d
comment: true
dry-run: false
skip-without-credentials: true
app-username: relecloud_app
export-env: true
env-prefix: DB_
env-file: .env
formats: [url, pg]
ssl-mode: require
migration-command: |
  npm ci
  npm run migrate
working-directory: .
migration-timeout-minutes: 2.5
migrate-as: app
adopt-objects: false
on-drift: warn
drift-report:
  - drift.json
  - drift.sarif
drift-issue: false
timeout-minutes: 30
`;

/** A config-file with every input: server properties that the typical one does not have are as in the drift scenarios. */
const completeConfigFile = Object.entries(fullConfig)
  .filter(([input]) => serverPropertyInputs.has(input) && !typicalConfigFile.includes(`\n${input}:`))
  .reduce((text, [input, value]) => `${text}${input}: ${value}\n`, typicalConfigFile);

/** The errors of the parser for a config-file and a step with the necessary secrets. */
function parserErrors(text: string, step: Readonly<Record<string, string>> = {}): readonly string[] {
  const given: Readonly<Record<string, string>> = {
    'config-file': 'x.yml',
    'admin-password': 'VerySecurePassword!1',
    'app-password-key': exampleKey,
    ...step,
  };
  const configFile = parseConfigFile('x.yml', text);
  const parseContext = { env: {}, isDirectory: () => true, event: pushEvent, configFile };
  const parsed = parseConfig((name) => given[name] ?? '', parseContext);
  return 'errors' in parsed ? parsed.errors : [];
}

describe('docs/config-file.schema.json', () => {
  test('is the output of `npm run schema`', () => {
    expect(readWrittenSchema()).toEqual(configFileSchema());
  });

  test('has every input of action.yml except the secrets and config-file, with its description', () => {
    const { properties } = configFileSchema() as {
      readonly properties: Readonly<Record<string, { readonly description?: string }>>;
    };
    const names = Object.keys(action.inputs).filter(
      (name) => name !== 'config-file' && !secretInputs.some((secret) => secret === name),
    );
    expect(Object.keys(properties).sort()).toEqual(names.sort());
    for (const [name, { description }] of Object.entries(properties))
      expect(description, name).toMatch(/\S.*\.$/s);
  });

  test('contains no URL except that of the JSON Schema draft', () => {
    expect(readText('docs/config-file.schema.json').match(/https?:\/\/[^"]+/g)).toEqual([
      'http://json-schema.org/draft-07/schema#',
    ]);
  });

  test('accepts a file with every input, as the parser does', () => {
    const value = parseYaml(completeConfigFile);
    expect(Object.keys(value).sort()).toEqual(Object.keys(inputSchema).sort());
    expect(validateSchema(value), JSON.stringify(validateSchema.errors)).toBe(true);
    expect(parserErrors(completeConfigFile)).toEqual([]);
  });

  test('accepts lists and pairs as texts, and ranges as a list', () => {
    const texts = {
      tags: 'a=b\nc=d',
      extensions: 'pgcrypto, hstore',
      'allowed-ip-ranges': ['office=198.51.100.0/24', '203.0.113.9'],
    };
    expect(validateSchema(texts)).toBe(true);
  });

  test.each<readonly [what: string, value: unknown]>([
    ['an unknown input', { port: 5432 }],
    ['config-file', { 'config-file': 'x.yml' }],
    ...secretInputs.map((name) => [name, { [name]: 'x' }] as const),
    ['an unknown choice', { mode: 'ensured' }],
    ['a text for a boolean', { reset: 'yes' }],
    ['a number beyond its range', { 'backup-retention-days': 99 }],
    ['a size that Azure does not offer', { 'storage-size-gb': 33 }],
    ['an invalid time', { 'maintenance-window': 'Sun 25:00' }],
    ['a report of another kind', { 'drift-report': ['drift.txt'] }],
    ['a list for pairs', { tags: ['a=b'] }],
    ['a mapping for one value', { region: { a: 'b' } }],
    ['an empty range', { 'allowed-ip-ranges': { office: null } }],
  ])('rejects %s', (_, value) => {
    expect(validateSchema(value)).toBe(false);
  });
});

const dayNames = ['Sun', 'Monday', 'Tue', 'Wednesday', 'Thu', 'Friday', 'Sat'];

/** YAML scalars, many of which the schema accepts for the type. */
function candidateValues(inputType: InputType): fc.Arbitrary<string> {
  const anything = fc.oneof(
    fc.constantFrom('true', 'false', 'Enabled', 'Disabled', '""', '17', '-1', '0.5', '[]', '{}', 'x', '"1"'),
    fc.integer({ min: 0, max: 40_000 }).map(String),
    fc.double({ min: 0, max: 400, noNaN: true }).map((n) => n.toFixed(2)),
    fc.tuple(fc.constantFrom(...dayNames), fc.nat(25), fc.nat(61)).map(([d, h, m]) => `${d} ${h}:${m}`),
    // Up to ten years, a limit that no pattern can express.
    fc.tuple(fc.nat(500), fc.constantFrom('s', 'm', 'h', 'd', 'w')).map(([n, unit]) => `${n}${unit}`),
    fc.uuid(),
    fc.stringMatching(/^(Standard_)?[A-F]\d[a-z_]{0,4}$/),
    fc.stringMatching(/^[A-Z_]{1,6}$/),
  );
  // Otherwise the schema would accept too few of the values.
  if (inputType.type === 'boolean') return fc.oneof(fc.constantFrom('true', 'false'), anything);
  if (inputType.type === 'enabled-or-disabled')
    return fc.oneof(fc.constantFrom('true', 'false', 'Enabled', 'Disabled'), anything);
  if (inputType.type === 'choice') return fc.oneof(fc.constantFrom(...inputType.choices), anything);
  if (inputType.type !== 'number') return anything;
  const { min, max, allowedValues } = inputType;
  const accepted = allowedValues
    ? fc.constantFrom(...allowedValues)
    : fc.integer({ min: Math.ceil(min), max });
  return fc.oneof(accepted.map(String), anything);
}

/** Inputs for which the schema is as strict as the parser. */
const comparableInputs = Object.entries<InputType>(inputSchema).filter(
  ([, inputType]) =>
    !['list', 'ranges', 'pairs'].includes(inputType.type) &&
    !(inputType.type === 'text' && !inputType.pattern),
);

describe('the schema agrees with the parser', () => {
  test.each(comparableInputs)(
    'the parser accepts the form of every value of %s that the schema accepts',
    (name, inputType) => {
      const line = new RegExp(`^${name}: (.*)\n`, 'm');
      const [, accepted = ''] = line.exec(completeConfigFile) ?? [];
      expect(accepted).not.toBe('');
      const file = completeConfigFile.replace(line, '');
      expect(validateSchema(parseYaml(`${name}: ${accepted}`))).toBe(true);
      fc.assert(
        fc.property(fc.oneof(fc.constant(accepted), candidateValues(inputType)), (written) => {
          const text = `${name}: ${written}\n`;
          if (!validateSchema(parseYaml(text))) return;
          const formErrors = parserErrors(file + text).filter((error) =>
            new RegExp(`: ${name} is '.*', (but must|which is|but has|but sizes)`).test(error),
          );
          expect(formErrors, text).toEqual([]);
        }),
        { numRuns: 100 },
      );
    },
  );

  test.each([...inputSchema['on-drift'].choices, '[fix, fail]', '"fix, fail"', 'fail,warn', '"warn\\nfix"'])(
    'every mode accepts the value of on-drift that the schema accepts: %s',
    (value) => {
      const text = completeConfigFile.replace('on-drift: warn', `on-drift: ${value}`);
      expect(validateSchema(parseYaml(text)), JSON.stringify(validateSchema.errors)).toBe(true);
      for (const mode of ['ensure', 'check']) expect(parserErrors(text, { mode }), mode).toEqual([]);
    },
  );

  test.each(['ignore', '[fix, often]', '"fix fail"', '""', '{ check: fail }'])(
    'the schema rejects a value of on-drift that the parser rejects: %s',
    (value) => {
      const text = completeConfigFile.replace('on-drift: warn', `on-drift: ${value}`);
      if (value !== '""') expect(parserErrors(text)).not.toEqual([]);
      expect(validateSchema(parseYaml(text))).toBe(false);
    },
  );
});

const example = 'examples/relecloud/database.yml';

describe(example, () => {
  test('is accepted by schema and parser, and names the schema for editors', () => {
    const text = readText(example);
    expect(validateSchema(parseYaml(text)), JSON.stringify(validateSchema.errors)).toBe(true);
    expect(
      parserErrors(text, { mode: 'check', 'subscription-id': exampleGuid, 'app-password-key': '' }),
    ).toEqual([]);
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    expect(existsSync(new URL(schema, new URL(example, repositoryRoot)))).toBe(true);
  });
});

describe('docs/config-file.md', () => {
  const examples = [
    ...readText('docs/config-file.md').matchAll(/^```yaml\n(# yaml-language-server.*?)^```/gms),
  ];

  test.each(examples.map(([, text = '']) => [text]))(
    'an example is accepted by schema and parser',
    (text) => {
      expect(validateSchema(parseYaml(text)), JSON.stringify(validateSchema.errors)).toBe(true);
      const step = { 'subscription-id': exampleGuid, 'app-password-key': 'k'.repeat(43) };
      expect(parserErrors(text, step)).toEqual([]);
    },
  );

  test('has examples', () => {
    expect(examples.length).toBeGreaterThan(0);
  });
});
