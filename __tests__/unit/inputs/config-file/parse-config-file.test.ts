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

/** The tutorial's inputs but its secret, as a file. */
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

describe('config-file: YAML holding any of the inputs', () => {
  test('a file alone says the same as the step alone', () => {
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
    // Where it stands is the only difference.
    expect({ ...parseWithBase(text), configSource: undefined }).toEqual(
      parsedConfig({ ...defaultInputs, ...step }, {}, pushEvent),
    );
  });

  test('the step’s own wins, a value that is the default too; what it leaves blank does not count as given', () => {
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

  test('what it is not given by nobody has the defaults, as without a file', () => {
    expect({ ...parseWithBase(''), configSource: undefined }).toEqual(
      parsedConfig(defaultInputs, {}, pushEvent),
    );
  });

  test.each([
    ['an empty one', ''],
    ['one of comments', '# nothing yet\n'],
    ['an empty document', '---\n...\n'],
    ['an empty mapping', '{}'],
    ['null', '~'],
  ])('%s is an empty mapping', (_, text) => {
    expect(parseConfigText(text)).toMatchObject({ errors: [], isUnreadable: false, values: new Map() });
  });

  test('a secret is never read from it, and the step’s is', () => {
    const parsed = parseWithConfigFile(`${baseConfigFile}mode: check\n`, {
      'client-secret': 'x',
      'client-id': exampleGuid,
    });
    expect(parsed).toEqual({ errors: ['client-secret needs client-id and tenant-id as well'] });
  });
});

describe('scalars are taken as they stand in the file, so that nothing is reformatted', () => {
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

  test.each(['', '~', 'null', 'Null'])('null is not given: "%s"', (written) => {
    expect(inputValue(`region: ${written}`, 'region')).toBeUndefined();
  });

  test('whatever a pair’s value is, what YAML says it is arrives', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((t) => !t.includes('\0') && !/\n$/.test(t));
    fc.assert(
      fc.property(text, (value) => {
        expect(inputValue(`tags: { a: ${JSON.stringify(value)} }`, 'tags')).toEqual(new Map([['a', value]]));
      }),
    );
  });

  test('a character that no text can carry is a fault', () => {
    for (const written of ['"a\\0b"', '"\\ud800"'])
      expect(parseConfigText(`region: ${written}`).errors).toEqual([
        expect.stringMatching(/line 1.*region has a char/),
      ]);
  });
});

describe('lists and pairs', () => {
  test('an item that the text form could not carry is not split and not dropped', () => {
    const items = ['a,b', '#c', 'd\ne'];
    expect(inputValue(`extensions: ${JSON.stringify(items)}`, 'extensions')).toEqual(items);
    const parsed = parseWithConfigFile(`${baseConfigFile}extensions: ${JSON.stringify(items)}`);
    expect('errors' in parsed && parsed.errors.length).toBe(items.length);
  });

  test('a pair may have any name and any value, an empty one too', () => {
    const pairs = { 'a=b': '1,2', '#c': '', 'd e': 'f\ng', 'team:x': 'y' };
    expect(Object.fromEntries(parseWithBase(`tags: ${JSON.stringify(pairs)}`).server.tags)).toEqual(pairs);
  });

  test('a block’s last line break belongs to the way it is written', () => {
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

  test('an alias repeats what it is an alias of', () => {
    expect(parseWithBase('region: &here westeurope\ntags: { where: *here }').server.tags.get('where')).toBe(
      'westeurope',
    );
  });
});

describe('where the file says it, for annotations', () => {
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

  test('the line of each input, and of what is in it by its name', () => {
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

  test('mode check is told the path and the lines, without those whose input the step gives itself', () => {
    const config = parseWithBase(text, { region: 'northeurope', tags: 'a=b' });
    if (config.mode !== 'check') throw new Error('another mode was asked for');
    expect(config.configSource?.path).toBe(configFilePath);
    const lines = config.configSource?.lines;
    expect(lines?.get('server-parameters.work_mem')).toBe(9);
    for (const own of ['region', 'tags', 'tags.team']) expect(lines?.has(own)).toBe(false);
  });

  test('without a file nothing is declared in one', () => {
    const parsed = parseWithConfigFile('', { ...defaultInputs, mode: 'check', 'config-file': '' });
    expect('configSource' in parsed && parsed.configSource).toBeUndefined();
  });
});

test('every kind of input has a name that action.yml’s table of kinds knows', () => {
  expect(Object.keys(inputSchema).length).toBeGreaterThan(50);
  const given = Object.keys(inputSchema).map((name) => `${name}:`);
  expect(parseConfigText(given.join('\n')).errors).toEqual([]);
});
