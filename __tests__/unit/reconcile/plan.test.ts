import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/inputs/types.ts';
import {
  absent,
  type Change,
  type Diff,
  type Observed,
  present,
  unknown,
} from '../../../src/reconcile/findings.ts';
import {
  type ApplyResult,
  applyPlan,
  createPlan,
  type ResourceHandler,
  toPlanFunction,
} from '../../../src/reconcile/plan.ts';
import { isAllowed } from '../../../src/reconcile/policy.ts';
import { checkConfig, ensureConfig } from '../../helpers/unit/test-configs.ts';

interface FakeResource {
  readonly name: string;
  readonly observed: Observed<Change['action'] | 'same' | 'immutable'>;
}
type WrittenChanges = string[];

const change = (name: string, action: Change['action']): Change => ({
  resource: 'server',
  name,
  action,
  details: '',
});

function diffFakeResource({ name, observed }: FakeResource): readonly Diff[] {
  const finding = { resource: 'server', name, property: 'p', expected: 'a', actual: 'b' } as const;
  if (observed.status === 'unknown') throw new Error('nobody asks about unknown things');
  if (observed.status === 'absent')
    return [{ finding: { ...finding, kind: 'missing' }, change: change(name, 'create') }];
  if (observed.value === 'same') return [];
  const changed = { ...finding, kind: 'changed' } as const;
  return [
    observed.value === 'immutable'
      ? { finding: changed }
      : { finding: changed, change: change(name, observed.value) },
  ];
}

/** A kind of things that are seen as they say; `lost` are those that somebody else makes in the meantime. */
function createHandler(
  things: readonly FakeResource[],
  adoptedNames: readonly string[] = [],
): ResourceHandler<FakeResource, unknown, undefined, WrittenChanges> {
  return {
    resource: 'server',
    desired: () => things,
    nameOf: ({ name }) => name,
    observe: async () => things.map(({ observed }) => observed),
    diff: (thing) => diffFakeResource(thing),
    async apply(writer, { action, name }): Promise<ApplyResult> {
      writer.push(`${action} ${name}`);
      return adoptedNames.includes(name) ? 'adopted' : 'applied';
    },
  };
}

const fixConfig = ensureConfig({ 'on-drift': 'fix' });
const planResources = (config: Config, ...kinds: readonly (readonly FakeResource[])[]) =>
  createPlan(
    kinds.map((things) => toPlanFunction(createHandler(things))),
    config,
    undefined,
  );

const anyObservation = fc.oneof(
  fc.constant(absent),
  fc.constantFrom('update', 'start', 'same', 'immutable').map((value) => present(value)),
  fc.string().map((text) => unknown(new Error(text))),
);
const anyResources = fc.array(
  fc.record({ name: fc.stringMatching(/^[a-z]{4}$/), observed: anyObservation }),
) as fc.Arbitrary<FakeResource[]>;
const anyConfig = fc.constantFrom(
  ensureConfig(),
  fixConfig,
  ensureConfig({ 'start-if-stopped': 'false' }),
  checkConfig(),
  checkConfig({ 'on-drift': 'warn' }),
);

describe('one engine: observe, diff, apply', () => {
  test('unknown never gives a step; it is a finding of its own kind, and its reason is kept', async () => {
    await fc.assert(
      fc.asyncProperty(anyConfig, anyResources, async (config, all) => {
        const planned = await planResources(config, all);
        const unseen = all.flatMap(({ observed }) => (observed.status === 'unknown' ? [observed.error] : []));
        expect(planned.readErrors).toEqual(unseen);
        expect(planned.findings.filter(({ kind }) => kind === 'unknown')).toHaveLength(unseen.length);
        const onlyUnknown = await planResources(
          config,
          all.filter(({ observed }) => observed.status === 'unknown'),
        );
        expect(onlyUnknown.plannedChanges).toEqual([]);
        expect(onlyUnknown.remaining).toEqual([]);
      }),
    );
  });

  test('every difference is a finding, and is either mended by a step or left', async () => {
    await fc.assert(
      fc.asyncProperty(anyConfig, anyResources, async (config, all) => {
        const { plannedChanges, findings, remaining } = await planResources(config, all);
        const known = findings.filter(({ kind }) => kind !== 'unknown');
        expect(known).toHaveLength(
          all.filter(
            ({ observed }) =>
              observed.status !== 'unknown' && !(observed.status === 'present' && observed.value === 'same'),
          ).length,
        );
        expect(plannedChanges.length + remaining.length).toBe(known.length);
        for (const step of plannedChanges) expect(isAllowed(config, { change: step.change })).toBe(true);
      }),
    );
  });

  test('parents before children, and what is kept in the order of its declaration', async () => {
    const planned = await planResources(
      fixConfig,
      [{ name: 'group', observed: absent }],
      [{ name: 'server', observed: absent }],
      [
        { name: 'b', observed: absent },
        { name: 'a', observed: absent },
      ],
    );
    const written: WrittenChanges = [];
    await applyPlan(planned, written, { onApplyStart: () => {}, onApplied: () => {} });
    expect(written).toEqual(['create group', 'create server', 'create b', 'create a']);
  });

  test('what somebody else made in the meantime is no change of this run', async () => {
    const planned = await createPlan(
      [
        toPlanFunction(
          createHandler(
            [
              { name: 'mine', observed: absent },
              { name: 'theirs', observed: absent },
            ],
            ['theirs'],
          ),
        ),
      ],
      fixConfig,
      undefined,
    );
    const told: string[] = [];
    await applyPlan(planned, [], {
      onApplyStart: (c) => told.push(`starting ${c.name}`),
      onApplied: (c) => told.push(`made ${c.name}`),
    });
    expect(told).toEqual(['starting mine', 'made mine', 'starting theirs']);
  });

  test('a change that fails ends the pass: nothing after it is begun', async () => {
    const kind = {
      ...createHandler([
        { name: 'a', observed: absent },
        { name: 'b', observed: absent },
      ]),
      apply: () => Promise.reject(new Error('no')),
    };
    const told: string[] = [];
    const planned = await createPlan([toPlanFunction(kind)], fixConfig, undefined);
    await expect(
      applyPlan(planned, [], { onApplyStart: (c) => told.push(c.name), onApplied: () => told.push('made') }),
    ).rejects.toThrow('no');
    expect(told).toEqual(['a']);
  });

  test('what nobody declared is not even looked at', async () => {
    const kind = { ...createHandler([]), observe: () => Promise.reject(new Error('looked')) };
    expect(await createPlan([toPlanFunction(kind)], fixConfig, undefined)).toEqual({
      plannedChanges: [],
      findings: [],
      remaining: [],
      readErrors: [],
    });
  });
});

test('what is seen of a thing has a bound wherever it is reported', async () => {
  const long = 'x'.repeat(3_400_000);
  const kind: ResourceHandler<string, string, undefined, WrittenChanges> = {
    resource: 'server',
    desired: () => ['demo'],
    nameOf: (name) => name,
    observe: async () => [present(long)],
    diff: (name, seen) => {
      const actual = seen.status === 'present' ? seen.value : '';
      const finding = {
        resource: 'server',
        name,
        property: 'p',
        expected: 'a',
        actual,
        kind: 'changed',
      } as const;
      return [{ finding, change: { ...change(name, 'update'), details: `${actual} → a` } }];
    },
    apply: async () => 'applied',
  };
  const { findings, plannedChanges } = await createPlan([toPlanFunction(kind)], fixConfig, undefined);
  for (const text of [findings[0]?.actual, plannedChanges[0]?.change.details]) {
    expect(text?.length).toBeLessThan(1100);
    expect(text).toContain('characters in all');
  }
});
