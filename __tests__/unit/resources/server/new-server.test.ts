import { describe, expect, test } from 'vitest';
import { defaultResourceGroup } from '../../../../src/inputs/defaults.ts';
import { newServerBody, validateCreation } from '../../../../src/resources/server/new-server.ts';
import {
  checkConfig,
  defaultInputs,
  ensureConfig,
  exampleGuid,
  pullRequestConfig,
  pullRequestEvent,
} from '../../../helpers/unit/test-configs.ts';

describe('a new server', () => {
  test('errors that only matter to a creation are reported together', () => {
    const config = ensureConfig({ 'admin-password': 'relecloud_admin', 'high-availability': 'SameZone' });
    const errors = validateCreation(config);
    expect(errors).toEqual([
      expect.stringMatching(/^region is missing/),
      expect.stringMatching(/^admin-password (?=.*three of)(?=.*admin-username)/),
      expect.stringMatching(/^high-availability.*burstable/),
    ]);
  });

  test.each([
    [
      'PgBouncer on a burstable size',
      { 'server-parameters': 'pgbouncer.enabled=on' },
      /pgbouncer.enabled.*burstable/,
    ],
  ])('cannot have %s', (_, given, message) => {
    const config = ensureConfig({ region: 'westeurope', ...given }, {}, pullRequestEvent());
    expect(validateCreation(config)).toEqual([expect.stringMatching(message)]);
  });

  test('an existing server does not need valid creation inputs', () => {
    expect(() => ensureConfig({ 'admin-password': 'x', 'high-availability': 'SameZone' })).not.toThrow();
  });

  test.each([
    ['Ab1!5678', true],
    ['abcdefg1', false],
    ['Abcdefg1', true],
    ['ABCDEFG!1', true],
    ['Ab1!567', false],
    [`Ab1${'x'.repeat(125)}`, true],
    [`Ab1${'x'.repeat(126)}`, false],
    ['xRELECLOUD_ADMIN1x', false],
    ['pässwört1', true],
    ['PÄSSWÖRTER', false],
  ])(
    'has a password of 8 to 128 characters, three of four classes, without the login: %s',
    (password, good) => {
      const errors = validateCreation(ensureConfig({ region: 'westeurope', 'admin-password': password }));
      expect(errors.length === 0).toBe(good);
    },
  );

  test.each([
    [
      { charset: 'LATIN1' },
      /^charset is LATIN1, but collation en_US.utf8 requires UTF8: .*collation: C as well/,
    ],
    [{ charset: 'sql-ascii' }, /^charset is sql-ascii/],
    [{ charset: 'UTF8', collation: 'de_DE.ISO-8859-1' }, /requires LATIN1/],
  ])('is not created with a charset that its collation does not fit: %o', (given, message) => {
    const errors = validateCreation(ensureConfig({ region: 'westeurope', ...given }));
    expect(errors).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    { charset: 'LATIN1', collation: 'C' },
    { charset: 'unicode', collation: 'C.UTF-8' },
    { charset: 'iso-8859-1', collation: 'de_DE.iso88591' },
    { charset: 'LATIN1', collation: 'de_DE' },
    { charset: 'LATIN1', template: 'seeds' },
  ])('is created with a charset that its collation fits or may fit: %o', (given) => {
    expect(validateCreation(ensureConfig({ region: 'westeurope', ...given }))).toEqual([]);
  });

  test('gets the defaults of action.yml, in a resource group with its name', () => {
    const { server, administrator } = ensureConfig({ region: 'West Europe' });
    expect(defaultResourceGroup(server)).toBe('demo-relecloud');
    expect(newServerBody(server, administrator, { repositoryId: '4711', tenantId: exampleGuid })).toEqual({
      location: 'westeurope',
      administratorLogin: 'relecloud_admin',
      administratorLoginPassword: 'VerySecurePassword!1',
      createMode: 'Create',
      version: '17',
      sku: { name: 'Standard_B1ms', tier: 'Burstable' },
      storage: { storageSizeGB: 32, autoGrow: 'Enabled' },
      backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
      highAvailability: { mode: 'Disabled' },
    });
  });

  test.each([
    ['Standard_B2s', 'Burstable'],
    ['standard_d2ds_v5', 'GeneralPurpose'],
    ['Standard_E4ds_v5', 'MemoryOptimized'],
  ])('has the tier of its size: %s is %s', (sku, tier) => {
    const { server, administrator } = ensureConfig({ 'sku-name': sku });
    expect(newServerBody(server, administrator, {}).sku).toEqual({ name: sku, tier });
  });

  test('needs an administrator, which mode check does not have', () => {
    const { 'admin-username': _, 'admin-password': __, ...rest } = defaultInputs;
    expect(validateCreation(checkConfig({ ...rest, 'admin-username': '', 'admin-password': '' }))).toContain(
      'admin-username and admin-password are missing',
    );
  });

  test.each([
    [{ 'postgres-version': '16' }, /^cluster-size .*17 or newer/],
    [{ 'storage-auto-grow': 'true' }, /^storage-auto-grow is true.*cluster/],
  ])('a cluster that Azure would refuse after minutes is an error at once: %o', (given, message) => {
    const config = ensureConfig({ region: 'westeurope', 'cluster-size': '2', ...given });
    expect(validateCreation(config)).toEqual([expect.stringMatching(message)]);
  });

  test('a cluster cannot be created for the database of a pull request', () => {
    const given = { region: 'westeurope', 'cluster-size': '2' };
    expect(validateCreation(pullRequestConfig(given))).toEqual([
      expect.stringMatching(/^cluster-size is given.*pull requests/),
    ]);
    expect(validateCreation(ensureConfig(given))).toEqual([]);
  });

  test('a cluster can have burstable nodes, as in Azure (azure-cli#33208)', () => {
    const config = ensureConfig({ region: 'westeurope', 'cluster-size': '2', 'sku-name': 'Standard_B2ms' });
    expect(validateCreation(config)).toEqual([]);
  });
});
