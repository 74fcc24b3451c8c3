import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
import { defaultResourceGroup } from '../../../src/inputs/defaults.ts';
import { newServerBody, validateCreation } from '../../../src/resources/server/new-server.ts';
import { anyText } from '../../helpers/unit/arbitraries.ts';
import {
  checkConfig,
  defaultInputs,
  ensureConfig,
  exampleGuid,
  parsedConfig,
} from '../../helpers/unit/test-configs.ts';

describe('what the inputs leave open', () => {
  test("the tutorial's own values pass, to ensure and to create", () => {
    const config = ensureConfig({ region: 'westeurope' });
    expect(config.administrator).toEqual({ username: 'relecloud_admin', password: 'VerySecurePassword!1' });
    expect(config.server.name).toBe('demo-relecloud');
    expect(config.database.name).toBe('relecloud');
    expect(validateCreation(config)).toEqual([]);
  });

  test('defaults', () => {
    expect(ensureConfig()).toMatchObject({
      mode: 'ensure',
      cloud: 'AzureCloud',
      publish: {
        exportEnv: true,
        envPrefix: 'DB_',
        envFile: undefined,
        formats: ['url'],
        sslMode: 'require',
      },
      firewall: { runnerIp: undefined, keepRule: false, declaredRules: [] },
      migration: undefined,
      onDrift: 'warn',
      driftReportPaths: [],
      startIfStopped: true,
      timeoutMs: 30 * 60_000,
    });
    expect(checkConfig()).toMatchObject({
      onDrift: 'fail',
      driftReportPaths: [],
      driftIssue: false,
      configSource: undefined,
    });
  });

  test('declared things drift: a property that no input names is not declared', () => {
    const { name, isNameIpAddress, tags, parameters, ...properties } = ensureConfig().server;
    expect([isNameIpAddress, ...tags, ...parameters]).toEqual([false]);
    expect(Object.values(properties).every((value) => value === undefined)).toBe(true);
    expect(ensureConfig().database).toMatchObject({ charset: undefined, collation: undefined });
  });

  test('check needs neither password nor database', () => {
    const config = checkConfig({ 'admin-username': '', 'admin-password': '', database: '' });
    expect(config.administrator).toBeUndefined();
    expect(config.database).toBeUndefined();
  });

  test('sign-in comes from the AZURE_* variables where no input says otherwise', () => {
    const env = {
      AZURE_CLIENT_ID: exampleGuid,
      AZURE_TENANT_ID: exampleGuid,
      AZURE_SUBSCRIPTION_ID: exampleGuid,
      AZURE_CLIENT_SECRET: ' s ',
    };
    const other = exampleGuid.replace('6', '7');
    expect(parsedConfig({ 'subscription-id': '' }, env).signIn).toEqual({
      clientId: exampleGuid,
      tenantId: exampleGuid,
      subscriptionId: exampleGuid,
      clientSecret: ' s ',
    });
    expect(parsedConfig({ 'client-id': other }, env).signIn.clientId).toBe(other);
  });

  test.each([
    ['demo-relecloud.postgres.database.azure.com', 'AzureCloud'],
    ['DEMO-relecloud.postgres.database.usgovcloudapi.net', 'AzureUSGovernment'],
    ['demo-relecloud.postgres.database.chinacloudapi.cn', 'AzureChinaCloud'],
    [' demo-relecloud ', 'AzureChinaCloud'],
  ])('server-name may be the short name or the full host name: %s', (given, cloud) => {
    expect(parsedConfig({ 'server-name': given, 'azure-environment': cloud }).server.name).toBe(
      'demo-relecloud',
    );
  });

  test('a host name of another cloud is a fault, since its server would be looked for in the wrong one', () => {
    expect(() => parsedConfig({ 'server-name': 'demo.postgres.database.chinacloudapi.cn' })).toThrow(
      'server-name is a host of AzureChinaCloud',
    );
  });

  test('a declared rule may not pass for a temporary one, which sweeps would remove', () => {
    expect(() => parsedConfig({ 'allowed-ip-ranges': 'GHA-temporary-1=203.0.113.9' })).toThrow(
      'for temporary rules',
    );
  });

  test('choices are taken in any case, in their own spelling', () => {
    const config = ensureConfig({
      mode: 'Ensure',
      'azure-environment': 'azurecloud',
      'high-availability': 'samezone',
      formats: 'JDBC',
    });
    expect(config.cloud).toBe('AzureCloud');
    expect(config.server.highAvailability).toBe('SameZone');
    expect(config.publish.formats).toEqual(['jdbc']);
  });
});

describe('secrets', () => {
  test('secret inputs are read without trimming', () => {
    fc.assert(
      fc.property(anyText, (secret) => {
        expect(ensureConfig({ 'admin-password': secret }).administrator.password).toBe(secret);
      }),
    );
  });

  test('an error about creation says nothing of the password but its length', () => {
    const config = ensureConfig({ 'admin-password': 'Qz7' });
    const { message } = actionError('creation-inputs-invalid', {
      server: 'x',
      errors: validateCreation(config),
    });
    expect(message).toContain('has 3 characters');
    expect(message).not.toContain('Qz7');
  });
});

describe('the configuration', () => {
  test('one frozen Config, through and through', () => {
    const config = ensureConfig({ 'allowed-ip-ranges': '198.51.100.7', 'migration-command': 'true' });
    const parts = [
      config,
      config.server,
      config.administrator,
      config.publish,
      config.publish.formats,
      config.firewall.declaredRules,
      config.firewall.declaredRules[0],
      config.migration,
    ];
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true);
  });

  test('minutes become milliseconds, fractions too', () => {
    const config = ensureConfig({
      'timeout-minutes': '0.5',
      'migration-command': 'x',
      'migration-timeout-minutes': '1.5',
    });
    expect(config.timeoutMs).toBe(30_000);
    expect(config.migration).toEqual({
      command: 'x',
      workingDirectory: '.',
      timeoutMs: 90_000,
      runAs: 'admin',
    });
  });
});

describe('creation', () => {
  test('faults that only matter to a creation are named together', () => {
    const config = ensureConfig({ 'admin-password': 'relecloud_admin', 'high-availability': 'SameZone' });
    const faults = validateCreation(config);
    expect(faults).toEqual([
      expect.stringMatching(/^region is missing/),
      expect.stringMatching(/^admin-password (?=.*three of)(?=.*admin-username)/),
      expect.stringMatching(/^high-availability.*burstable/),
    ]);
  });

  test('a server that is there needs none of them: they are no faults of the inputs', () => {
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
  ])('password: 8–128, three of four classes, without the login: %s', (password, good) => {
    const faults = validateCreation(ensureConfig({ region: 'westeurope', 'admin-password': password }));
    expect(faults.length === 0).toBe(good);
  });

  test('a new server gets what action.yml states, in a group of its own name', () => {
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
  ])('SKUs: %s is %s', (sku, tier) => {
    const { server, administrator } = ensureConfig({ 'sku-name': sku });
    expect(newServerBody(server, administrator, {}).sku).toEqual({ name: sku, tier });
  });

  test('check of a server that is not there has no administrator to create one with', () => {
    const { 'admin-username': _, 'admin-password': __, ...rest } = defaultInputs;
    expect(validateCreation(checkConfig({ ...rest, 'admin-username': '', 'admin-password': '' }))).toContain(
      'admin-username and admin-password are missing',
    );
  });
});
