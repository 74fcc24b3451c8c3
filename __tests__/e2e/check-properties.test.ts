import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  checked,
  type Deed,
  type DriftFinding,
  databaseDeeds,
  declaredWhole,
  deeds,
  fixed,
} from '../helpers/e2e/drift-scenarios.ts';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';

const bench = useAzure({ blocked: 'reject', provision: 100, firewallDelay: 50 });

beforeAll(async () => {
  const made = await fixed(bench.azure);
  expect(made.exitCode, made.log).toBe(0);
});

const inOrder = (findings: readonly DriftFinding[]): readonly string[] =>
  findings.map((finding) => JSON.stringify(finding)).sort();

/** Law 2: whatever a check finds. */
function expectOnlyLooked({ writes, rules }: Awaited<ReturnType<typeof checked>>): void {
  expect(writes).toEqual([]);
  expect(rules.after).toEqual(rules.before);
}

/** What only SQL can tell. */
const isInside = ({ resource }: DriftFinding): boolean => ['role', 'extension'].includes(resource);

async function expectDrift(done: readonly Deed[]): Promise<void> {
  const check = await checked(bench.azure);
  const shutOut = done.some(({ shutsOut }) => shutsOut);
  const expected = done.map(({ found }) => found).filter((finding) => !(shutOut && isInside(finding)));
  const unknown = check.drift.filter(({ kind }) => kind === 'unknown');
  expect(inOrder(check.drift.filter((finding) => !unknown.includes(finding))), check.log).toEqual(
    inOrder(expected),
  );
  expect(unknown.every((finding) => shutOut && isInside(finding))).toBe(true);
  expect(check.outputs['drifted']).toBe(String(expected.length > 0));
  expect(check.exitCode, check.log).toBe(expected.length > 0 ? 1 : 0);
  expectOnlyLooked(check);
}

/** `fix` repairs what can be, says so, and leaves the rest for somebody's hand. */
async function expectMended(done: readonly Deed[]): Promise<void> {
  const { azure } = bench;
  const fix = await fixed(azure);
  expect(fix.exitCode, fix.log).toBe(0);
  const stays = done.filter(({ undone }) => undone !== undefined);
  await expectDrift(stays);
  for (const { undone } of stays) await undone?.(azure);
}

/** Azure keeps one way of logging in. */
const possible = fc
  .subarray([...deeds], { minLength: 2 })
  .filter((chosen) => chosen.filter(({ property }) => property.endsWith('authentication')).length < 2);

describe('each property that can be declared, changed behind the action’s back', () => {
  test('a server that has just been made as declared has not drifted', () => expectDrift([]));

  test.for(deeds)('$property: reported, that one alone; mended where the service can', async (deed) => {
    await deed.done(bench.azure);
    await expectDrift([deed]);
    await expectMended([deed]);
    await expectDrift([]);
  });

  test.for(databaseDeeds)('$property of the database', async (deed) => {
    const { azure } = bench;
    await deed.done(azure);
    const check = await checked(azure);
    // What was in the database went with it, and is told only where the database itself is there.
    expect(check.drift.filter(({ resource }) => resource === 'database')).toEqual([
      deed.found,
      ...(deed.besides ?? []),
    ]);
    expect(
      check.drift.filter(({ resource }) => !['database', 'extension', 'role'].includes(resource)),
    ).toEqual([]);
    if (deed.found.kind === 'missing') expect(check.drift).toEqual([deed.found]);
    expectOnlyLooked(check);
    await deed.undone?.(azure);
    expect((await fixed(azure)).exitCode).toBe(0);
    await expectDrift([]);
  });

  test('any of them together: exactly those', async () => {
    await fc.assert(
      fc.asyncProperty(possible, async (chosen) => {
        // Who is shut out does nothing by SQL any more.
        const inOrder = chosen.toSorted(
          (one, other) => Number(one.shutsOut ?? 0) - Number(other.shutsOut ?? 0),
        );
        for (const deed of inOrder) await deed.done(bench.azure);
        await expectDrift(chosen);
        await expectMended(chosen);
        await expectDrift([]);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  }, 240_000);
});

describe('an elastic cluster', () => {
  // Its one database comes with it, and is the service's own.
  const { 'app-username': _, 'app-password': __, extensions: ___, ...alone } = declaredWhole;
  const cluster = {
    ...alone,
    'server-name': 'cluster',
    'resource-group': 'cluster',
    'high-availability': 'Disabled',
    'cluster-size': '2',
  };

  test('cluster-size: made so; it grows in place, and never shrinks', async () => {
    const { azure } = bench;
    const made = await fixed(azure, cluster);
    expect(made.exitCode, made.log).toBe(0);
    expect((await checked(azure, cluster)).drift).toEqual([]);

    const larger = { ...cluster, 'cluster-size': '4' };
    const finding = { resource: 'server', property: 'cluster size', kind: 'changed' };
    expect((await checked(azure, larger)).drift).toMatchObject([{ ...finding, expected: '4', actual: '2' }]);
    expect((await fixed(azure, larger)).exitCode).toBe(0);
    expect((await checked(azure, larger)).drift).toEqual([]);

    const left = await fixed(azure, cluster);
    expect(left.exitCode, left.log).toBe(0);
    expect(left.log).toContain('changed server cluster cluster size: declared 2, actually 4');
    expect((await checked(azure, cluster)).drift).toMatchObject([{ ...finding, expected: '2', actual: '4' }]);
  });
});

describe('what Azure does by itself is no drift', () => {
  const server = declaredWhole['server-name'];

  test.for([
    [
      'storage that has grown by itself',
      { storage: { storageSizeGB: 512, autoGrow: 'Enabled' } },
      { storage: { storageSizeGB: 64, autoGrow: 'Disabled' } },
      { 'storage-auto-grow': 'true' },
    ],
    [
      'a zone that a failover has changed',
      { availabilityZone: '2', highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' } },
      { availabilityZone: '1', highAvailability: { mode: 'SameZone', standbyAvailabilityZone: '1' } },
      { 'high-availability': 'ZoneRedundant' },
    ],
    ['another minor version', { minorVersion: '99' }, {}, {}],
    [
      'Azure’s other spellings',
      { authConfig: { passwordAuth: 'enabled' }, highAvailability: { mode: 'sameZone' } },
      { authConfig: { passwordAuth: 'Enabled' }, highAvailability: { mode: 'SameZone' } },
      { region: 'West Europe', 'sku-name': 'standard_d2ds_V5', charset: 'utf-8', collation: 'en_US.UTF-8' },
    ],
  ] as const)('%s', async ([, change, back, inputs]) => {
    const { azure } = bench;
    await azure.patch(server, { properties: change });
    const check = await checked(azure, { ...declaredWhole, ...inputs });
    await azure.patch(server, { properties: back });
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });
});
