import { bounded } from '../bounds.ts';
import type { Config } from '../config/config.ts';
import { ActionError, messageOf } from '../errors.ts';
import { permitted } from './policy.ts';
import { remedyOf } from './remedy.ts';
import type { Change, Difference, Finding, Observed, ResourceType, Standing } from './types.ts';

/**
 * One kind of kept thing: the four doors of its file in resources/.
 * @template D one desired thing
 * @template O what is seen of it
 */
export interface Kind<D, O, R, W> {
  readonly resource: ResourceType;
  /** What the configuration declares of this kind. */
  desired(config: Config): readonly D[];
  nameOf(desired: D): string;
  /** What is there, in the order of `desired`; only reads. */
  observe(reader: R, desired: readonly D[]): Promise<readonly Observed<O>[]>;
  /** Pure: what differs, the most basic first. Never asked about unknown things. */
  diff(desired: D, observed: Observed<O>): readonly Difference[];
  /** Makes one permitted change, for the finding that it mends. */
  apply(
    writer: W,
    change: Change,
    desired: D,
    finding: Finding | undefined,
    observed: Observed<O>,
  ): Promise<Applied>;
}

/** `adopted`: somebody else made it in the meantime, so it is no change of ours. */
export type Applied = 'applied' | 'created' | 'adopted';

/** A change of the plan with the way to make it. */
export interface Step<W> {
  readonly change: Change;
  readonly apply: (writer: W) => Promise<Applied>;
}

export interface Plan<W> {
  readonly steps: readonly Step<W>[];
  /** Every difference, those that the steps mend included. */
  readonly findings: readonly Standing[];
  /** Differences that this mode leaves as they are. */
  readonly left: readonly Standing[];
  /** Why something could not be seen, in the order of looking. */
  readonly unknown: readonly Error[];
}

/** A kind with its types folded away, so that kinds stand in one list. */
export type Planner<R, W> = (config: Config, reader: R) => Promise<Plan<W>>;

/** Folds a kind into a planner: observe, diff, and what the mode permits of it. */
export function planner<D, O, R, W>(kind: Kind<D, O, R, W>): Planner<R, W> {
  return async (config, reader) => {
    const desired = kind.desired(config);
    if (desired.length === 0) return emptyPlan();
    const observed = await kind.observe(reader, desired);
    const plans = desired.map((d, i) => planOne(kind, config, d, observed[i]));
    return join(plans);
  };
}

function planOne<D, O, R, W>(
  kind: Kind<D, O, R, W>,
  config: Config,
  desired: D,
  observed: Observed<O> | undefined,
): Plan<W> {
  if (observed === undefined) return emptyPlan();
  if (observed.status === 'unknown') {
    const finding = unseen({ resource: kind.resource, name: kind.nameOf(desired) }, observed.error);
    return { ...emptyPlan<W>(), findings: [finding], unknown: [observed.error] };
  }
  const differences = kind.diff(desired, observed).map(withBounds);
  const mended = differences.filter((d) => permitted(config, d));
  return {
    steps: mended.flatMap(({ mend, finding }) =>
      mend === undefined
        ? []
        : [{ change: mend, apply: (writer: W) => kind.apply(writer, mend, desired, finding, observed) }],
    ),
    findings: differences.flatMap(standing),
    left: differences.filter((d) => !mended.includes(d)).flatMap(standing),
    unknown: [],
  };
}

/** What Azure and PostgreSQL say of a thing can have any length; what is declared has been checked. */
function withBounds(difference: Difference): Difference {
  const { finding, mend } = difference;
  const change = mend && { ...mend, details: bounded(mend.details) };
  if (finding === undefined) return change === undefined ? difference : { ...difference, mend: change };
  return {
    ...difference,
    finding: { ...finding, actual: bounded(finding.actual) },
    ...(change === undefined ? {} : { mend: change }),
  };
}

/** That something could not be looked at, and what Azure or PostgreSQL said. */
function unseen(thing: Pick<Finding, 'resource' | 'name'>, error: Error): Standing {
  const finding = { ...thing, property: '', expected: '', kind: 'unknown' } as const;
  if (!(error instanceof ActionError)) return { ...finding, actual: messageOf(error), remedy: '' };
  const { happened, todo, azure } = error;
  const actual = azure === undefined ? happened : `${happened} (${azure.code}: ${azure.message})`;
  return { ...finding, actual, remedy: todo };
}

const standing = (difference: Difference): readonly Standing[] =>
  difference.finding === undefined ? [] : [{ ...difference.finding, remedy: remedyOf(difference) }];

const emptyPlan = <W>(): Plan<W> => ({ steps: [], findings: [], left: [], unknown: [] });

/**
 * One pass: every planner looks in the given order, and the plans are joined in it, parents before children.
 * Reading only; so a mode without a writer ends here (design.md, one path for every mode).
 */
export async function plan<R, W>(
  planners: readonly Planner<R, W>[],
  config: Config,
  reader: R,
): Promise<Plan<W>> {
  const plans: Plan<W>[] = [];
  for (const look of planners) plans.push(await look(config, reader));
  return join(plans);
}

function join<W>(plans: readonly Plan<W>[]): Plan<W> {
  return {
    steps: plans.flatMap((p) => p.steps),
    findings: plans.flatMap((p) => p.findings),
    left: plans.flatMap((p) => p.left),
    unknown: plans.flatMap((p) => p.unknown),
  };
}

/** Told of every change before and after it is made. */
export interface Witness {
  starting(change: Change): void;
  made(change: Change): void;
}

/** Makes the changes of a plan, one after another; what somebody else made in the meantime is no change of ours. */
export async function apply<W>({ steps }: Plan<W>, writer: W, witness: Witness): Promise<void> {
  for (const step of steps) {
    witness.starting(step.change);
    if ((await step.apply(writer)) !== 'adopted') witness.made(step.change);
  }
}
