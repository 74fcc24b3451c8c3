import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newServerBody } from '../../../src/resources/server/new-server.ts';
import {
  checkConfig,
  ensureConfig,
  exampleGuid,
  type InputValues,
  inputErrorsOf,
  pushEvent,
} from '../../helpers/unit/test-configs.ts';

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
  ])('are Enabled or Disabled, as in Azure and the az CLI, or a boolean, in any case: %s', (text, value) => {
    expect(serverConfigOf({ 'public-access': text }).publicAccess).toBe(value);
    expect(serverConfigOf({ 'microsoft-entra-auth': text }).entraAuth).toBe(value);
    expect(serverConfigOf({ 'password-auth': text, 'microsoft-entra-auth': 'Enabled' }).passwordAuth).toBe(
      value,
    );
  });

  test('only mode check can disable password authentication, because the other modes log in with admin-password', () => {
    const given = { 'password-auth': 'Disabled', 'pull-request-number': '1' };
    for (const mode of ['ensure', 'drop', 'sweep'])
      expect(
        inputErrorsOf({ ...given, mode, 'per-pull-request': String(mode === 'ensure') }, {}, pushEvent),
      ).toEqual([
        expect.stringMatching(new RegExp(`^password-auth is Disabled, but mode ${mode} .*only mode check`)),
      ]);
    expect(serverConfigOf({ 'password-auth': 'Disabled' }).passwordAuth).toBe(false);
  });

  test('cannot both be Disabled, because no login would be possible', () => {
    const both = { mode: 'check', 'password-auth': 'Disabled', 'microsoft-entra-auth': 'false' };
    expect(inputErrorsOf(both)).toEqual([
      expect.stringMatching(/^password-auth and microsoft-entra-auth are both Disabled/),
    ]);
  });

  test('are only declared, and only sent for a new server, if they are set', () => {
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
  test('is the number of nodes; a new cluster gets its one database', () => {
    const { server, administrator } = ensureConfig({ 'cluster-size': '4', 'sku-name': 'Standard_D2ds_v5' });
    expect(server.clusterSize).toBe(4);
    expect(newServerBody(server, administrator, { database: 'relecloud' })).toMatchObject({
      cluster: { clusterSize: 4, defaultDatabaseName: 'relecloud' },
      storage: { autoGrow: 'Disabled' },
    });
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
  ])('accepts the forms that people and the az CLI use: %s', (text, window) => {
    expect(serverConfigOf({ 'maintenance-window': text }).maintenanceWindow).toEqual(window);
  });

  test('accepts every minute of the week, in the long form and in the az CLI’s form', () => {
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
