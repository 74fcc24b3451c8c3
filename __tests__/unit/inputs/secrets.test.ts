import { describe, expect, test } from 'vitest';
import { findSecretWarnings } from '../../../src/inputs/parse/parse-config.ts';
import { validateCreation } from '../../../src/resources/server/new-server.ts';
import {
  ensureConfig,
  exampleGuid,
  exampleKey,
  inputErrorsOf,
  pushEvent,
} from '../../helpers/unit/test-configs.ts';

const secret = 'AnotherSecret!2';
const region = { region: 'westeurope' };
const controlCharacters = ['\n', '\r\n', '\r', '\t', '\u0007', '\u001b', '\u0085', '\u2028'];
const paddedSecrets = controlCharacters.flatMap((end) => [secret + end, end + secret]);
const expectedError = expect.stringMatching(/begins or ends with a line break or another control character/);

describe('a secret that was pasted or piped with a line break is rejected before it is used', () => {
  test.each(paddedSecrets)('%j as admin-password of a new server', (password) => {
    expect(validateCreation(ensureConfig({ ...region, 'admin-password': password }))).toEqual([
      expectedError,
    ]);
  });

  test.each(paddedSecrets)('%j as app-password', (password) => {
    const given = { 'app-username': 'app', 'app-password': password };
    expect(inputErrorsOf(given, {}, pushEvent)).toEqual([expectedError]);
  });

  test.each(paddedSecrets)('%j as client-secret, from the input and from the variable', (clientSecret) => {
    const given = { 'client-id': exampleGuid, 'tenant-id': exampleGuid };
    expect(inputErrorsOf({ ...given, 'client-secret': clientSecret })).toEqual([expectedError]);
    expect(inputErrorsOf(given, { AZURE_CLIENT_SECRET: clientSecret })).toEqual([expectedError]);
  });

  test('no error quotes the secret', () => {
    for (const text of paddedSecrets) {
      const given = { ...region, 'admin-password': text };
      expect(validateCreation(ensureConfig(given)).join()).not.toContain(secret);
      expect(findSecretWarnings(ensureConfig(given)).join()).not.toContain(secret);
    }
  });
});

test.each([`${exampleKey}\n`, ` ${exampleKey} `])(
  'app-password-key %j is the same key as without white space',
  (key) => {
    const appRoleOf = (given: string) =>
      ensureConfig({ 'app-username': 'app', 'app-password-key': given }, {}, pushEvent).appRole;
    expect(appRoleOf(key)).toEqual(appRoleOf(exampleKey));
  },
);

test('github-token is trimmed', () => {
  expect(ensureConfig({ 'github-token': ' ghs_x\n' }).gitHubToken).toBe('ghs_x');
});

describe('white space at an end of a secret is valid but probably a mistake, so it is a warning', () => {
  const warningsOf = (given: Readonly<Record<string, string>>) =>
    findSecretWarnings(
      ensureConfig(
        { 'client-id': exampleGuid, 'tenant-id': exampleGuid, 'app-username': 'app', ...given },
        {},
        pushEvent,
      ),
    );
  const appPassword = { 'app-password': secret };

  test.each([
    ['admin-password', { ...appPassword, 'admin-password': `${secret}x ` }],
    ['admin-password', { ...appPassword, 'admin-password': `${secret}x\n` }],
    ['app-password', { 'app-password': ` ${secret}` }],
    ['client-secret', { ...appPassword, 'client-secret': `${secret} ` }],
  ])('%s with white space at an end: %j', (input, given) => {
    expect(warningsOf(given)).toEqual([expect.stringMatching(`^${input} begins or ends with white space`)]);
  });

  test('a space at an end is valid, because Azure accepts it', () => {
    expect(validateCreation(ensureConfig({ ...region, 'admin-password': `${secret} ` }))).toEqual([]);
  });

  test('a secret without white space at an end gives no warning', () => {
    expect(warningsOf(appPassword)).toEqual([]);
  });
});
