import fc from 'fast-check';
import { describe, expect } from 'vitest';
import {
  type DriftFinding,
  type DriftScenario,
  databaseScenarios,
  driftScenarios,
  fullConfig,
  runCheck,
  runFix,
} from '../helpers/e2e/drift-scenarios.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { test } from '../helpers/e2e/test.ts';

test.beforeAll(async ({ emulator }) => {
  const created = await runFix(emulator);
  expect(created.exitCode, created.log).toBe(0);
});

const sortedFindings = (findings: readonly DriftFinding[]): readonly string[] =>
  findings.map((finding) => JSON.stringify(finding)).sort();

/** Expects that the check has only read. */
function expectNoWrites({ writes, rules }: Awaited<ReturnType<typeof runCheck>>): void {
  expect(writes).toEqual([]);
  expect(rules.after).toEqual(rules.before);
}

/** Whether a finding can only be read through SQL. */
const needsSql = ({ resource }: DriftFinding): boolean => ['role', 'extension'].includes(resource);

/** Runs a check, and expects exactly the findings of the scenarios. */
async function expectDrift(emulator: EmulatorHarness, applied: readonly DriftScenario[]): Promise<void> {
  const check = await runCheck(emulator);
  const blocked = applied.some(({ blocksRunner }) => blocksRunner);
  const expected = applied
    .map((scenario) => scenario.expected)
    .filter((finding) => !(blocked && needsSql(finding)));
  const unknown = check.drift.filter(({ kind }) => kind === 'unknown');
  expect(sortedFindings(check.drift.filter((finding) => !unknown.includes(finding))), check.log).toEqual(
    sortedFindings(expected),
  );
  expect(unknown.every((finding) => blocked && needsSql(finding))).toBe(true);
  expect(check.outputs['drifted']).toBe(String(expected.length > 0));
  expect(check.exitCode, check.log).toBe(expected.length > 0 ? 1 : 0);
  expectNoWrites(check);
}

/** Expects that `on-drift: fix` fixes all scenarios except those with `revert`; reverts these, and expects no drift. */
async function expectFixed(emulator: EmulatorHarness, applied: readonly DriftScenario[]): Promise<void> {
  const fix = await runFix(emulator);
  expect(fix.exitCode, fix.log).toBe(0);
  const remaining = applied.filter(({ revert }) => revert !== undefined);
  if (remaining.length > 0) await expectDrift(emulator, remaining);
  for (const { revert } of remaining) await revert?.(emulator);
  await expectDrift(emulator, []);
}

/** Without both authentication scenarios at once: Azure does not allow to disable both methods. */
const scenarioCombinations = fc
  .subarray([...driftScenarios], { minLength: 2 })
  .filter((chosen) => chosen.filter(({ property }) => property.endsWith('authentication')).length < 2);

describe('drift of declared properties', () => {
  test('a server that was just created as declared has no drift', ({ emulator }) =>
    expectDrift(emulator, []));

  test.for(driftScenarios)(
    '$property: check reports only this change, and on-drift: fix reverts it if Azure allows that',
    async (scenario, { emulator }) => {
      await scenario.apply(emulator);
      await expectDrift(emulator, [scenario]);
      await expectFixed(emulator, [scenario]);
    },
  );

  test.for(databaseScenarios)(
    '$property of the database: check reports only this change',
    async (scenario, { emulator }) => {
      await scenario.apply(emulator);
      const check = await runCheck(emulator);
      // Extensions and rights were dropped with the database; check reports them only if the database exists.
      expect(check.drift.filter(({ resource }) => resource === 'database')).toEqual([
        scenario.expected,
        ...(scenario.sideEffects ?? []),
      ]);
      expect(
        check.drift.filter(({ resource }) => !['database', 'extension', 'role'].includes(resource)),
      ).toEqual([]);
      if (scenario.expected.kind === 'missing') expect(check.drift).toEqual([scenario.expected]);
      expectNoWrites(check);
      await scenario.revert?.(emulator);
      expect((await runFix(emulator)).exitCode).toBe(0);
      await expectDrift(emulator, []);
    },
  );

  test('any combination: check reports exactly these changes', async ({ emulator }) => {
    await fc.assert(
      fc.asyncProperty(scenarioCombinations, async (chosen) => {
        // The change that blocks this runner comes last, because the others may use SQL.
        const ordered = chosen.toSorted(
          (one, other) => Number(one.blocksRunner ?? 0) - Number(other.blocksRunner ?? 0),
        );
        for (const scenario of ordered) await scenario.apply(emulator);
        await expectDrift(emulator, chosen);
        await expectFixed(emulator, chosen);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});

describe('what the server cannot do', () => {
  const { 'public-access': _, 'password-auth': __, 'sku-name': ___, ...undeclared } = fullConfig;
  const server = fullConfig['server-name'];
  const subnet = '/subscriptions/x/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/s';
  const burstable = { sku: { name: 'Standard_B1ms', tier: 'Burstable' } };

  test.for([
    [
      'firewall rules of a virtual network',
      { properties: { network: { delegatedSubnetResourceId: subnet, publicNetworkAccess: 'Disabled' } } },
      { properties: { network: { delegatedSubnetResourceId: null, publicNetworkAccess: 'Enabled' } } },
      { 'allowed-ip-ranges': `${fullConfig['allowed-ip-ranges']}\nnew=203.0.113.77` },
      'remove allowed-ip-ranges',
      'server-not-suitable',
    ],
    [
      'writes of a read replica',
      { properties: { replicationRole: 'AsyncReplica', backup: { backupRetentionDays: 7 } } },
      { properties: { replicationRole: 'Primary', backup: { backupRetentionDays: 14 } } },
      {},
      'set server-name to its source',
      'server-not-suitable',
    ],
    [
      'high availability of a burstable size',
      { ...burstable, properties: { highAvailability: { mode: 'Disabled', state: 'NotEnabled' } } },
      {
        sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' },
        properties: {
          highAvailability: { mode: 'SameZone', state: 'Healthy', standbyAvailabilityZone: '1' },
        },
      },
      {},
      'Azure offers no high availability on burstable sizes',
      undefined,
    ],
    [
      'changes of a stopped server that is not started',
      { properties: { state: 'Stopped', backup: { backupRetentionDays: 7 } } },
      { properties: { state: 'Ready', backup: { backupRetentionDays: 14 } } },
      { 'start-if-stopped': 'false' },
      'set start-if-stopped to true',
      'server-not-usable',
    ],
  ] as const)(
    '%s: check names a remedy that works, and on-drift: fix requests nothing that Azure rejects',
    async ([, limit, undo, inputs, remedy, error], { emulator }) => {
      await emulator.patchServer(server, limit);
      const given = { ...undeclared, ...inputs };
      const check = await runCheck(emulator, given);
      expect(check.log).toContain(remedy);
      expect(check.log).not.toContain('run mode: ensure to create it');
      await emulator.clearRecords();
      const fix = await runFix(emulator, given);
      const writes = await emulator.writesExceptTemporaryRules();
      await emulator.patchServer(server, undo);
      expect(fix.log).toContain(remedy);
      expect(fix.exitCode, fix.log).toBe(error === undefined ? 0 : 1);
      if (error !== undefined) expect(fix.log).toContain(`(${error})`);
      expect(writes).toEqual([]);
    },
  );
});

describe('an elastic cluster', () => {
  // Azure creates and owns its only database, so the action manages no role and no extension in it.
  const { 'app-username': _, 'app-password': __, extensions: ___, ...alone } = fullConfig;
  const cluster = {
    ...alone,
    'server-name': 'cluster',
    'resource-group': 'cluster',
    'high-availability': 'Disabled',
    'cluster-size': '2',
  };

  test('is created with cluster-size, grows in place, and is never shrunk', async ({ emulator }) => {
    const created = await runFix(emulator, cluster);
    expect(created.exitCode, created.log).toBe(0);
    expect((await runCheck(emulator, cluster)).drift).toEqual([]);

    const larger = { ...cluster, 'cluster-size': '4' };
    const finding = { resource: 'server', property: 'cluster size', kind: 'changed' };
    expect((await runCheck(emulator, larger)).drift).toMatchObject([
      { ...finding, expected: '4', actual: '2' },
    ]);
    expect((await runFix(emulator, larger)).exitCode).toBe(0);
    expect((await runCheck(emulator, larger)).drift).toEqual([]);

    const left = await runFix(emulator, cluster);
    expect(left.exitCode, left.log).toBe(0);
    expect(left.log).toContain('Server cluster cluster size: is 4 nodes, declared 2 nodes');
    expect((await runCheck(emulator, cluster)).drift).toMatchObject([
      { ...finding, expected: '2', actual: '4' },
    ]);
  });
});

describe('a change that Azure makes is not drift', () => {
  const server = fullConfig['server-name'];

  test.for([
    [
      'storage that has grown automatically',
      { storage: { storageSizeGB: 512, autoGrow: 'Enabled' } },
      { storage: { storageSizeGB: 64, autoGrow: 'Disabled' } },
      { 'storage-auto-grow': 'true' },
    ],
    [
      'a zone after a failover',
      { availabilityZone: '2', highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' } },
      { availabilityZone: '1', highAvailability: { mode: 'SameZone', standbyAvailabilityZone: '1' } },
      { 'high-availability': 'ZoneRedundant' },
    ],
    ['another minor version', { minorVersion: '99' }, {}, {}],
    [
      'values in another case or spelling',
      { authConfig: { passwordAuth: 'enabled' }, highAvailability: { mode: 'sameZone' } },
      { authConfig: { passwordAuth: 'Enabled' }, highAvailability: { mode: 'SameZone' } },
      { region: 'West Europe', 'sku-name': 'standard_d2ds_V5', charset: 'utf-8', collation: 'en_US.UTF-8' },
    ],
  ] as const)('%s', async ([, change, back, inputs], { emulator }) => {
    await emulator.patchServer(server, { properties: change });
    const check = await runCheck(emulator, { ...fullConfig, ...inputs });
    await emulator.patchServer(server, { properties: back });
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });
});
