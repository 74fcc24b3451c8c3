import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { type Applied, apply, type Kind, plan, planner } from '../../../src/plan/engine.ts';
import { permitted } from '../../../src/plan/policy.ts';
import {
  absent,
  type Change,
  type Difference,
  type Observed,
  present,
  unknown,
} from '../../../src/plan/types.ts';
import { checkConfig, ensureConfig } from '../../helpers/unit/inputs.ts';

interface Thing {
  readonly name: string;
  readonly observed: Observed<Change['action'] | 'same' | 'immutable'>;
}
type Written = string[];

const change = (name: string, action: Change['action']): Change => ({
  resource: 'server',
  name,
  action,
  details: '',
});

function differences({ name, observed }: Thing): readonly Difference[] {
  const finding = { resource: 'server', name, property: 'p', expected: 'a', actual: 'b' } as const;
  if (observed.status === 'unknown') throw new Error('nobody asks about unknown things');
  if (observed.status === 'absent')
    return [{ finding: { ...finding, kind: 'missing' }, mend: change(name, 'create') }];
  if (observed.value === 'same') return [];
  const changed = { ...finding, kind: 'changed' } as const;
  return [
    observed.value === 'immutable'
      ? { finding: changed }
      : { finding: changed, mend: change(name, observed.value) },
  ];
}

/** A kind of things that are seen as they say; `lost` are those that somebody else makes in the meantime. */
function kindOf(
  things: readonly Thing[],
  lost: readonly string[] = [],
): Kind<Thing, unknown, undefined, Written> {
  return {
    resource: 'server',
    desired: () => things,
    nameOf: ({ name }) => name,
    observe: async () => things.map(({ observed }) => observed),
    diff: (thing) => differences(thing),
    async apply(writer, { action, name }): Promise<Applied> {
      writer.push(`${action} ${name}`);
      return lost.includes(name) ? 'adopted' : 'applied';
    },
  };
}

const fixing = ensureConfig({ 'on-drift': 'fix' });
const planOf = (config: Config, ...kinds: readonly (readonly Thing[])[]) =>
  plan(
    kinds.map((things) => planner(kindOf(things))),
    config,
    undefined,
  );

const observations = fc.oneof(
  fc.constant(absent),
  fc.constantFrom('update', 'start', 'same', 'immutable').map((value) => present(value)),
  fc.string().map((text) => unknown(new Error(text))),
);
const things = fc.array(
  fc.record({ name: fc.stringMatching(/^[a-z]{4}$/), observed: observations }),
) as fc.Arbitrary<Thing[]>;
const configs = fc.constantFrom(
  ensureConfig(),
  fixing,
  ensureConfig({ 'start-if-stopped': 'false' }),
  checkConfig(),
  checkConfig({ 'on-drift': 'warn' }),
);

describe('one engine: observe, diff, apply', () => {
  test('unknown never gives a step; it is a finding of its own kind, and its reason is kept', async () => {
    await fc.assert(
      fc.asyncProperty(configs, things, async (config, all) => {
        const planned = await planOf(config, all);
        const unseen = all.flatMap(({ observed }) => (observed.status === 'unknown' ? [observed.error] : []));
        expect(planned.unknown).toEqual(unseen);
        expect(planned.findings.filter(({ kind }) => kind === 'unknown')).toHaveLength(unseen.length);
        const onlyUnknown = await planOf(
          config,
          all.filter(({ observed }) => observed.status === 'unknown'),
        );
        expect(onlyUnknown.steps).toEqual([]);
        expect(onlyUnknown.left).toEqual([]);
      }),
    );
  });

  test('every difference is a finding, and is either mended by a step or left', async () => {
    await fc.assert(
      fc.asyncProperty(configs, things, async (config, all) => {
        const { steps, findings, left } = await planOf(config, all);
        const known = findings.filter(({ kind }) => kind !== 'unknown');
        expect(known).toHaveLength(
          all.filter(
            ({ observed }) =>
              observed.status !== 'unknown' && !(observed.status === 'present' && observed.value === 'same'),
          ).length,
        );
        expect(steps.length + left.length).toBe(known.length);
        for (const step of steps) expect(permitted(config, { mend: step.change })).toBe(true);
      }),
    );
  });

  test('parents before children, and what is kept in the order of its declaration', async () => {
    const planned = await planOf(
      fixing,
      [{ name: 'group', observed: absent }],
      [{ name: 'server', observed: absent }],
      [
        { name: 'b', observed: absent },
        { name: 'a', observed: absent },
      ],
    );
    const written: Written = [];
    await apply(planned, written, { starting: () => {}, made: () => {} });
    expect(written).toEqual(['create group', 'create server', 'create b', 'create a']);
  });

  test('what somebody else made in the meantime is no change of this run', async () => {
    const planned = await plan(
      [
        planner(
          kindOf(
            [
              { name: 'mine', observed: absent },
              { name: 'theirs', observed: absent },
            ],
            ['theirs'],
          ),
        ),
      ],
      fixing,
      undefined,
    );
    const told: string[] = [];
    await apply(planned, [], {
      starting: (c) => told.push(`starting ${c.name}`),
      made: (c) => told.push(`made ${c.name}`),
    });
    expect(told).toEqual(['starting mine', 'made mine', 'starting theirs']);
  });

  test('a change that fails ends the pass: nothing after it is begun', async () => {
    const kind = {
      ...kindOf([
        { name: 'a', observed: absent },
        { name: 'b', observed: absent },
      ]),
      apply: () => Promise.reject(new Error('no')),
    };
    const told: string[] = [];
    const planned = await plan([planner(kind)], fixing, undefined);
    await expect(
      apply(planned, [], { starting: (c) => told.push(c.name), made: () => told.push('made') }),
    ).rejects.toThrow('no');
    expect(told).toEqual(['a']);
  });

  test('what nobody declared is not even looked at', async () => {
    const kind = { ...kindOf([]), observe: () => Promise.reject(new Error('looked')) };
    expect(await plan([planner(kind)], fixing, undefined)).toEqual({
      steps: [],
      findings: [],
      left: [],
      unknown: [],
    });
  });
});

test('what is seen of a thing has a bound wherever it is reported', async () => {
  const long = 'x'.repeat(3_400_000);
  const kind: Kind<string, string, undefined, Written> = {
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
      return [{ finding, mend: { ...change(name, 'update'), details: `${actual} → a` } }];
    },
    apply: async () => 'applied',
  };
  const { findings, steps } = await plan([planner(kind)], fixing, undefined);
  for (const text of [findings[0]?.actual, steps[0]?.change.details]) {
    expect(text?.length).toBeLessThan(1100);
    expect(text).toContain('characters in all');
  }
});
