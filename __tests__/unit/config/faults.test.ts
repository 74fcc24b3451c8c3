import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fail } from '../../../src/errors.ts';
import { faultsOf, type Given, noFolder, parse, someGuid, tutorial } from '../support/inputs.ts';

/** For every input that can be faulty alone: values that are, and what the fault has to say. */
const faulty: Readonly<Record<string, readonly (readonly [value: string, says: RegExp])[]>> = {
  mode: [['ensured', /one of: ensure, check, drop, sweep/]],
  'client-id': [['my-app', /not a GUID/]],
  'tenant-id': [['contoso.onmicrosoft.com', /not a GUID/]],
  'subscription-id': [
    ['', /missing/],
    ['my subscription', /not a GUID/],
  ],
  'client-secret': [['a\0b', /NUL/]],
  'azure-environment': [['AzureGermanCloud', /AzureCloud, AzureUSGovernment, AzureChinaCloud/]],
  'server-name': [
    ['', /missing/],
    ['ab', /3 to 63/],
    ['-demo', /neither begins nor ends with '-'/],
    ['demo-', /neither begins nor ends with '-'/],
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
  tags: [['novalue', /name=value/]],
  'server-parameters': [['a=1\na=2', /twice/]],
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
  database: [
    ['', /missing/],
    ['1st', /begins with a letter/],
    ['has space', /1 to 63/],
    ['x'.repeat(64), /1 to 63/],
    ['postgres', /of your own/],
    ['azure_sys', /of your own/],
  ],
  charset: [['8UTF', /character set/]],
  collation: [['1st', /collation/]],
  'export-env': [['nope', /true or false/]],
  'env-prefix': [
    ['1DB', /begin with a letter/],
    ['GITHUB_DB_', /GITHUB_/],
    ['azure_', /AZURE_/],
  ],
  formats: [['url, odbc', /odbc/]],
  'ssl-mode': [['prefer', /require, verify-full/]],
  'working-directory': [[noFolder, /no folder/]],
  'migration-timeout-minutes': [['0', /0.01 to 360/]],
  'on-drift': [['fail', /warn, fix/]],
  'timeout-minutes': [['361', /360/]],
  'per-pull-request': [['true', /not available/]],
  'app-username': [['app', /not available/]],
  template: [['base', /not available/]],
};

const base: Given = { 'migration-command': 'true', 'client-id': someGuid, 'tenant-id': someGuid };
const about = (input: string, faults: readonly string[]): readonly string[] =>
  faults.filter((fault) => fault.startsWith(`${input} `) || fault.startsWith(`${input}:`));

const table = Object.entries(faulty).flatMap(([input, cases]) =>
  cases.map(([value, says]) => ({ input, value, says })),
);

describe('every fault of every input', () => {
  test('the inputs on which the faults are laid have none themselves', () => {
    expect(faultsOf(base)).toEqual([]);
  });

  test.each(table)('contract.md, inputs: $input = $value is a fault', ({ input, value, says }) => {
    const faults = faultsOf({ ...base, [input]: value });
    expect(faults).toHaveLength(1);
    expect(about(input, faults)[0]).toMatch(says);
  });

  test('issue: every fault that the inputs alone show is named in one error, all of them at once', () => {
    const some = fc.record(
      Object.fromEntries(
        Object.entries(faulty).map(([input, cases]) => [
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
        const faults = faultsOf({ ...base, ...given });
        for (const input of Object.keys(given)) expect(about(input, faults), input).toHaveLength(1);
        expect(faults).toHaveLength(Object.keys(given).length);
        const { message } = fail('inputs-invalid', { faults });
        for (const fault of faults) expect(message).toContain(fault);
      }),
    );
  });

  test('contract.md: a mode of a later version is refused, not taken for ensure', () => {
    for (const mode of ['drop', 'sweep'])
      expect(faultsOf({ mode })).toEqual([`mode '${mode}' is not available in this version`]);
  });

  test('contract.md: in check, on-drift is fail or warn; fix would write', () => {
    expect(faultsOf({ mode: 'check', 'on-drift': 'fix' })).toEqual([expect.stringMatching(/fail|warn/)]);
  });

  test('contract.md: a client secret alone cannot sign in', () => {
    expect(faultsOf({ 'client-secret': 'x' })).toEqual([
      'client-secret needs client-id and tenant-id as well',
    ]);
  });

  test('contract.md, app-password-key: inputs of later versions that say false are no fault', () => {
    expect(faultsOf({ 'per-pull-request': 'false', reset: 'FALSE' })).toEqual([]);
  });
});

describe('law 6: no secret in an error', () => {
  const secret = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `S3cr3t${text}`);
  const wrong = {
    'server-name': '-',
    database: '1',
    'client-id': 'x',
    'runner-ip': '127.0.0.1',
    tags: 'x',
    mode: 'y',
  };

  test('no fault quotes a secret, however many faults there are', () => {
    fc.assert(
      fc.property(secret, secret, (password, clientSecret) => {
        const given = { ...wrong, 'admin-password': `${password}\0`, 'client-secret': `${clientSecret}\0` };
        const parsed = parse({ ...tutorial, ...given });
        const { message } = fail('inputs-invalid', { faults: 'faults' in parsed ? parsed.faults : [] });
        expect(message).toContain('NUL');
        expect(message).not.toContain(password);
        expect(message).not.toContain(clientSecret);
      }),
    );
  });
});
