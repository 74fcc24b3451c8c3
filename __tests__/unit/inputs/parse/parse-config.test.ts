import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionError } from '../../../../src/common/errors.ts';
import { defaultCharset, defaultCollation } from '../../../../src/inputs/defaults.ts';
import { validateCreation } from '../../../../src/resources/server/new-server.ts';
import { anyText } from '../../../helpers/unit/arbitraries.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  exampleGuid,
  inputErrorsOf,
  parsedConfig,
  pushEvent,
  sweepConfig,
} from '../../../helpers/unit/test-configs.ts';

describe('inputs that are not set', () => {
  test("the values of Microsoft's tutorial are valid, also for a creation", () => {
    const config = ensureConfig({ region: 'westeurope' });
    expect(config.administrator).toEqual({ username: 'relecloud_admin', password: 'VerySecurePassword!1' });
    expect(config.server.name).toBe('demo-relecloud');
    expect(config.database.name).toBe('relecloud');
    expect(validateCreation(config)).toEqual([]);
  });

  test('have defaults', () => {
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

  test('declare no property, so that nothing drifts', () => {
    const { name, isNameIpAddress, tags, parameters, ...properties } = ensureConfig().server;
    expect([isNameIpAddress, ...tags, ...parameters]).toEqual([false]);
    expect(Object.values(properties).every((value) => value === undefined)).toBe(true);
    expect(ensureConfig().database).toMatchObject({ charset: undefined, collation: undefined });
  });

  test('mode check needs neither password nor database', () => {
    const config = checkConfig({ 'admin-username': '', 'admin-password': '', database: '' });
    expect(config.administrator).toBeUndefined();
    expect(config.database).toBeUndefined();
  });

  test('the sign-in uses the AZURE_* variables unless inputs are set', () => {
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
  ])('server-name is the short name or the full host name: %s', (given, cloud) => {
    expect(parsedConfig({ 'server-name': given, 'azure-environment': cloud }).server.name).toBe(
      'demo-relecloud',
    );
  });

  test('a host name of another cloud is an error, because the server would be searched in the wrong cloud', () => {
    expect(() => parsedConfig({ 'server-name': 'demo.postgres.database.chinacloudapi.cn' })).toThrow(
      'server-name is a host of AzureChinaCloud',
    );
  });

  test('a declared rule cannot have the name of a temporary rule, which a sweep would remove', () => {
    expect(() => parsedConfig({ 'allowed-ip-ranges': 'GHA-temporary-1=203.0.113.9' })).toThrow(
      'for temporary rules',
    );
  });

  test('choices ignore the case', () => {
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
  test('secret inputs are not trimmed', () => {
    fc.assert(
      fc.property(anyText, (secret) => {
        expect(ensureConfig({ 'admin-password': secret }).administrator.password).toBe(secret);
      }),
    );
  });

  test('an error about the password of a new server does not quote it', () => {
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
  test('is frozen, with all its parts', () => {
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

  test('contains minutes as milliseconds, fractions too', () => {
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

describe('charset and collation', () => {
  test('are only declared if they are set; a new database has defaults', () => {
    const { database } = ensureConfig();
    expect([defaultCharset(database), defaultCollation(database)]).toEqual(['UTF8', 'en_US.utf8']);
    const given = ensureConfig({ charset: 'LATIN1', collation: 'C' }).database;
    expect(given).toMatchObject({ charset: 'LATIN1', collation: 'C' });
    expect([defaultCharset(given), defaultCollation(given)]).toEqual(['LATIN1', 'C']);
  });
});

describe('drift-report and drift-issue', () => {
  test('reports end in .json or .sarif in any case, in mode ensure and check', () => {
    const given = { 'drift-report': 'out/drift.json\n# for code scanning\nDrift.SARIF, b.json' };
    const paths = ['out/drift.json', 'Drift.SARIF', 'b.json'];
    expect(ensureConfig(given).driftReportPaths).toEqual(paths);
    expect(checkConfig(given).driftReportPaths).toEqual(paths);
  });

  test('an issue needs a repository: without one it is an error, but only in mode check', () => {
    expect(checkConfig({ 'drift-issue': 'true' }, pushEvent)).toMatchObject({
      driftIssue: true,
      repository: pushEvent.repository,
    });
    expect(inputErrorsOf({ mode: 'check', 'drift-issue': 'true' })).toEqual([
      expect.stringMatching(/^drift-issue needs to know the repository/),
    ]);
    expect(inputErrorsOf({ 'drift-issue': 'true' })).toEqual([]);
  });

  test('one set of inputs fits several modes: inputs for another mode are only validated', () => {
    const given = { 'drift-issue': 'true', 'drift-report': 'a.json', 'maintenance-window': 'Sun 03:30' };
    expect(() => [dropConfig(given), sweepConfig(given), parsedConfig(given)]).not.toThrow();
    for (const mode of ['ensure', 'sweep'])
      expect(inputErrorsOf({ mode, 'drift-issue': 'maybe' }, {}, pushEvent)).toEqual([
        expect.stringContaining('drift-issue'),
      ]);
  });
});
