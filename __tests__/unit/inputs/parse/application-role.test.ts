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
  test('none of them: the fault tells how to make a key', () => {
    expect(inputErrorsOf({ 'app-username': 'relecloud_app' })).toEqual([
      expect.stringMatching(/^app-password-key is missing.*app-password.*openssl rand -base64 32/),
    ]);
  });

  test('both of them', () => {
    expect(inputErrorsOf({ ...inputsWithKey(exampleKey), 'app-password': 'another secret' })).toEqual([
      expect.stringMatching(/^app-password and app-password-key are both given/),
    ]);
  });

  test.each([
    ['app-password', 'a secret'],
    ['app-password-key', exampleKey],
  ])('%s without app-username is for nobody', (input, value) => {
    expect(inputErrorsOf({ [input]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${input} is given without app-username`)),
    ]);
  });

  test.each([
    ['63 hexadecimal digits', `${'a1'.repeat(31)}f`],
    ['a length that base64 cannot have', 'Q'.repeat(45)],
  ])('a key that was miscopied is no other key: %s', (_, key) => {
    expect(inputErrorsOf(inputsWithKey(key))).toEqual([
      expect.stringMatching(/^app-password-key is neither base64 nor/),
    ]);
  });

  test('the password is taken as it is, without trimming', () => {
    fc.assert(
      fc.property(anyText, (password) => {
        fc.pre(validateSecretEnds(password) === undefined);
        const { appRole } = ensureConfig({ 'app-username': 'app', 'app-password': password }, {}, pushEvent);
        expect(appRole?.secret).toEqual({ password });
      }),
    );
  });

  test('whoever has the one password must not have the other', () => {
    const same = { 'app-username': 'app', 'app-password': 'VerySecurePassword!1' };
    expect(inputErrorsOf(same)).toEqual([
      expect.stringMatching(/^app-password is the administrator’s password/),
    ]);
  });
});

describe('app-password-key: at least 32 random bytes, base64 or hex', () => {
  const bytes = (least: number, most: number) =>
    fc.uint8Array({ minLength: least, maxLength: most }).map((array) => Buffer.from(array));

  /** Base64 that could be hexadecimal digits as well, which random bytes practically never give. */
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

  test('a key of fewer bytes is told by its length', () => {
    fc.assert(
      fc.property(bytes(4, 31), (key) => {
        fc.pre(!looksHexadecimal(key));
        const says = [
          expect.stringContaining(`app-password-key has ${key.length} bytes, but needs at least 32`),
        ];
        expect(inputErrorsOf(inputsWithKey(key.toString('hex')))).toEqual(says);
        expect(inputErrorsOf(inputsWithKey(key.toString('base64')))).toEqual(says);
      }),
    );
  });

  test.each([' ', '\n', ' \t\r\n '])(
    'white space alone is no key, for a password derived from nothing is anybody’s: %j',
    (key) => {
      expect(inputErrorsOf(inputsWithKey(key))).toEqual([expect.stringMatching(/^app-password-key /)]);
    },
  );
});

describe('the application role is not the administrator', () => {
  test('nor is it called so, with the pull request’s number or without', () => {
    const says = [expect.stringMatching(/^app-username is admin-username/)];
    expect(inputErrorsOf({ ...inputsWithKey(exampleKey), 'app-username': 'relecloud_admin' })).toEqual(says);
    expect(inputErrorsOnPullRequest({ 'app-username': 'relecloud_admin' })).toEqual(says);
    expect(inputErrorsOnPullRequest({ 'app-username': 'app', 'admin-username': 'app_pr_42' })).toEqual(says);
  });

  test('PostgreSQL’s own rules for roles: any character, in 63 bytes', () => {
    for (const name of ['Ünïcode-Rölle', 'with space', 'é'.repeat(31), 'a"b\\c', 'x'.repeat(63)])
      expect(
        ensureConfig({ ...inputsWithKey(exampleKey), 'app-username': name }, {}, pushEvent).appRole?.name,
      ).toBe(name);
  });
});

describe('migrate-as: app where there is an application role', () => {
  const migration = { 'migration-command': 'npm run migrate' };
  const as = (given: InputValues) => ensureConfig({ ...migration, ...given }, {}, pushEvent).migration?.runAs;

  test('the default', () => {
    expect(as({})).toBe('admin');
    expect(as(inputsWithKey(exampleKey))).toBe('app');
  });

  test('a base database’s migration may run as the administrator', () => {
    expect(as({ ...inputsWithKey(exampleKey), 'migrate-as': 'admin' })).toBe('admin');
    expect(as({ 'migrate-as': 'admin' })).toBe('admin');
  });

  test('app without an application role is nobody', () => {
    expect(inputErrorsOf({ ...migration, 'migrate-as': 'app' })).toEqual([
      expect.stringMatching(/^migrate-as is app, but app-username is not set/),
    ]);
  });

  test('what a pull request wrote never runs as the administrator: said so', () => {
    expect(inputErrorsOnPullRequest({ ...migration, 'migrate-as': 'admin' })).toEqual([
      expect.stringMatching(/^migrate-as is admin, which is refused with per-pull-request/),
    ]);
  });

  test('nor by default, where there is no application role', () => {
    const given = { ...migration, 'per-pull-request': 'true' };
    expect(inputErrorsOf(given, {}, pullRequestEvent())).toEqual([
      expect.stringMatching(/^migration-command needs app-username with per-pull-request/),
    ]);
    expect(inputErrorsOf({ 'per-pull-request': 'true' }, {}, pullRequestEvent())).toEqual([]);
  });

  test('there is no way to a pull request’s migration as the administrator', () => {
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
  test('one a line or separated by commas, in any case, each once', () => {
    const given = 'pgcrypto, UUID-OSSP\n# a comment\npostgis\nPgCrypto';
    expect(ensureConfig({ extensions: given }).extensions).toEqual(['pgcrypto', 'uuid-ossp', 'postgis']);
  });

  test('every one that is none is told', () => {
    expect(inputErrorsOf({ extensions: 'pg crypto, "x", vector' })).toEqual([
      expect.stringContaining("'pg crypto'"),
      expect.stringContaining(`'"x"'`),
    ]);
  });
});

describe('github-token', () => {
  test('is a secret without the white space around it, and none where it is empty', () => {
    expect(ensureConfig({ 'github-token': ' ghs_16C7e42F292c69 \n' }).gitHubToken).toBe('ghs_16C7e42F292c69');
    expect(ensureConfig({ 'github-token': ' ' }).gitHubToken).toBeUndefined();
    expect(ensureConfig().gitHubToken).toBeUndefined();
  });
});
