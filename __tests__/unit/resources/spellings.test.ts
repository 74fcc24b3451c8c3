import type { Configuration, Database, Server } from '@azure/arm-postgresql-flexible';
import { describe, expect, test } from 'vitest';
import { unfinishedCreationOwner } from '../../../src/common/creation-tag.ts';
import { present } from '../../../src/reconcile/findings.ts';
import { armDatabaseHandler } from '../../../src/resources/database/database-handler.ts';
import { extensionAllowListHandler } from '../../../src/resources/extension/allow-list.ts';
import { extensionHandler } from '../../../src/resources/extension/extension-handler.ts';
import {
  firewallRuleHandler,
  matchesDeclaration,
} from '../../../src/resources/firewall-rule/firewall-rule-handler.ts';
import { serverHandler } from '../../../src/resources/server/server-handler.ts';
import { serverParameterHandler } from '../../../src/resources/server-parameter/server-parameter-handler.ts';
import { single } from '../../helpers/unit/single.ts';
import { ensureConfig } from '../../helpers/unit/test-configs.ts';

/*
 * Every comparison of a declared value with a live one, each with spellings that mean the same: none of them is a difference.
 * A new input that is compared gets its lines here.
 */

type Inputs = Readonly<Record<string, string>>;

const serverDiff = (inputs: Inputs, server: Partial<Server>) =>
  serverHandler.diff(
    single(serverHandler.desired(ensureConfig(inputs))),
    present({ location: 'West Europe', state: 'Ready', ...server } as Server),
  );

const databaseDiff = (inputs: Inputs, database: Database) =>
  armDatabaseHandler.diff(single(armDatabaseHandler.desired(ensureConfig(inputs))), present(database));

const parameterDiff = (declared: string, configuration: Configuration) =>
  serverParameterHandler.diff(
    single(serverParameterHandler.desired(ensureConfig({ 'server-parameters': declared }))),
    present(configuration),
  );

const rangeDiff = (declared: string, start: string, end: string) =>
  firewallRuleHandler.diff(
    single(firewallRuleHandler.desired(ensureConfig({ 'allowed-ip-ranges': declared }))),
    present({ start, end }),
  );

describe('another spelling of the same value is no difference', () => {
  test.for<[Inputs, Partial<Server>]>([
    [{ region: 'UK South' }, { location: 'uksouth' }],
    [{ region: 'uksouth' }, { location: 'UK South' }],
    [{ region: 'UKSOUTH' }, { location: 'UK South' }],
    [{ 'postgres-version': '17' }, { version: '17.7' }],
    [{ 'sku-name': 'standard_d2ds_V5' }, { sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } }],
    [{ 'storage-size-gb': '64' }, { storage: { storageSizeGB: 64 } }],
    [{ 'storage-auto-grow': 'TRUE' }, { storage: { autoGrow: 'enabled' } }],
    [{ 'backup-retention-days': '14' }, { backup: { backupRetentionDays: 14 } }],
    [{ 'geo-redundant-backup': 'false' }, { backup: { geoRedundantBackup: 'disabled' } }],
    [{ 'geo-redundant-backup': 'false' }, {}],
    [{ 'high-availability': 'zoneredundant' }, { highAvailability: { mode: 'ZoneRedundant' } }],
    [{ 'high-availability': 'disabled' }, {}],
    [{ 'availability-zone': '2' }, { availabilityZone: '2' }],
    [{ 'password-auth': 'true' }, { authConfig: { passwordAuth: 'enabled' } }],
    [{ 'microsoft-entra-auth': 'DISABLED' }, { authConfig: { activeDirectoryAuth: 'Disabled' } }],
    [{ 'public-access': 'disabled' }, { network: { publicNetworkAccess: 'DISABLED' } }],
    [{ tags: 'Team=space' }, { tags: { team: 'space' } }],
    [
      { 'maintenance-window': 'sunday:3:5' },
      { maintenanceWindow: { customWindow: 'enabled', dayOfWeek: 0, startHour: 3, startMinute: 5 } },
    ],
    [{ 'maintenance-window': 'Disabled' }, { maintenanceWindow: { customWindow: 'Disabled' } }],
  ])('server: %o and %o', ([inputs, server]) => {
    expect(serverDiff(inputs, server)).toEqual([]);
  });

  test.for<[Inputs, Database]>([
    [{ charset: 'Unicode' }, { charset: 'UTF8' }],
    [{ charset: 'utf-8' }, { charset: 'UTF8' }],
    [{ charset: 'sql-ascii' }, { charset: 'SQL_ASCII' }],
    [{ charset: 'ISO-8859-1' }, { charset: 'LATIN1' }],
    [{ collation: 'POSIX' }, { collation: 'C' }],
    [{ collation: 'en_US.UTF-8' }, { collation: 'en_US.utf8' }],
    [{ collation: 'c.UTF-8' }, { collation: 'C.utf8' }],
  ])('database: %o and %o', ([inputs, database]) => {
    expect(databaseDiff(inputs, database)).toEqual([]);
  });

  test.for<[string, Configuration]>([
    ['work_mem=8MB', { name: 'work_mem', dataType: 'Integer', unit: 'kB', value: '8192' }],
    ['autovacuum=true', { name: 'autovacuum', dataType: 'Boolean', allowedValues: 'on,off', value: 'on' }],
    ['timezone=utc', { name: 'TimeZone', dataType: 'String', value: 'UTC' }],
    [
      'shared_preload_libraries=pgaudit, PG_CRON',
      { name: 'shared_preload_libraries', dataType: 'Set', value: 'pg_cron,pgaudit' },
    ],
    ['Azure.Extensions=hstore,LTREE', { name: 'azure.extensions', dataType: 'Set', value: 'LTREE,HSTORE' }],
  ])('server parameter: %s and %o', ([declared, configuration]) => {
    expect(parameterDiff(declared, configuration)).toEqual([]);
  });

  test.for([
    ['203.0.113.0/24', '203.0.113.0', '203.0.113.255'],
    ['203.0.113.77/24', '203.0.113.0', '203.0.113.255'],
    ['203.0.113.0 - 203.0.113.255', '203.0.113.0', '203.0.113.255'],
    ['203.0.113.9/32', '203.0.113.9', '203.0.113.9'],
    ['203.0.113.9-203.0.113.9', '203.0.113.9', '203.0.113.9'],
  ] as const)('firewall rule: %s and %s-%s', ([declared, start, end]) => {
    expect(rangeDiff(declared, start, end)).toEqual([]);
  });

  test('names: of extensions, firewall rules, and the tag of an unfinished creation', () => {
    const config = ensureConfig({ extensions: 'PGCRYPTO, uuid-OSSP' });
    const [required = []] = extensionAllowListHandler.desired(config);
    expect(extensionAllowListHandler.diff(required, present('UUID-ossp, pgcrypto'))).toEqual([]);
    expect(extensionHandler.desired(config).map(({ name }) => name)).toEqual(['pgcrypto', 'uuid-ossp']);
    const rule = { name: 'Office', start: '203.0.113.9', end: '203.0.113.9', hasExplicitName: true };
    expect(matchesDeclaration(rule, { ...rule, name: 'office' })).toBe(true);
    expect(unfinishedCreationOwner({ 'GHA-Unfinished-Creation': '1' })).toBe('1');
  });
});
