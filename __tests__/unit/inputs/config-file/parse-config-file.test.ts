import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfigFile } from '../../../../src/inputs/config-file/parse-config-file.ts';
import { inputSchema } from '../../../../src/inputs/schema.ts';
import {
  configFilePath,
  defaultInputs,
  exampleGuid,
  type InputValues,
  parsedConfig,
  parseWithConfigFile,
  pushEvent,
} from '../../../helpers/unit/test-configs.ts';

/** The default inputs without the secret, as a file. */
const baseConfigFile = `server-name: demo-relecloud
subscription-id: ${exampleGuid}
admin-username: relecloud_admin
database: relecloud
`;

function parseWithBase(text: string, step: InputValues = {}) {
  const parsed = parseWithConfigFile(baseConfigFile + text, step);
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed;
}

const parseConfigText = (text: string) => parseConfigFile(configFilePath, text);
const inputValue = (text: string, name: string) => {
  const { errors, values } = parseConfigText(text);
  expect(errors).toEqual([]);
  return values.get(name);
};

describe('a config-file', () => {
  test('gives the same configuration as the same inputs of the step', () => {
    const step = {
      'postgres-version': '17',
      'storage-size-gb': '64',
      'storage-auto-grow': 'true',
      'public-access': 'Disabled',
      'maintenance-window': 'Sun:3:30',
      'timeout-minutes': '1.5',
      tags: 'team=space\nempty=',
      'server-parameters': 'work_mem=4096\nlog_checkpoints=on',
      'allowed-ip-ranges': 'office=198.51.100.0/24',
      extensions: 'pgcrypto\nhstore',
      formats: 'url, pg',
      'migration-command': 'npm ci\nnpm run migrate',
    };
    const text = `
postgres-version: 17
storage-size-gb: 64
storage-auto-grow: true
public-access: Disabled
maintenance-window: Sun:3:30
timeout-minutes: 1.5
tags: { team: space, empty: }
server-parameters:
  work_mem: 4096
  log_checkpoints: on
allowed-ip-ranges:
  office: 198.51.100.0/24
extensions: [pgcrypto, hstore]
formats: url, pg
migration-command: |
  npm ci
  npm run migrate
`;
    // The source of the inputs is the only difference.
    expect({ ...parseWithBase(text), configSource: undefined }).toEqual(
      parsedConfig({ ...defaultInputs, ...step }, {}, pushEvent),
    );
  });

  test('is overridden by inputs of the step, even by a default value, but not by blank inputs', () => {
    const text = 'allow-azure-services: true\nregion: westeurope\ntags: { a: 1 }\n';
    const { firewall, server } = parseWithBase(text, {
      'allow-azure-services': 'false',
      region: ' ',
      tags: 'b=2',
    });
    expect(firewall.declaredRules).toEqual([]);
    expect(server.region).toBe('westeurope');
    expect([...server.tags]).toEqual([['b', '2']]);
  });

  test('leaves the defaults for inputs that neither it nor the step sets', () => {
    expect({ ...parseWithBase(''), configSource: undefined }).toEqual(
      parsedConfig(defaultInputs, {}, pushEvent),
    );
  });

  test.each([
    ['empty', ''],
    ['only comments', '# nothing yet\n'],
    ['an empty document', '---\n...\n'],
    ['an empty mapping', '{}'],
    ['null', '~'],
  ])('that is %s is an empty mapping', (_, text) => {
    expect(parseConfigText(text)).toMatchObject({ errors: [], isUnreadable: false, values: new Map() });
  });

  test('never sets a secret, but the step does', () => {
    const parsed = parseWithConfigFile(`${baseConfigFile}mode: check\n`, {
      'client-secret': 'x',
      'client-id': exampleGuid,
    });
    expect(parsed).toEqual({ errors: ['client-secret needs client-id and tenant-id as well'] });
  });
});

describe('scalars are read as written in the file, without reformatting', () => {
  test.each([
    ['17', '17'],
    ['0x10', '0x10'],
    ['1e3', '1e3'],
    ['017', '017'],
    ['1_000', '1_000'],
    ['1.50', '1.50'],
    ['7d', '7d'],
    ['yes', 'yes'],
    ['True', 'True'],
    ['2024-01-01', '2024-01-01'],
    ['"1\\t2"', '1\t2'],
    ["'it''s'", "it's"],
    ['!!str 0x10', '0x10'],
    ['Sun:3:30', 'Sun:3:30'],
  ])('%s', (written, text) => {
    expect(inputValue(`region: ${written}`, 'region')).toBe(text);
    expect(inputValue(`tags: { a: ${written} }`, 'tags')).toEqual(new Map([['a', text]]));
    expect(inputValue(`extensions: [ ${written} ]`, 'extensions')).toEqual([text]);
  });

  test.each(['', '~', 'null', 'Null'])('null does not set the input: "%s"', (written) => {
    expect(inputValue(`region: ${written}`, 'region')).toBeUndefined();
  });

  test('any value of a pair that YAML can contain is read', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((t) => !t.includes('\0') && !/\n$/.test(t));
    fc.assert(
      fc.property(text, (value) => {
        expect(inputValue(`tags: { a: ${JSON.stringify(value)} }`, 'tags')).toEqual(new Map([['a', value]]));
      }),
    );
  });

  test('NUL and half a surrogate pair are errors', () => {
    for (const written of ['"a\\0b"', '"\\ud800"'])
      expect(parseConfigText(`region: ${written}`).errors).toEqual([
        expect.stringMatching(/line 1.*region contains an invalid char/),
      ]);
  });
});

describe('lists and pairs', () => {
  test('an item that the text form could not contain is neither split nor dropped', () => {
    const items = ['a,b', '#c', 'd\ne'];
    expect(inputValue(`extensions: ${JSON.stringify(items)}`, 'extensions')).toEqual(items);
    const parsed = parseWithConfigFile(`${baseConfigFile}extensions: ${JSON.stringify(items)}`);
    expect('errors' in parsed && parsed.errors.length).toBe(items.length);
  });

  test('a pair can have any name and any value, even an empty one', () => {
    const pairs = { 'a=b': '1,2', '#c': '', 'd e': 'f\ng', 'team:x': 'y' };
    expect(Object.fromEntries(parseWithBase(`tags: ${JSON.stringify(pairs)}`).server.tags)).toEqual(pairs);
  });

  test('the last line break of a block scalar is not part of the value', () => {
    expect(inputValue('tags:\n  a: |\n    x\n    y\n', 'tags')).toEqual(new Map([['a', 'x\ny']]));
  });

  test('ranges are a list, a mapping of names, or a text', () => {
    const rules = [
      { name: 'office', hasExplicitName: true, start: '198.51.100.0', end: '198.51.100.255' },
      { name: 'allow-203-0-113-9', hasExplicitName: false, start: '203.0.113.9', end: '203.0.113.9' },
    ];
    const texts = [
      'allowed-ip-ranges: [ office=198.51.100.0/24, 203.0.113.9 ]',
      'allowed-ip-ranges: |\n  # ours\n  office=198.51.100.0/24\n  203.0.113.9',
    ];
    for (const text of texts) expect(parseWithBase(text).firewall.declaredRules).toEqual(rules);
    const named = parseWithBase('allowed-ip-ranges: { office: 198.51.100.0-198.51.100.255 }');
    expect(named.firewall.declaredRules).toEqual(rules.slice(0, 1));
  });

  test('an alias has the value of its anchor', () => {
    expect(parseWithBase('region: &here westeurope\ntags: { where: *here }').server.tags.get('where')).toBe(
      'westeurope',
    );
  });
});

describe('the lines of a config-file, for annotations', () => {
  const text = `mode: check
region: westeurope
tags:
  team: space
server-parameters: { work_mem: 4096 }
allowed-ip-ranges:
  - 203.0.113.9
  - office=198.51.100.0/24
extensions:
  - PgCrypto
`;

  test('contain each input, and each item by its name', () => {
    expect(Object.fromEntries(parseConfigText(text).lines)).toEqual({
      mode: 1,
      region: 2,
      tags: 3,
      'tags.team': 4,
      'server-parameters': 5,
      'server-parameters.work_mem': 5,
      'allowed-ip-ranges': 6,
      'allowed-ip-ranges.allow-203-0-113-9': 7,
      'allowed-ip-ranges.office': 8,
      extensions: 9,
      'extensions.pgcrypto': 10,
    });
  });

  test('are part of the configuration of mode check, without inputs that the step overrides', () => {
    const config = parseWithBase(text, { region: 'northeurope', tags: 'a=b' });
    if (config.mode !== 'check') throw new Error('unexpected mode');
    expect(config.configSource?.path).toBe(configFilePath);
    const lines = config.configSource?.lines;
    expect(lines?.get('server-parameters.work_mem')).toBe(9);
    for (const own of ['region', 'tags', 'tags.team']) expect(lines?.has(own)).toBe(false);
  });

  test('are not part of the configuration without the input config-file', () => {
    const parsed = parseWithConfigFile('', { ...defaultInputs, mode: 'check', 'config-file': '' });
    expect('configSource' in parsed && parsed.configSource).toBeUndefined();
  });
});

test('every input of the schema can be empty in a config-file', () => {
  expect(Object.keys(inputSchema).length).toBeGreaterThan(50);
  const given = Object.keys(inputSchema).map((name) => `${name}:`);
  expect(parseConfigText(given.join('\n')).errors).toEqual([]);
});
