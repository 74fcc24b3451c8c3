import { describe, expect, test } from 'vitest';
import { creationFaults } from '../../../src/config/creation.ts';
import { secretWarnings } from '../../../src/config/secret-ends.ts';
import { ensureConfig, faultsOf, push, someGuid, someKey } from '../../helpers/unit/inputs.ts';

const secret = 'AnotherSecret!2';
const region = { region: 'westeurope' };
const ends = ['\n', '\r\n', '\r', '\t', '\u0007', '\u001b', '\u0085', '\u2028'];
const both = ends.flatMap((end) => [secret + end, end + secret]);
const says = expect.stringMatching(/begins or ends with a line break or another control character/);

describe('a secret that was pasted or piped with a line break is refused before it is used', () => {
  test.each(both)('%j as admin-password: for a new server', (password) => {
    expect(creationFaults(ensureConfig({ ...region, 'admin-password': password }))).toEqual([says]);
  });

  test.each(both)('%j as app-password', (password) => {
    const given = { 'app-username': 'app', 'app-password': password };
    expect(faultsOf(given, {}, push)).toEqual([says]);
  });

  test.each(both)('%j as client-secret, whichever way it is given', (clientSecret) => {
    const given = { 'client-id': someGuid, 'tenant-id': someGuid };
    expect(faultsOf({ ...given, 'client-secret': clientSecret })).toEqual([says]);
    expect(faultsOf(given, { AZURE_CLIENT_SECRET: clientSecret })).toEqual([says]);
  });

  test('no fault quotes the secret', () => {
    for (const text of both) {
      const given = { ...region, 'admin-password': text };
      expect(creationFaults(ensureConfig(given)).join()).not.toContain(secret);
      expect(secretWarnings(ensureConfig(given)).join()).not.toContain(secret);
    }
  });
});

test.each([`${someKey}\n`, ` ${someKey} `])('app-password-key %j is the same key as without', (key) => {
  const applicationOf = (given: string) =>
    ensureConfig({ 'app-username': 'app', 'app-password-key': given }, {}, push).application;
  expect(applicationOf(key)).toEqual(applicationOf(someKey));
});

test('github-token is taken without white space around it', () => {
  expect(ensureConfig({ 'github-token': ' ghs_x\n' }).gitHubToken).toBe('ghs_x');
});

describe('white space at an end is legal, and probably a mistake: a warning', () => {
  const warningsOf = (given: Readonly<Record<string, string>>) =>
    secretWarnings(
      ensureConfig(
        { 'client-id': someGuid, 'tenant-id': someGuid, 'app-username': 'app', ...given },
        {},
        push,
      ),
    );
  const application = { 'app-password': secret };

  test.each([
    ['admin-password', { ...application, 'admin-password': `${secret}x ` }],
    ['admin-password', { ...application, 'admin-password': `${secret}x\n` }],
    ['app-password', { 'app-password': ` ${secret}` }],
    ['client-secret', { ...application, 'client-secret': `${secret} ` }],
  ])('%s with white space at an end: %j', (input, given) => {
    expect(warningsOf(given)).toEqual([expect.stringMatching(`^${input} begins or ends with white space`)]);
  });

  test('a space at an end is no fault, since Azure takes it', () => {
    expect(creationFaults(ensureConfig({ ...region, 'admin-password': `${secret} ` }))).toEqual([]);
  });

  test('nothing else is', () => {
    expect(warningsOf(application)).toEqual([]);
  });
});
