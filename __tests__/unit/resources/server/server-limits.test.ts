import type { Server } from '@azure/arm-postgresql-flexible';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../../src/inputs/types.ts';
import type { ReportedFinding } from '../../../../src/reconcile/findings.ts';
import type { Plan } from '../../../../src/reconcile/reconcile.ts';
import {
  findServerLimits,
  rejectUnsuitableServer,
  withServerLimits,
} from '../../../../src/resources/server/server-limits.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  exampleServer,
  type InputValues,
  pullRequestConfig,
  sweepConfig,
} from '../../../helpers/unit/test-configs.ts';

const server = (more: Partial<Server>): Server => ({ ...exampleServer, ...more });
const subnet = '/subscriptions/x/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/s';
const inSubnet = server({ network: { delegatedSubnetResourceId: subnet, publicNetworkAccess: 'Disabled' } });
const replica = server({
  replicationRole: 'AsyncReplica',
  sourceServerResourceId: '/subscriptions/x/resourceGroups/r/providers/p/flexibleServers/the-source',
});
const cluster = server({ cluster: { clusterSize: 2, defaultDatabaseName: 'relecloud' } });
const entraOnly = server({ authConfig: { passwordAuth: 'disabled', activeDirectoryAuth: 'Enabled' } });
const rules = { 'allowed-ip-ranges': '203.0.113.9' };

const reject = (config: Config, actual: Server) => (): void => rejectUnsuitableServer(config, 'demo', actual);

describe('a mode that writes ends before its first write', () => {
  test.each<readonly [what: string, Config, Server, message: RegExp]>([
    [
      'declared rules in a virtual network',
      ensureConfig(rules),
      inSubnet,
      /virtual network .*remove allowed-ip-ranges/,
    ],
    [
      'allow-azure-services there',
      ensureConfig({ 'allow-azure-services': 'true' }),
      inSubnet,
      /virtual network/,
    ],
    [
      'ensure on a read replica',
      ensureConfig(),
      replica,
      /replica \(AsyncReplica\) of server 'the-source'.*set server-name to the-source/,
    ],
    ['drop on a read replica', dropConfig(), replica, /Mode drop .*set server-name to the-source/s],
    [
      'sweep on a geo-replica',
      sweepConfig(),
      server({ replica: { role: 'GeoAsyncReplica' } }),
      /set server-name to its source/,
    ],
    [
      'a database for a pull request on a cluster',
      pullRequestConfig(),
      cluster,
      /elastic cluster.*another server-name for per-pull-request/,
    ],
    [
      'another database on a cluster',
      ensureConfig({ database: 'other' }),
      cluster,
      /one database \('relecloud'\): declare database: relecloud/,
    ],
    [
      'a server without passwords',
      ensureConfig(),
      entraOnly,
      /declare password-auth: Enabled with on-drift: fix/,
    ],
    ['a sweep of a server without passwords', sweepConfig(), entraOnly, /enable it in the Azure portal/],
    [
      'several at once',
      ensureConfig(rules),
      { ...inSubnet, ...replica, network: inSubnet.network ?? {} },
      /replica.*virtual network/s,
    ],
  ])('%s', (_, config, actual, message) => {
    expect(reject(config, actual)).toThrow(message);
    expect(reject(config, actual)).toThrow('(server-not-suitable)');
  });

  test.each<readonly [what: string, Config, Server]>([
    ['an ordinary server', ensureConfig(rules), exampleServer],
    ['a virtual network without declared rules', ensureConfig({ 'keep-firewall-rule': 'true' }), inSubnet],
    ['rules of a config-file that drop does not use', dropConfig(rules), inSubnet],
    [
      'disabled public access, which stores rules',
      ensureConfig(rules),
      server({ network: { publicNetworkAccess: 'Disabled' } }),
    ],
    ['a primary', ensureConfig(), server({ replicationRole: 'Primary', replica: { role: 'Primary' } })],
    [
      'a server whose passwords this run enables',
      ensureConfig({ 'password-auth': 'Enabled', 'on-drift': 'fix' }),
      entraOnly,
    ],
    ['the database of a cluster', ensureConfig(), cluster],
    ['a check, which only reads', checkConfig(rules), { ...inSubnet, ...replica }],
    [
      'PgBouncer on a burstable size, beside other inputs',
      ensureConfig({ 'server-parameters': 'pgbouncer.enabled=on' }),
      exampleServer,
    ],
  ])('but not for %s', (_, config, actual) => {
    expect(reject(config, actual)).not.toThrow();
  });
});

describe('a check reports the remedy that works', () => {
  const finding = (more: Partial<ReportedFinding>): ReportedFinding => ({
    resource: 'database',
    name: 'relecloud',
    property: '',
    expected: 'present',
    actual: 'absent',
    kind: 'missing',
    remedy: 'run mode: ensure to create it',
    ...more,
  });

  async function remedyOf(
    given: InputValues,
    actual: Server,
    more: Partial<ReportedFinding>,
  ): Promise<string> {
    const found = finding(more);
    const plan: Plan<never> = {
      resources: [],
      plannedChanges: [],
      findings: [found],
      remaining: [found],
      readErrors: [],
    };
    const config = checkConfig(given);
    const limited = withServerLimits(findServerLimits(config, actual), async () => plan);
    const { findings, remaining } = await limited(
      config,
      { create: false, start: false, update: 'none', delete: false },
      {},
    );
    expect(remaining).toEqual(findings);
    return findings[0]?.remedy ?? '';
  }

  test.each<readonly [what: string, InputValues, Server, Partial<ReportedFinding>, RegExp]>([
    [
      'a rule in a virtual network',
      rules,
      inSubnet,
      { resource: 'firewall rule' },
      /remove allowed-ip-ranges/,
    ],
    ['a database on a replica', {}, replica, {}, /set server-name to the-source/],
    [
      'a property of a replica',
      {},
      replica,
      { resource: 'server', kind: 'changed' },
      /set server-name to the-source/,
    ],
    [
      'another database on a cluster',
      { database: 'other' },
      cluster,
      { name: 'other' },
      /declare database: relecloud/,
    ],
    [
      'PgBouncer on a burstable size',
      { 'server-parameters': 'pgbouncer.enabled=on' },
      exampleServer,
      { resource: 'server parameter', name: 'pgbouncer.enabled' },
      /burstable.*larger sku-name/,
    ],
  ])('%s', async (_, given, actual, more, remedy) => {
    expect(await remedyOf(given, actual, more)).toMatch(remedy);
  });

  test.each<readonly [what: string, InputValues, Server, Partial<ReportedFinding>]>([
    ['an ordinary server', rules, exampleServer, { resource: 'firewall rule' }],
    ['a database in a virtual network', rules, inSubnet, {}],
    [
      'another parameter',
      { 'server-parameters': 'pgbouncer.enabled=on' },
      exampleServer,
      { resource: 'server parameter', name: 'work_mem' },
    ],
    ['what is unknown', {}, replica, { kind: 'unknown' }],
  ])('and does not change the remedy for %s', async (_, given, actual, more) => {
    expect(await remedyOf(given, actual, more)).toBe('run mode: ensure to create it');
  });
});
