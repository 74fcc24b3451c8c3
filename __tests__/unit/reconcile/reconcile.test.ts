import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  absent,
  type Change,
  type Diff,
  type Observed,
  present,
  type ReportedFinding,
  uniqueDrift,
  unknown,
} from '../../../src/reconcile/findings.ts';
import { type ChangePolicy, isAllowed, READ_ONLY_POLICY } from '../../../src/reconcile/policy.ts';
import {
  createPlan,
  type Plan,
  type ReconcileListener,
  reconcile,
  toPlanFunction,
} from '../../../src/reconcile/reconcile.ts';
import type { ApplyResult, ResourceHandler } from '../../../src/reconcile/resource-handler.ts';

interface FakeResource {
  readonly name: string;
  readonly observed: Observed<Change['action'] | 'same' | 'immutable'>;
}
/** Changes that a fake handler has applied. */
type AppliedChanges = string[];

const createChange = (name: string, action: Change['action']): Change => ({
  resource: 'server',
  name,
  action,
  details: '',
});

function diffFakeResource({ name, observed }: FakeResource): readonly Diff[] {
  const finding = { resource: 'server', name, property: 'p', expected: 'a', actual: 'b' } as const;
  if (observed.status === 'unknown') throw new Error('diff must not be called for an unknown resource');
  if (observed.status === 'absent')
    return [{ finding: { ...finding, kind: 'missing' }, change: createChange(name, 'create') }];
  if (observed.value === 'same') return [];
  const changed = { ...finding, kind: 'changed' } as const;
  return [
    observed.value === 'immutable'
      ? { finding: changed }
      : { finding: changed, change: createChange(name, observed.value) },
  ];
}

/**
 * A handler whose desired resources are the given ones.
 * @param adoptedNames resources that another run creates in the meantime
 */
const createHandler = (
  adoptedNames: readonly string[] = [],
): ResourceHandler<FakeResource, unknown, undefined, AppliedChanges, readonly FakeResource[]> => ({
  resource: 'server',
  desired: (resources) => resources,
  nameOf: ({ name }) => name,
  observe: async (_, resources) => resources.map(({ observed }) => observed),
  diff: (resource) => diffFakeResource(resource),
  async apply(applied, { action, name }): Promise<ApplyResult> {
    applied.push(`${action} ${name}`);
    return adoptedNames.includes(name) ? 'adopted' : 'applied';
  },
});

const fixPolicy: ChangePolicy = { create: true, start: true, update: 'all', delete: false };
const planResources = (policy: ChangePolicy, resources: readonly FakeResource[]) =>
  createPlan([toPlanFunction(createHandler())], resources, policy, undefined);

/** Records the calls of `reconcile`. */
function createListener(): ReconcileListener & { readonly calls: readonly string[] } {
  const calls: string[] = [];
  return {
    calls,
    recordPlan: ({ plannedChanges }: Plan<never>) => calls.push(`plan ${plannedChanges.length}`),
    onApplyStart: ({ name }) => calls.push(`start ${name}`),
    onApplied: ({ name }) => calls.push(`applied ${name}`),
    onAdopted: ({ name }) => calls.push(`adopted ${name}`),
  };
}

const anyObservation = fc.oneof(
  fc.constant(absent),
  fc.constantFrom('update', 'start', 'same', 'immutable').map((value) => present(value)),
  fc.string().map((text) => unknown(new Error(text))),
);
const anyResources = fc.array(
  fc.record({ name: fc.stringMatching(/^[a-z]{4}$/), observed: anyObservation }),
) as fc.Arbitrary<FakeResource[]>;
const anyPolicy: fc.Arbitrary<ChangePolicy> = fc.record({
  create: fc.boolean(),
  start: fc.boolean(),
  update: fc.constantFrom('none', 'managed', 'all'),
  delete: fc.boolean(),
});

describe('a plan', () => {
  test('an unknown resource is a finding of its own kind with its error, and never a change', async () => {
    await fc.assert(
      fc.asyncProperty(anyPolicy, anyResources, async (policy, resources) => {
        const plan = await planResources(policy, resources);
        const errors = resources.flatMap(({ observed }) =>
          observed.status === 'unknown' ? [observed.error] : [],
        );
        expect(plan.readErrors).toEqual(errors);
        expect(plan.findings.filter(({ kind }) => kind === 'unknown')).toHaveLength(errors.length);
        const onlyUnknown = await planResources(
          policy,
          resources.filter(({ observed }) => observed.status === 'unknown'),
        );
        expect(onlyUnknown.plannedChanges).toEqual([]);
        expect(onlyUnknown.remaining).toEqual([]);
      }),
    );
  });

  test('every difference is a finding, and is either resolved by an allowed change or remains', async () => {
    await fc.assert(
      fc.asyncProperty(anyPolicy, anyResources, async (policy, resources) => {
        const { plannedChanges, findings, remaining } = await planResources(policy, resources);
        const drift = findings.filter(({ kind }) => kind !== 'unknown');
        expect(drift).toHaveLength(
          resources.filter(
            ({ observed }) =>
              observed.status !== 'unknown' && !(observed.status === 'present' && observed.value === 'same'),
          ).length,
        );
        expect(plannedChanges.length + remaining.length).toBe(drift.length);
        for (const { change } of plannedChanges) expect(isAllowed(policy, { change })).toBe(true);
      }),
    );
  });

  test('a resource that is not declared is not read', async () => {
    const handler = { ...createHandler(), observe: () => Promise.reject(new Error('read')) };
    expect(await createPlan([toPlanFunction(handler)], [], fixPolicy, undefined)).toEqual({
      resources: [],
      plannedChanges: [],
      findings: [],
      remaining: [],
      readErrors: [],
    });
  });

  test('names every resource that could be read, also one without a difference', async () => {
    const { resources } = await planResources(READ_ONLY_POLICY, [
      { name: 'missing', observed: absent },
      { name: 'same', observed: present('same') },
      { name: 'unreadable', observed: unknown(new Error('403')) },
    ]);
    expect(resources.map(({ name }) => name)).toEqual(['missing', 'same']);
  });

  test('texts from Azure or PostgreSQL have a maximum length in findings and changes', async () => {
    const long = 'x'.repeat(3_400_000);
    const handler: ResourceHandler<string, string, undefined, AppliedChanges, undefined> = {
      resource: 'server',
      desired: () => ['demo'],
      nameOf: (name) => name,
      observe: async () => [present(long)],
      diff: (name, observed) => {
        const actual = observed.status === 'present' ? observed.value : '';
        const finding = {
          resource: 'server',
          name,
          property: 'p',
          expected: 'a',
          actual,
          kind: 'changed',
        } as const;
        return [{ finding, change: { ...createChange(name, 'update'), details: `${actual} → a` } }];
      },
      apply: async () => 'applied',
    };
    const plan = await createPlan([toPlanFunction(handler)], undefined, fixPolicy, undefined);
    for (const text of [plan.findings[0]?.actual, plan.plannedChanges[0]?.change.details]) {
      expect(text?.length).toBeLessThan(1100);
      expect(text).toContain('characters in all');
    }
  });
});

describe('reconcile', () => {
  const missing = (...names: readonly string[]): readonly FakeResource[] =>
    names.map((name) => ({ name, observed: absent }));
  const options = { policy: fixPolicy, reader: undefined };

  test('changes are applied in the order of handlers and declarations: parents before children', async () => {
    const applied: AppliedChanges = [];
    const handlers = [['group'], ['server'], ['b', 'a']].map((names) =>
      toPlanFunction({ ...createHandler(), desired: () => missing(...names) }),
    );
    await reconcile(createListener(), handlers, { ...options, desired: [], writer: applied });
    expect(applied).toEqual(['create group', 'create server', 'create b', 'create a']);
  });

  test('changes of one resource that one request can apply are applied together, at the place of the first of them', async () => {
    const properties = ['size', 'storage', 'backup', 'tags'];
    const calls: string[] = [];
    const handler: ResourceHandler<string, unknown, undefined, AppliedChanges, readonly string[]> = {
      resource: 'server',
      desired: (names) => names,
      nameOf: (name) => name,
      observe: async (_, names) => names.map(() => present('different')),
      diff: (name) =>
        properties.map((property) => ({
          finding: { resource: 'server', name, property, expected: 'a', actual: 'b', kind: 'changed' },
          change: { ...createChange(name, 'update'), details: property },
        })),
      apply: async (applied, { name, details }) => {
        applied.push(`${name}: ${details}`);
        return 'applied';
      },
      combined: {
        requestOf: ({ property }) => (['size', 'backup', 'tags'].includes(property) ? 'one' : undefined),
        apply: async (applied, name, findings) => {
          applied.push(`${name}: ${findings.map(({ property }) => property).join(' and ')}`);
          return name === 'theirs' ? 'adopted' : 'applied';
        },
      },
    };
    const listener: ReconcileListener = {
      recordPlan: () => {},
      onApplyStart: ({ name, details }) => calls.push(`start ${name} ${details}`),
      onApplied: ({ name, details }) => calls.push(`applied ${name} ${details}`),
      onAdopted: ({ name, details }) => calls.push(`adopted ${name} ${details}`),
    };
    const applied: AppliedChanges = [];
    const { changes } = await reconcile(listener, [toPlanFunction(handler)], {
      ...options,
      desired: ['mine', 'theirs'],
      writer: applied,
    });
    expect(applied).toEqual([
      'mine: size and backup and tags',
      'mine: storage',
      'theirs: size and backup and tags',
      'theirs: storage',
    ]);
    expect(calls.filter((call) => call.includes(' mine '))).toEqual([
      'start mine size',
      'start mine backup',
      'start mine tags',
      'applied mine size',
      'applied mine backup',
      'applied mine tags',
      'start mine storage',
      'applied mine storage',
    ]);
    expect(changes.map(({ name, details }) => `${name} ${details}`)).toEqual([
      'mine size',
      'mine backup',
      'mine tags',
      'mine storage',
      'theirs storage',
    ]);
  });

  test('a change that another run has applied in the meantime is not a change of this run', async () => {
    const listener = createListener();
    const { changes, plannedChanges } = await reconcile(
      listener,
      [toPlanFunction(createHandler(['theirs']))],
      { ...options, desired: missing('mine', 'theirs'), writer: [] },
    );
    expect(listener.calls).toEqual([
      'plan 2',
      'start mine',
      'applied mine',
      'start theirs',
      'adopted theirs',
    ]);
    expect(changes).toEqual([createChange('mine', 'create')]);
    expect(plannedChanges).toHaveLength(2);
  });

  test('no change is started after one that fails', async () => {
    const listener = createListener();
    const handler = { ...createHandler(), apply: () => Promise.reject(new Error('no')) };
    await expect(
      reconcile(listener, [toPlanFunction(handler)], {
        ...options,
        desired: missing('a', 'b'),
        writer: [],
      }),
    ).rejects.toThrow('no');
    expect(listener.calls).toEqual(['plan 2', 'start a']);
  });

  test('without a writer it plans and applies nothing, even if the policy allows changes', async () => {
    const listener = createListener();
    const result = await reconcile(listener, [toPlanFunction(createHandler())], {
      ...options,
      desired: missing('a'),
    });
    expect(listener.calls).toEqual(['plan 1']);
    expect(result).toMatchObject({ changes: [], findings: [{ name: 'a', kind: 'missing' }] });
  });

  const failing: readonly FakeResource[] = [
    { name: 'a', observed: absent },
    { name: 'b', observed: unknown(new Error('403')) },
  ];

  test('with a writer, an unknown resource ends it before any change', async () => {
    const listener = createListener();
    await expect(
      reconcile(listener, [toPlanFunction(createHandler())], { ...options, desired: failing, writer: [] }),
    ).rejects.toThrow('403');
    expect(listener.calls).toEqual([]);
  });

  test('without a writer, the error of an unknown resource is a result', async () => {
    const result = await reconcile(createListener(), [toPlanFunction(createHandler())], {
      ...options,
      policy: READ_ONLY_POLICY,
      desired: failing,
    });
    expect(result.readErrors).toEqual([new Error('403')]);
  });

  test('beforeApply can replace the plan; what it removes is not applied', async () => {
    const applied: AppliedChanges = [];
    const { changes } = await reconcile(createListener(), [toPlanFunction(createHandler())], {
      ...options,
      desired: missing('a', 'b'),
      writer: applied,
      beforeApply: async (plan) => ({ ...plan, plannedChanges: plan.plannedChanges.slice(1) }),
    });
    expect(applied).toEqual(['create b']);
    expect(changes).toEqual([createChange('b', 'create')]);
  });
});

test('findings of several passes about one property count once, and unknown ones are not drift', () => {
  const finding = (property: string, actual: string, kind: ReportedFinding['kind'] = 'changed') =>
    ({ resource: 'server', name: 'demo', property, expected: '', actual, kind, remedy: '' }) as const;
  expect(
    uniqueDrift([
      finding('version', '16'),
      finding('state', 'Stopped', 'unknown'),
      finding('sku', 'a'),
      finding('version', '17'),
    ]),
  ).toEqual([finding('version', '16'), finding('sku', 'a')]);
});
