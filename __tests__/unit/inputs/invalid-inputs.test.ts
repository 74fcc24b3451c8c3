import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
import { secretInputs } from '../../../src/inputs/schema.ts';
import {
  defaultInputs,
  exampleGuid,
  type InputValues,
  inputErrorsOf,
  missingDirectory,
  parseInputs,
  perPullRequestInputs,
  pullRequestEvent,
} from '../../helpers/unit/test-configs.ts';

/** For every input that can be invalid alone: invalid values, and the expected error. */
const invalidValues: Readonly<Record<string, readonly (readonly [value: string, message: RegExp])[]>> = {
  mode: [['ensured', /one of: ensure, check, drop, sweep/]],
  'client-id': [['my-app', /not a GUID/]],
  'tenant-id': [['contoso.onmicrosoft.com', /not a GUID/]],
  'subscription-id': [
    ['', /missing/],
    ['my subscription', /not a GUID/],
  ],
  'client-secret': [
    ['a\0b', /NUL/],
    ['a\n', /line break/],
  ],
  'azure-environment': [['AzureGermanCloud', /AzureCloud, AzureUSGovernment, AzureChinaCloud/]],
  'server-name': [
    ['', /missing/],
    ['ab', /3 to 63/],
    ['-demo', /does not begin or end with '-'/],
    ['demo-', /does not begin or end with '-'/],
    ['Bad_Name', /lower-case/],
    ['x'.repeat(64), /3 to 63/],
    ['demo.example.com', /lower-case/],
  ],
  'resource-group': [
    ['ends.', /end with '.'/],
    ['a/b', /1 to 90/],
  ],
  'admin-username': [
    ['', /missing/],
    ['azure_superuser', /reserves/],
    ['Admin', /reserves/],
    ['pg_monitor', /reserves/],
    ['x'.repeat(64), /63/],
  ],
  'admin-password': [
    ['', /missing/],
    ['a\0b', /NUL/],
  ],
  'postgres-version': [['10', /18, 17/]],
  'sku-name': [['B1ms', /Standard_B1ms/]],
  'storage-size-gb': [
    ['33', /32, 64/],
    ['lots', /number/],
    ['32.5', /whole number/],
  ],
  'storage-auto-grow': [['yes', /true or false/]],
  'backup-retention-days': [
    ['6', /7 to 35/],
    ['36', /7 to 35/],
  ],
  'geo-redundant-backup': [['1', /true or false/]],
  'high-availability': [['Zone', /SameZone/]],
  'availability-zone': [['4', /1, 2, 3/]],
  region: [
    ['..', /cannot be a region/],
    ['westeurope/..', /cannot be a region/],
  ],
  tags: [
    ['novalue', /name=value/],
    ['a/b=1', /none of/],
    ['GHA-unfinished-creation=1', /which the action uses/],
    [`${'x'.repeat(513)}=1`, /512 characters/],
    [`a=${'x'.repeat(257)}`, /256/],
    [Array.from({ length: 51 }, (_, i) => `t${i}=1`).join('\n'), /50 at most/],
    ['Team=1\nteam=2', /one name to Azure/],
  ],
  'server-parameters': [
    ['a=1\na=2', /twice/],
    ['work_mem=1\nWork_Mem=2', /one name to Azure/],
    ['..=x', /cannot be a parameter/],
    ['.=x', /cannot be a parameter/],
    ['a..b=x', /cannot be a parameter/],
    ['a/b=x', /cannot be a parameter/],
    ['1a=x', /cannot be a parameter/],
  ],
  'start-if-stopped': [['on', /true or false/]],
  'runner-ip': [['10.0.0.1', /not a public address/]],
  'allowed-ip-ranges': [
    ['1.2.3.4-1.2.3.3', /ends before it starts/],
    ['1.2.3.4/33', /CIDR/],
    ['example.com', /not an IPv4/],
    ['=1.2.3.4', /no name/],
    ['a=1.2.3.4', /3 to 80/],
    ['one=1.2.3.4\nONE=1.2.3.5', /twice/],
    ['2001:db8::1', /not an IPv4/],
  ],
  'allow-azure-services': [['maybe', /true or false/]],
  'keep-firewall-rule': [['2', /true or false/]],
  'kept-rules-older-than': [
    ['30', /72h or 7d/],
    ['0d', /72h or 7d/],
  ],
  database: [
    ['', /missing/],
    ['1st', /begins with a letter/],
    ['has space', /1 to 63/],
    ['x'.repeat(64), /1 to 63/],
    ['postgres', /choose another/],
    ['azure_sys', /choose another/],
  ],
  charset: [
    ['8UTF', /no character set of PostgreSQL/],
    ['Shift-JIS', /only a client can have/],
  ],
  collation: [['1st', /collation/]],
  'export-env': [['nope', /true or false/]],
  'env-prefix': [
    ['1DB', /begin with a letter/],
    ['GITHUB_DB_', /GITHUB_/],
    ['azure_', /AZURE_/],
  ],
  formats: [['url, odbc', /odbc/]],
  'ssl-mode': [['prefer', /require, verify-full/]],
  'working-directory': [[missingDirectory, /not a folder/]],
  'migration-timeout-minutes': [['0', /0.01 to 360/]],
  'on-drift': [['fail', /warn, fix/]],
  'timeout-minutes': [['361', /360/]],
  'pull-request-number': [
    ['0', /from 1/],
    ['-1', /whole number/],
    ['1.5', /whole number/],
    ['forty-two', /whole number/],
    ['99999999999', /whole number/],
  ],
  template: [
    ['1st', /begins with a letter/],
    ['azure_maintenance', /choose another/],
  ],
  reset: [['often', /true or false/]],
  'expires-in': [
    ['72', /72h or 7d/],
    ['0h', /72h or 7d/],
    ['1.5d', /72h or 7d/],
    ['7 years', /72h or 7d/],
    ['-1h', /72h or 7d/],
    ['3651d', /ten years/],
    ['999999w', /ten years/],
  ],
  'app-username': [
    ['azuresu', /reserves/],
    ['PG_app', /reserves/],
    ['Public', /reserves/],
    ['a\tb', /control/],
    ['é'.repeat(32), /63 bytes/],
  ],
  'app-password-key': [
    ['ab'.repeat(31), /31 bytes.*32/],
    ['c2hvcnQ=', /5 bytes.*32/],
    ['not a key!', /base64 or hexadecimal/],
  ],
  'migrate-as': [
    ['owner', /app, admin/],
    ['admin', /refused with per-pull-request/],
  ],
  extensions: [
    ['pgcrypto; DROP', /cannot be the name of an extension/],
    ['-x', /cannot be the name of an extension/],
    ['x'.repeat(64), /cannot be the name of an extension/],
  ],
  comment: [['please', /true or false/]],
  'dry-run': [
    ['perhaps', /true or false/],
    ['true', /mode drop and sweep/],
  ],
  'github-token': [
    ['a\0b', /NUL/],
    ['a\nb', /white space/],
  ],
  'skip-without-credentials': [['forks', /true or false/]],
  'password-auth': [
    ['yes', /Enabled or Disabled/],
    ['Disabled', /only mode check/],
    ['false', /only mode check/],
  ],
  'microsoft-entra-auth': [['on', /Enabled or Disabled/]],
  'public-access': [['0', /Enabled or Disabled/]],
  'cluster-size': [
    ['0', /1 to 32/],
    ['33', /1 to 32/],
    ['2.5', /whole number/],
  ],
  'maintenance-window': [
    ['Sun', /Sun 03:30/],
    ['Sun 24:00', /Sun 03:30/],
    ['Sun 03:60', /Sun 03:30/],
    ['03:30', /Sun 03:30/],
    ['Sunny 03:30', /Sun 03:30/],
    ['Enabled', /system-managed/],
  ],
  'drift-report': [
    ['drift.txt', /\.json or \.sarif/],
    ['.json', /\.json or \.sarif/],
    ['reports/.sarif', /\.json or \.sarif/],
    ['a.json\n./a.json', /twice/],
  ],
  'drift-issue': [['please', /true or false/]],
};

/** Inputs for a pull request, so that every input is used. */
const baseInputs: InputValues = {
  ...perPullRequestInputs,
  'migration-command': 'true',
  'client-id': exampleGuid,
  'tenant-id': exampleGuid,
};
const errorsOfInputs = (given: InputValues): readonly string[] =>
  inputErrorsOf(given, {}, pullRequestEvent());
const errorsAbout = (input: string, errors: readonly string[]): readonly string[] =>
  errors.filter((error) => error.startsWith(`${input} `) || error.startsWith(`${input}:`));

const invalidCases = Object.entries(invalidValues).flatMap(([input, cases]) =>
  cases.map(([value, message]) => ({ input, value, message })),
);

describe('errors of inputs', () => {
  test('the base inputs of these tests are valid', () => {
    expect(errorsOfInputs(baseInputs)).toEqual([]);
  });

  test.each(invalidCases)('$input = $value is one error', ({ input, value, message }) => {
    const errors = errorsOfInputs({ ...baseInputs, [input]: value });
    expect(errors).toHaveLength(1);
    expect(errorsAbout(input, errors)[0]).toMatch(message);
  });

  test('any number of invalid inputs gives one message with every error', () => {
    const some = fc.record(
      Object.fromEntries(
        Object.entries(invalidValues).map(([input, cases]) => [
          input,
          fc.option(fc.constantFrom(...cases.map(([value]) => value))),
        ]),
      ),
    );
    fc.assert(
      fc.property(some, (chosen) => {
        const given = Object.fromEntries(
          Object.entries(chosen).flatMap(([k, v]) => (v === null ? [] : [[k, v]])),
        );
        const errors = errorsOfInputs({ ...baseInputs, ...given });
        const inputs = Object.keys(given);
        expect(inputs.filter((input) => errorsAbout(input, errors).length !== 1)).toEqual([]);
        expect(errors).toHaveLength(inputs.length);
        const { message } = actionError('inputs-invalid', { errors });
        expect(errors.filter((error) => !message.includes(error))).toEqual([]);
      }),
    );
  });

  test('in mode check, on-drift is fail or warn, because fix would write', () => {
    expect(errorsOfInputs({ mode: 'check', 'on-drift': 'fix' })).toEqual([
      expect.stringMatching(/fail|warn/),
    ]);
  });

  test('a missing subscription-id names the other ids that OpenID Connect needs, if they are missing too', () => {
    const missing = { 'subscription-id': '', 'client-id': '', 'tenant-id': '' };
    expect(errorsOfInputs({ ...baseInputs, ...missing })).toEqual([
      expect.stringContaining('. OpenID Connect also needs client-id and tenant-id ('),
    ]);
    const id = '00000000-0000-0000-0000-000000000000';
    expect(errorsOfInputs({ ...baseInputs, ...missing, 'client-id': id, 'tenant-id': id })).toEqual([
      expect.not.stringContaining('OpenID Connect'),
    ]);
  });

  test('client-secret needs client-id and tenant-id', () => {
    expect(errorsOfInputs({ 'client-secret': 'x' })).toEqual([
      'client-secret needs client-id and tenant-id as well',
    ]);
  });

  test('inputs that are false are no error', () => {
    expect(errorsOfInputs({ 'per-pull-request': 'false', reset: 'FALSE', 'drift-issue': 'false' })).toEqual(
      [],
    );
  });
});

describe('secrets in errors', () => {
  const secret = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `S3cr3t${text}`);
  const wrong = {
    'server-name': '-',
    database: '1',
    'client-id': 'x',
    'runner-ip': '127.0.0.1',
    tags: 'x',
    mode: 'y',
  };

  test('no error quotes a secret, regardless of the number of errors', () => {
    fc.assert(
      fc.property(fc.tuple(secret, secret, secret, secret, secret), (secrets) => {
        const given = Object.fromEntries(secretInputs.map((name, i) => [name, `${secrets[i]}\0`]));
        const parsed = parseInputs({ ...defaultInputs, ...wrong, 'app-username': 'app', ...given });
        const { message } = actionError('inputs-invalid', {
          errors: 'errors' in parsed ? parsed.errors : [],
        });
        for (const name of secretInputs) expect(message).toContain(`${name} contains a NUL`);
        for (const each of secrets) expect(message).not.toContain(each);
      }),
    );
  });

  test('no error quotes an invalid key, or a password that is given twice', () => {
    const tooShort = fc.uint8Array({ minLength: 4, maxLength: 31 }).map((bytes) => Buffer.from(bytes));
    const keys = fc.oneof(
      tooShort.map((bytes) => bytes.toString('hex')),
      tooShort.map((bytes) => bytes.toString('base64')),
      secret.map((text) => `${text}!`),
    );
    fc.assert(
      fc.property(keys, secret, (key, password) => {
        const given = {
          'app-username': 'app',
          'app-password': password,
          'app-password-key': key,
          'admin-password': password,
        };
        const message = errorsOfInputs(given).join('\n');
        expect(message).toContain('app-password-key');
        expect(message).toContain('app-password is the administrator’s password');
        expect(message).not.toContain(key);
        expect(message).not.toContain(password);
      }),
    );
  });
});
