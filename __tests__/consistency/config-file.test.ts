import { existsSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { configFileSchema, writtenSchema } from '../../scripts/schema.ts';
import { interpretConfigFile } from '../../src/config/config-file.ts';
import { type Kind, kinds, secretInputs } from '../../src/config/kinds.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { push, someGuid, someKey } from '../helpers/unit/inputs.ts';

const root = new URL('../../', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const action: { readonly inputs: Readonly<Record<string, unknown>> } = parseYaml(textOf('action.yml'));

const accepts: ValidateFunction = new Ajv({ strict: true, allowUnionTypes: true }).compile(
  configFileSchema(),
);

/** A file with every input that one may hold, in the forms that people write. */
const everything = `
mode: ensure
client-id: ${someGuid}
tenant-id: ${someGuid}
subscription-id: ${someGuid}
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
on-drift: warn
drift-report:
  - drift.json
  - drift.sarif
drift-issue: false
timeout-minutes: 30
`;

/** What the parser says of a file, with the secrets that a step has to give. */
function faultsOf(text: string, step: Readonly<Record<string, string>> = {}): readonly string[] {
  const given: Readonly<Record<string, string>> = {
    'config-file': 'x.yml',
    'admin-password': 'VerySecurePassword!1',
    'app-password-key': someKey,
    ...step,
  };
  const configFile = interpretConfigFile('x.yml', text);
  const surroundings = { env: {}, isDirectory: () => true, event: push, configFile };
  const parsed = parseConfig((name) => given[name] ?? '', surroundings);
  return 'faults' in parsed ? parsed.faults : [];
}

describe('docs/config-file.schema.json', () => {
  test('is what `npm run schema` makes of action.yml and the parser’s kinds', () => {
    expect(writtenSchema()).toEqual(configFileSchema());
  });

  test('has every input of action.yml but the secrets and config-file itself, with its description', () => {
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

  test('names no host but that of the JSON Schema draft', () => {
    expect(textOf('docs/config-file.schema.json').match(/https?:\/\/[^"]+/g)).toEqual([
      'http://json-schema.org/draft-07/schema#',
    ]);
  });

  test('accepts a file with everything, and so does the parser', () => {
    const value = parseYaml(everything);
    expect(Object.keys(value).sort()).toEqual(Object.keys(kinds).sort());
    expect(accepts(value), JSON.stringify(accepts.errors)).toBe(true);
    expect(faultsOf(everything)).toEqual([]);
  });

  test('accepts lists and pairs as texts too, and ranges as a list', () => {
    const texts = {
      tags: 'a=b\nc=d',
      extensions: 'pgcrypto, hstore',
      'allowed-ip-ranges': ['office=198.51.100.0/24', '203.0.113.9'],
    };
    expect(accepts(texts)).toBe(true);
  });

  test.each<readonly [what: string, value: unknown]>([
    ['an unknown input', { port: 5432 }],
    ['config-file', { 'config-file': 'x.yml' }],
    ...secretInputs.map((name) => [name, { [name]: 'x' }] as const),
    ['a word that is no choice', { mode: 'ensured' }],
    ['a text for a boolean', { reset: 'yes' }],
    ['a number beyond its range', { 'backup-retention-days': 99 }],
    ['a size that Azure does not offer', { 'storage-size-gb': 33 }],
    ['a time that is none', { 'maintenance-window': 'Sun 25:00' }],
    ['a report of another kind', { 'drift-report': ['drift.txt'] }],
    ['a list for pairs', { tags: ['a=b'] }],
    ['a mapping for one value', { region: { a: 'b' } }],
    ['nothing for a range', { 'allowed-ip-ranges': { office: null } }],
  ])('refuses %s', (_, value) => {
    expect(accepts(value)).toBe(false);
  });
});

const days = ['Sun', 'Monday', 'Tue', 'Wednesday', 'Thu', 'Friday', 'Sat'];

/** Scalars as YAML, many of which a schema for the kind accepts. */
function candidates(kind: Kind): fc.Arbitrary<string> {
  const anything = fc.oneof(
    fc.constantFrom('true', 'false', 'Enabled', 'Disabled', '""', '17', '-1', '0.5', '[]', '{}', 'x', '"1"'),
    fc.integer({ min: 0, max: 40_000 }).map(String),
    fc.double({ min: 0, max: 400, noNaN: true }).map((n) => n.toFixed(2)),
    fc.tuple(fc.constantFrom(...days), fc.nat(25), fc.nat(61)).map(([d, h, m]) => `${d} ${h}:${m}`),
    // Ten years at most, which no pattern can say.
    fc.tuple(fc.nat(500), fc.constantFrom('s', 'm', 'h', 'd', 'w')).map(([n, unit]) => `${n}${unit}`),
    fc.uuid(),
    fc.stringMatching(/^(Standard_)?[A-F]\d[a-z_]{0,4}$/),
    fc.stringMatching(/^[A-Z_]{1,6}$/),
  );
  // Else one of a hundred would be accepted, and sometimes none.
  if (kind.takes === 'boolean') return fc.oneof(fc.constantFrom('true', 'false'), anything);
  if (kind.takes === 'switch')
    return fc.oneof(fc.constantFrom('true', 'false', 'Enabled', 'Disabled'), anything);
  if (kind.takes === 'choice') return fc.oneof(fc.constantFrom(...kind.choices), anything);
  return kind.takes === 'number' && kind.sizes
    ? fc.oneof(fc.constantFrom(...kind.sizes.map(String)), anything)
    : anything;
}

/** Kinds of which the schema says all that the parser asks; what names may be, and what a mode takes, the parser alone knows. */
const told = Object.entries<Kind>(kinds).filter(
  ([name, kind]) =>
    name !== 'on-drift' &&
    !['list', 'ranges', 'pairs'].includes(kind.takes) &&
    !(kind.takes === 'text' && !kind.form),
);

describe('the schema is true to the parser', () => {
  test.each(told)('what it accepts of %s, the parser does not call misspelt', (name, kind) => {
    const file = everything.replace(new RegExp(`^${name}: .*\n`, 'm'), '');
    expect(file).not.toBe(everything);
    let accepted = 0;
    fc.assert(
      fc.property(candidates(kind), (written) => {
        const text = `${name}: ${written}\n`;
        if (!accepts(parseYaml(text))) return;
        accepted += 1;
        const misspelt = faultsOf(file + text).filter((fault) =>
          new RegExp(`: ${name} (is '.*|is \\d+), (but must|but Azure|which is|but has|but a size)`).test(
            fault,
          ),
        );
        expect(misspelt, text).toEqual([]);
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  test.each(kinds['on-drift'].choices)('what it accepts of on-drift, a mode takes: %s', (choice) => {
    const modes = ['ensure', 'check'].map((mode) =>
      faultsOf(`${everything.replace('on-drift: warn', `on-drift: ${choice}`)}`, { mode }),
    );
    expect(modes.some((faults) => faults.length === 0)).toBe(true);
  });
});

const example = 'examples/relecloud/database.yml';

describe(example, () => {
  test('is accepted by schema and parser, and says to editors where the schema is', () => {
    const text = textOf(example);
    expect(accepts(parseYaml(text)), JSON.stringify(accepts.errors)).toBe(true);
    expect(faultsOf(text, { mode: 'check', 'subscription-id': someGuid, 'app-password-key': '' })).toEqual(
      [],
    );
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    expect(existsSync(new URL(schema, new URL(example, root)))).toBe(true);
  });
});

describe('docs/config-file.md', () => {
  const examples = [
    ...textOf('docs/config-file.md').matchAll(/^```yaml\n(# yaml-language-server.*?)^```/gms),
  ];

  test.each(examples.map(([, text = '']) => [text]))(
    'what it shows is accepted by schema and parser',
    (text) => {
      expect(accepts(parseYaml(text)), JSON.stringify(accepts.errors)).toBe(true);
      expect(faultsOf(text, { 'subscription-id': someGuid, 'app-password-key': '' })).toEqual([]);
    },
  );

  test('there is something to look at', () => {
    expect(examples.length).toBeGreaterThan(0);
  });
});
