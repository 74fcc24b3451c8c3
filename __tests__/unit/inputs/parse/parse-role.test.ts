import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateSecretEnds } from '../../../../src/inputs/validators.ts';
import { anyText } from '../../../helpers/unit/arbitraries.ts';
import {
  ensureConfig,
  exampleKey,
  type InputValues,
  inputErrorsOf,
  perPullRequestInputs,
  pullRequestEvent,
  pushEvent,
} from '../../../helpers/unit/test-configs.ts';

const inputsWithKey = (key: string): InputValues => ({
  'app-username': 'relecloud_app',
  'app-password-key': key,
});
const inputErrorsOnPullRequest = (given: InputValues): readonly string[] =>
  inputErrorsOf({ ...perPullRequestInputs, ...given }, {}, pullRequestEvent());

describe('with app-username, one of app-password and app-password-key is required', () => {
  test('without both, the error states how to generate a key', () => {
    expect(inputErrorsOf({ 'app-username': 'relecloud_app' })).toEqual([
      expect.stringMatching(/^app-password-key is missing.*app-password.*openssl rand -base64 32/),
    ]);
  });

  test('both are an error', () => {
    expect(inputErrorsOf({ ...inputsWithKey(exampleKey), 'app-password': 'another secret' })).toEqual([
      expect.stringMatching(/^app-password and app-password-key are both given/),
    ]);
  });

  test.each([
    ['app-password', 'a secret'],
    ['app-password-key', exampleKey],
  ])('%s without app-username is an error', (input, value) => {
    expect(inputErrorsOf({ [input]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${input} is given without app-username`)),
    ]);
  });

  test.each([
    ['63 hexadecimal digits', `${'a1'.repeat(31)}f`],
    ['a length that base64 cannot have', 'Q'.repeat(45)],
  ])('a truncated key is an error, not another key: %s', (_, key) => {
    expect(inputErrorsOf(inputsWithKey(key))).toEqual([
      expect.stringMatching(/^app-password-key is not base64 or/),
    ]);
  });

  test('the password is not trimmed', () => {
    fc.assert(
      fc.property(anyText, (password) => {
        fc.pre(validateSecretEnds(password) === undefined);
        const { appRole } = ensureConfig({ 'app-username': 'app', 'app-password': password }, {}, pushEvent);
        expect(appRole?.secret).toEqual({ password });
      }),
    );
  });

  test('the password must differ from the administrator’s', () => {
    const same = { 'app-username': 'app', 'app-password': 'VerySecurePassword!1' };
    expect(inputErrorsOf(same)).toEqual([
      expect.stringMatching(/^app-password is the administrator’s password/),
    ]);
  });
});

describe('app-password-key: at least 32 random bytes, base64 or hex', () => {
  const bytes = (least: number, most: number) =>
    fc.uint8Array({ minLength: least, maxLength: most }).map((array) => Buffer.from(array));

  /** Base64 that is also hexadecimal, which random bytes practically never give. */
  const looksHexadecimal = (key: Buffer): boolean => /^[0-9a-f]+$/i.test(key.toString('base64url'));

  test('every form of the same bytes is the same key', () => {
    fc.assert(
      fc.property(bytes(32, 64), (key) => {
        const hex = key.toString('hex');
        fc.pre(!looksHexadecimal(key));
        const forms = [
          hex,
          hex.toUpperCase(),
          key.toString('base64'),
          key.toString('base64url'),
          `  ${key.toString('base64')}\n`,
          hex.replace(/(.{16})/g, '$1\n'),
        ];
        for (const form of forms)
          expect(ensureConfig(inputsWithKey(form), {}, pushEvent).appRole?.secret, form).toEqual({
            key: hex,
          });
      }),
    );
  });

  test('the error for a shorter key names its length', () => {
    fc.assert(
      fc.property(bytes(4, 31), (key) => {
        fc.pre(!looksHexadecimal(key));
        const expected = [
          expect.stringContaining(`app-password-key has ${key.length} bytes, but needs at least 32`),
        ];
        expect(inputErrorsOf(inputsWithKey(key.toString('hex')))).toEqual(expected);
        expect(inputErrorsOf(inputsWithKey(key.toString('base64')))).toEqual(expected);
      }),
    );
  });

  test.each([' ', '\n', ' \t\r\n '])(
    'white space alone is not a key, because anyone could derive that password: %j',
    (key) => {
      expect(inputErrorsOf(inputsWithKey(key))).toEqual([expect.stringMatching(/^app-password-key /)]);
    },
  );
});

describe('the application role is not the administrator', () => {
  test('so it cannot have the same name, with or without the number of the pull request', () => {
    const expected = [expect.stringMatching(/^app-username is admin-username/)];
    expect(inputErrorsOf({ ...inputsWithKey(exampleKey), 'app-username': 'relecloud_admin' })).toEqual(
      expected,
    );
    expect(inputErrorsOnPullRequest({ 'app-username': 'relecloud_admin' })).toEqual(expected);
    expect(inputErrorsOnPullRequest({ 'app-username': 'app', 'admin-username': 'app_pr_42' })).toEqual(
      expected,
    );
  });

  test('its name can contain any character, up to 63 bytes, as in PostgreSQL', () => {
    for (const name of ['Ünïcode-Rölle', 'with space', 'é'.repeat(31), 'a"b\\c', 'x'.repeat(63)])
      expect(
        ensureConfig({ ...inputsWithKey(exampleKey), 'app-username': name }, {}, pushEvent).appRole?.name,
      ).toBe(name);
  });
});

describe('migrate-as', () => {
  const migration = { 'migration-command': 'npm run migrate' };
  const runAs = (given: InputValues) =>
    ensureConfig({ ...migration, ...given }, {}, pushEvent).migration?.runAs;

  test('is app by default if there is an application role, otherwise admin', () => {
    expect(runAs({})).toBe('admin');
    expect(runAs(inputsWithKey(exampleKey))).toBe('app');
  });

  test('can be admin for a base database', () => {
    expect(runAs({ ...inputsWithKey(exampleKey), 'migrate-as': 'admin' })).toBe('admin');
    expect(runAs({ 'migrate-as': 'admin' })).toBe('admin');
  });

  test('app without an application role is an error', () => {
    expect(inputErrorsOf({ ...migration, 'migrate-as': 'app' })).toEqual([
      expect.stringMatching(/^migrate-as is app, but app-username is not set/),
    ]);
  });

  test('admin is an error for a pull request, whose code must not run as the administrator', () => {
    expect(inputErrorsOnPullRequest({ ...migration, 'migrate-as': 'admin' })).toEqual([
      expect.stringMatching(/^migrate-as is admin, which is refused with per-pull-request/),
    ]);
  });

  test('a migration for a pull request needs an application role', () => {
    const given = { ...migration, 'per-pull-request': 'true' };
    expect(inputErrorsOf(given, {}, pullRequestEvent())).toEqual([
      expect.stringMatching(/^migration-command needs app-username with per-pull-request/),
    ]);
    expect(inputErrorsOf({ 'per-pull-request': 'true' }, {}, pullRequestEvent())).toEqual([]);
  });

  test('no combination of inputs runs the migration of a pull request as the administrator', () => {
    const given = fc.record({
      'migration-command': fc.constantFrom('', 'true'),
      'migrate-as': fc.constantFrom('', 'app', 'admin', 'ADMIN', 'Admin '),
      'app-username': fc.constantFrom('', 'app'),
      'app-password-key': fc.constantFrom('', exampleKey),
    });
    fc.assert(
      fc.property(given, (inputs) => {
        const all = { ...inputs, 'per-pull-request': 'true' };
        if (inputErrorsOf(all, {}, pullRequestEvent()).length > 0) return;
        expect(ensureConfig(all, {}, pullRequestEvent()).migration?.runAs).not.toBe('admin');
      }),
      { numRuns: 200 },
    );
  });
});

describe('extensions', () => {
  test('are one a line or separated by commas, in any case, without duplicates', () => {
    const given = 'pgcrypto, UUID-OSSP\n# a comment\npostgis\nPgCrypto';
    expect(ensureConfig({ extensions: given }).extensions).toEqual(['pgcrypto', 'uuid-ossp', 'postgis']);
  });

  test('every invalid name is an error', () => {
    expect(inputErrorsOf({ extensions: 'pg crypto, "x", vector' })).toEqual([
      expect.stringContaining("'pg crypto'"),
      expect.stringContaining(`'"x"'`),
    ]);
  });
});

describe('github-token', () => {
  test('is trimmed, and undefined if it is blank', () => {
    expect(ensureConfig({ 'github-token': ' ghs_16C7e42F292c69 \n' }).gitHubToken).toBe('ghs_16C7e42F292c69');
    expect(ensureConfig({ 'github-token': ' ' }).gitHubToken).toBeUndefined();
    expect(ensureConfig().gitHubToken).toBeUndefined();
  });
});
