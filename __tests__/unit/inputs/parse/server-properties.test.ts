import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultCharset, defaultCollation } from '../../../../src/inputs/defaults.ts';
import { newServerBody, validateCreation } from '../../../../src/resources/server/new-server.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  exampleGuid,
  type InputValues,
  inputErrorsOf,
  parsedConfig,
  pushEvent,
  sweepConfig,
} from '../../../helpers/unit/test-configs.ts';

const serverConfigOf = (given: InputValues) => checkConfig(given).server;

describe('password-auth, microsoft-entra-auth, public-access', () => {
  test.each([
    ['Enabled', true],
    ['enabled', true],
    ['true', true],
    ['TRUE', true],
    ['Disabled', false],
    ['DISABLED', false],
    ['false', false],
    ['False', false],
  ])('say Enabled or Disabled as Azure and the az CLI do, or a boolean, in any case: %s', (text, value) => {
    expect(serverConfigOf({ 'public-access': text }).publicAccess).toBe(value);
    expect(serverConfigOf({ 'microsoft-entra-auth': text }).entraAuth).toBe(value);
    expect(serverConfigOf({ 'password-auth': text, 'microsoft-entra-auth': 'Enabled' }).passwordAuth).toBe(
      value,
    );
  });

  test('the action logs in by admin-password, so only mode check can declare that passwords are refused', () => {
    const given = { 'password-auth': 'Disabled', 'pull-request-number': '1' };
    for (const mode of ['ensure', 'drop', 'sweep'])
      expect(
        inputErrorsOf({ ...given, mode, 'per-pull-request': String(mode === 'ensure') }, {}, pushEvent),
      ).toEqual([
        expect.stringMatching(new RegExp(`^password-auth is Disabled, but mode ${mode} .*only mode check`)),
      ]);
    expect(serverConfigOf({ 'password-auth': 'Disabled' }).passwordAuth).toBe(false);
  });

  test('with both kinds of login Disabled nobody could log in', () => {
    const both = { mode: 'check', 'password-auth': 'Disabled', 'microsoft-entra-auth': 'false' };
    expect(inputErrorsOf(both)).toEqual([
      expect.stringMatching(/^password-auth and microsoft-entra-auth are both Disabled/),
    ]);
  });

  test('are declared, and sent for a new server, only where they are given', () => {
    const bodyOf = (given: InputValues) => {
      const { server, administrator } = ensureConfig(given);
      return newServerBody(server, administrator, { tenantId: exampleGuid });
    };
    expect(bodyOf({})).not.toHaveProperty('authConfig');
    expect(bodyOf({})).not.toHaveProperty('network');
    const given = { 'password-auth': 'true', 'microsoft-entra-auth': 'true', 'public-access': 'Disabled' };
    expect(bodyOf(given)).toMatchObject({
      authConfig: { passwordAuth: 'Enabled', activeDirectoryAuth: 'Enabled', tenantId: exampleGuid },
      network: { publicNetworkAccess: 'Disabled' },
    });
  });
});

describe('cluster-size', () => {
  test('is the nodes of an elastic cluster, which gets the one database', () => {
    const { server, administrator } = ensureConfig({ 'cluster-size': '4', 'sku-name': 'Standard_D2ds_v5' });
    expect(server.clusterSize).toBe(4);
    expect(newServerBody(server, administrator, { database: 'relecloud' })).toMatchObject({
      cluster: { clusterSize: 4, defaultDatabaseName: 'relecloud' },
      storage: { autoGrow: 'Disabled' },
    });
  });

  test.each([
    [{ 'postgres-version': '16' }, /^cluster-size .*17 or newer/],
    [{ 'storage-auto-grow': 'true' }, /^storage-auto-grow is true.*cluster/],
  ])('what Azure refuses of a new cluster only after minutes is a fault at once: %o', (given, says) => {
    const config = ensureConfig({ region: 'westeurope', 'cluster-size': '2', ...given });
    expect(validateCreation(config)).toEqual([expect.stringMatching(says)]);
  });

  test('validate no tighter than Azure: clusters are made of burstable nodes too (azure-cli#33208)', () => {
    const config = ensureConfig({ region: 'westeurope', 'cluster-size': '2', 'sku-name': 'Standard_B2ms' });
    expect(validateCreation(config)).toEqual([]);
  });
});

describe('maintenance-window, in UTC', () => {
  test.each([
    ['Sun 03:30', { dayOfWeek: 0, startHour: 3, startMinute: 30 }],
    ['Sunday 3:30', { dayOfWeek: 0, startHour: 3, startMinute: 30 }],
    ['Sun:3:30', { dayOfWeek: 0, startHour: 3, startMinute: 30 }],
    [' saturday:23:59 ', { dayOfWeek: 6, startHour: 23, startMinute: 59 }],
    ['WED  00:00', { dayOfWeek: 3, startHour: 0, startMinute: 0 }],
    ['system-managed', 'system-managed'],
    ['System-Managed', 'system-managed'],
    ['Disabled', 'system-managed'],
  ])('as people, or the az CLI, write it: %s', (text, window) => {
    expect(serverConfigOf({ 'maintenance-window': text }).maintenanceWindow).toEqual(window);
  });

  test('every moment of the week is read as it is written, in the long form and in the az CLI’s', () => {
    const names = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
    const moment = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 23 }), fc.nat({ max: 59 }));
    fc.assert(
      fc.property(moment, ([dayOfWeek, startHour, startMinute]) => {
        const time = [startHour, startMinute].map((part) => String(part).padStart(2, '0')).join(':');
        const day = names[dayOfWeek] ?? '';
        for (const text of [`${day} ${time}`, `${day.slice(0, 3)}:${startHour}:${startMinute}`])
          expect(serverConfigOf({ 'maintenance-window': text }).maintenanceWindow).toEqual({
            dayOfWeek,
            startHour,
            startMinute,
          });
      }),
    );
  });
});

describe('charset and collation', () => {
  test('declared things drift: they are declared only where given; a new database has defaults', () => {
    const { database } = ensureConfig();
    expect([defaultCharset(database), defaultCollation(database)]).toEqual(['UTF8', 'en_US.utf8']);
    const given = ensureConfig({ charset: 'LATIN1', collation: 'C' }).database;
    expect(given).toMatchObject({ charset: 'LATIN1', collation: 'C' });
    expect([defaultCharset(given), defaultCollation(given)]).toEqual(['LATIN1', 'C']);
  });
});

describe('drift-report and drift-issue', () => {
  test('reports are .json or .sarif in any case, of ensure and of check', () => {
    const given = { 'drift-report': 'out/drift.json\n# for code scanning\nDrift.SARIF, b.json' };
    const paths = ['out/drift.json', 'Drift.SARIF', 'b.json'];
    expect(ensureConfig(given).driftReportPaths).toEqual(paths);
    expect(checkConfig(given).driftReportPaths).toEqual(paths);
  });

  test('an issue is kept in a repository: without one it is a fault, of mode check alone', () => {
    expect(checkConfig({ 'drift-issue': 'true' }, pushEvent)).toMatchObject({
      driftIssue: true,
      repository: pushEvent.repository,
    });
    expect(inputErrorsOf({ mode: 'check', 'drift-issue': 'true' })).toEqual([
      expect.stringMatching(/^drift-issue needs to know the repository/),
    ]);
    expect(inputErrorsOf({ 'drift-issue': 'true' })).toEqual([]);
  });

  test('one set of inputs serves several modes: what another mode acts on is read for its spelling', () => {
    const given = { 'drift-issue': 'true', 'drift-report': 'a.json', 'maintenance-window': 'Sun 03:30' };
    expect(() => [dropConfig(given), sweepConfig(given), parsedConfig(given)]).not.toThrow();
    for (const mode of ['ensure', 'sweep'])
      expect(inputErrorsOf({ mode, 'drift-issue': 'maybe' }, {}, pushEvent)).toEqual([
        expect.stringContaining('drift-issue'),
      ]);
  });
});
