import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Alias } from 'yaml';
import { actionError } from '../../../../src/common/errors.ts';
import { parseConfigFile } from '../../../../src/inputs/config-file/parse-config-file.ts';
import { secretInputs } from '../../../../src/inputs/schema.ts';
import {
  configFilePath,
  defaultInputs,
  exampleGuid,
  parseWithConfigFile,
} from '../../../helpers/unit/test-configs.ts';

const parseConfigText = (text: string) => parseConfigFile(configFilePath, text);

/** The secret of these tests. */
const secret = 'Hunter2-Is-A-Secret';

const errorPrefix = (line: number, column: number): string =>
  `config-file ${configFilePath}, line ${line}, column ${column}: `;

describe('an error in a config-file names the line, the column and what to do', () => {
  test.each([
    ['an unknown input', 'mode: check\nport: 5432', errorPrefix(2, 1), /unknown input: correct or remove/],
    ['a misspelled input', 'resorce-group: x', errorPrefix(1, 1), /did you mean resource-group\?/],
    ['an input in the wrong case', 'Region: x', errorPrefix(1, 1), /did you mean region\?/],
    ['an input with _ for -', 'sku_name: x', errorPrefix(1, 1), /did you mean sku-name\?/],
    ['a file that names another', 'config-file: x.yml', errorPrefix(1, 1), /only the step can set/],
    ['a name given twice', 'mode: check\n"mode": drop', errorPrefix(2, 1), /given twice.*remove one/],
    ['a pair given twice', 'tags:\n  1: a\n  "1": b', errorPrefix(3, 3), /given twice/],
    ['a name that is not a text', '? [a]\n: b', errorPrefix(1, 3), /has to be a text/],
    ['a list for one value', 'region: [a]', errorPrefix(1, 1), /region takes one value/],
    ['a mapping for one value', 'mode: {a: b}', errorPrefix(1, 1), /mode takes one value/],
    ['a list for pairs', 'tags: [a=b]', errorPrefix(1, 1), /tags takes a mapping of names to values/],
    ['a mapping for a list', 'extensions: {a: b}', errorPrefix(1, 1), /extensions takes a list/],
    ['an empty item', 'extensions:\n  - a\n  -\n', errorPrefix(3, 4), /an item of extensions is empty/],
    ['a blank item', 'formats: [" "]', errorPrefix(1, 11), /an item of formats is empty/],
    ['an item that is a list', 'formats: [[url]]', errorPrefix(1, 11), /an item of formats has to be a text/],
    ['an empty range', 'allowed-ip-ranges: {office: }', errorPrefix(1, 21), /a range of .* is empty/],
    [
      'an expression',
      'mode: check\nregion: ${{ vars.X }}',
      errorPrefix(2, 9),
      /^.*: region has an expression.*with:$/,
    ],
    [
      'an invalid character in a list',
      'extensions: ["a\\0"]',
      errorPrefix(1, 14),
      /contains an invalid character/,
    ],
    [
      'an expression in a text',
      'migration-command: |\n  a ${{ x }}',
      errorPrefix(1, 20),
      /migration-command has an exp/,
    ],
    [
      'an expression in a list',
      'extensions: [a, "${{ x }}"]',
      errorPrefix(1, 17),
      /an item of extensions has an expr/,
    ],
    [
      'an expression in a range',
      'allowed-ip-ranges: {a: "${{ x }}"}',
      errorPrefix(1, 24),
      /range of .* has an expr/,
    ],
    ['an expression in a value', 'tags: {a: "x${{ x }}"}', errorPrefix(1, 11), /tags has an expression/],
    ['an expression in a name', 'tags: {"${{ x }}": a}', errorPrefix(1, 8), /a name has an expression/],
    ['a value that is a list', 'server-parameters: {a: [b]}', errorPrefix(1, 21), /has to be a text/],
  ])('%s', (_, text, position, message) => {
    const { errors, isUnreadable } = parseConfigText(text);
    expect(errors).toEqual([expect.stringMatching(message)]);
    expect(errors[0]?.startsWith(position), errors[0]).toBe(true);
    expect(isUnreadable).toBe(false);
  });

  test.each([
    ['a sequence', '- mode: check', errorPrefix(1, 1), /a mapping of inputs is expected/],
    ['a text', 'westeurope', errorPrefix(1, 1), /a mapping of inputs is expected/],
    ['a second document', 'mode: check\n---\nmode: drop', errorPrefix(2, 1), /second document/],
    ['a tab', 'tags:\n\ta: b', errorPrefix(2, 1), /tab/],
    ['a second colon', 'region: a: b', errorPrefix(1, 9), /quotes/],
    ['an unclosed quote', 'region: "a', errorPrefix(1, 11), /missing/],
    ['a reserved character at the beginning', 'region: @a', errorPrefix(1, 9), /quotes/],
    ['an unknown escape', 'region: "\\q"', errorPrefix(1, 10), /escape/],
    ['a tag', 'region: !secret a', errorPrefix(1, 9), /tags.*remove it/],
    ['a tag of YAML 1.1', 'region: !!binary aGk=', errorPrefix(1, 9), /tags.*remove it/],
    ['an alias without an anchor', 'region: *here', errorPrefix(1, 9), /no anchor/],
    ['too much nesting', `tags: ${'['.repeat(20_000)}`, 'config-file', /too deeply/],
  ])(
    'an unreadable file is the only error, because any input could be missing: %s',
    (_, text, position, message) => {
      const { errors, isUnreadable, values } = parseConfigText(text);
      expect(errors).toEqual([expect.stringMatching(message)]);
      expect(errors[0]?.startsWith(position), errors[0]).toBe(true);
      expect([isUnreadable, values.size]).toEqual([true, 0]);
      expect(parseWithConfigFile(text)).toEqual({ errors: [expect.stringMatching(message)] });
    },
  );

  test('the number of aliases is limited, so that a small file cannot expand to a large value', () => {
    const long = `x: &a ${'x'.repeat(100)}\nextensions: [${'*a,'.repeat(200)}]`;
    expect(parseConfigText(long).errors).toEqual([expect.stringMatching(/more than 100 aliases/)]);
  });

  test('aliases are resolved in one pass over the file', () => {
    const resolve = vi.spyOn(Alias.prototype, 'resolve');
    try {
      const anchors = Array.from({ length: 100 }, (_, i) => `  k${i}: &k${i} v${i}`).join('\n');
      const items = Array.from({ length: 100 }, (_, i) => `  l${i}: *k${i}`).join('\n');
      const { values, errors } = parseConfigText(`tags:\n${anchors}\nserver-parameters:\n${items}`);
      expect(errors).toEqual([]);
      expect(values.get('server-parameters')).toEqual(
        new Map(Array.from({ length: 100 }, (_, i) => [`l${i}`, `v${i}`])),
      );
      expect(resolve).not.toHaveBeenCalled();
    } finally {
      resolve.mockRestore();
    }
  });

  test('an alias refers to the nearest anchor of its name before it', () => {
    const { values } = parseConfigText('tags: {a: &x one, b: *x, c: &x two, d: *x}');
    expect(Object.fromEntries(values.get('tags') as ReadonlyMap<string, string>)).toMatchObject({
      b: 'one',
      d: 'two',
    });
  });

  test('a wrong file with thousands of names gives one error', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `name${i}: x`).join('\n');
    expect(parseConfigText(names).errors).toEqual([expect.stringMatching(/5000 names.*right file/)]);
  });
});

describe('errors of a config-file and of the step are reported together', () => {
  const base = `server-name: demo-relecloud\nsubscription-id: ${exampleGuid}\nadmin-username: relecloud_admin\n`;

  test('errors of the file, of its values with their line, and of the step', () => {
    const text = `${base}database: relecloud\nbackup-retention-days: 99\nprot: 1\n`;
    expect(parseWithConfigFile(text, { region: 'x', 'sku-name': 'B1' })).toEqual({
      errors: [
        expect.stringContaining(`${configFilePath}, line 6, column 1: unknown input`),
        expect.stringMatching(/^sku-name is 'B1'/),
        `config-file ${configFilePath}, line 5: backup-retention-days is '99', but must be a whole number from 7 to 35`,
      ],
    });
  });

  test('an input that the file sets in an invalid way is not reported as missing too', () => {
    expect(parseWithConfigFile(`${base}database: [relecloud]\n`)).toEqual({
      errors: [expect.stringMatching(/line 4.*database takes one value/)],
    });
    expect(parseWithConfigFile(base)).toEqual({
      errors: [
        expect.stringMatching(
          /^database is missing: the database to ensure \(if the step sets it by an expression, /,
        ),
      ],
    });
  });

  test('an invalid input of the step is not reported as an error of the file', () => {
    const parsed = parseWithConfigFile(`${base}region: x\nmode: y`, { ...defaultInputs, mode: 'z' });
    expect(parsed).toEqual({ errors: [expect.stringMatching(/^mode is 'z'/)] });
  });
});

describe('secrets in a config-file are rejected and never shown', () => {
  test.each(secretInputs)('%s is rejected with what to do instead, and masked', (name) => {
    const { errors, misplacedSecrets, values } = parseConfigText(`mode: check\n${name}: ${secret}\n`);
    expect(errors).toEqual([
      expect.stringMatching(new RegExp(`line 2, column 1: ${name} is a secret.*GitHub secret.*${name}: \\$`)),
    ]);
    expect(misplacedSecrets).toEqual([secret]);
    expect(values.has(name)).toBe(false);
  });

  test.each([
    ['under a misspelled name', `Admin_Pasword: ${secret}`],
    ['under a name that sounds like a secret', `db-pwd: ${secret}`],
    ['in a list', `app-password: [${secret}]`],
    ['in a mapping', `app-password: {value: ${secret}}`],
    ['through an alias', `region: &a ${secret}\napp-password: *a`],
    ['when given twice', `mode: check\nadmin-password: x1\nadmin-password: ${secret}`],
    ['in an invalid file', `admin-password: ${secret}\nregion: a: b`],
    ['as a block', `admin-password: |-\n  ${secret}`],
  ])('a secret is masked %s', (_, text) => {
    const { misplacedSecrets, errors } = parseConfigText(text);
    expect(misplacedSecrets).toContain(secret);
    expect(errors.join()).not.toContain(secret);
  });

  test('no error quotes the content of the file', () => {
    const texts = [
      `${secret}`,
      `- ${secret}`,
      `${secret}: x`,
      `port: ${secret}`,
      `region: !${secret} x`,
      `region: *${secret}`,
      `region: {${secret}: x}`,
      `region: x: ${secret}`,
      `region: "${secret}`,
      `region: "\\q${secret}"`,
      `region: @${secret}`,
      `\t${secret}: x`,
      `tags: [${secret}]`,
      `tags: {a: [${secret}]}`,
      `a: 1\n--- ${secret}`,
      `%${secret}\n---\nmode: check`,
      `? [${secret}]\n: x`,
      `region: &${secret}`,
    ];
    for (const text of texts) expect(parseConfigText(text).errors.join(), text).not.toContain(secret);
  });

  test('any text can be parsed, and no error quotes a secret in it', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '- ',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      '&',
      '*',
      '!',
      '|',
      '\t',
    );
    const text = fc
      .array(fc.oneof(pieces, fc.constant(secret), fc.string({ maxLength: 3 })))
      .map((p) => p.join(''));
    fc.assert(
      fc.property(text, (yaml) => {
        const { errors } = parseConfigText(yaml);
        const { message } = actionError('inputs-invalid', { errors });
        expect(message).not.toContain(secret);
      }),
      { numRuns: 500 },
    );
  });
});
