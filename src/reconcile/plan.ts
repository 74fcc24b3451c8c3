import { ActionError, getErrorMessage } from '../common/errors.ts';
import { sanitizeText } from '../common/sanitize.ts';
import type { Config } from '../inputs/types.ts';
import type { Change, Diff, Finding, Observed, ReportedFinding, ResourceType } from './findings.ts';
import { isAllowed } from './policy.ts';
import { describeRemedy } from './remedy.ts';

/**
 * One kind of kept thing: the four doors of its file in resources/.
 * @template D one desired thing
 * @template O what is seen of it
 */
export interface ResourceHandler<D, O, R, W> {
  readonly resource: ResourceType;
  /** What the configuration declares of this kind. */
  desired(config: Config): readonly D[];
  nameOf(desired: D): string;
  /** What is there, in the order of `desired`; only reads. */
  observe(reader: R, desired: readonly D[]): Promise<readonly Observed<O>[]>;
  /** Pure: what differs, the most basic first. Never asked about unknown things. */
  diff(desired: D, observed: Observed<O>): readonly Diff[];
  /** Makes one permitted change, for the finding that it mends. */
  apply(
    writer: W,
    change: Change,
    desired: D,
    finding: Finding | undefined,
    observed: Observed<O>,
  ): Promise<ApplyResult>;
}

/** `adopted`: somebody else made it in the meantime, so it is no change of ours. */
export type ApplyResult = 'applied' | 'created' | 'adopted';

/** A change of the plan with the way to make it. */
export interface PlannedChange<W> {
  readonly change: Change;
  readonly apply: (writer: W) => Promise<ApplyResult>;
}

export interface Plan<W> {
  readonly plannedChanges: readonly PlannedChange<W>[];
  /** Every difference, those that the steps mend included. */
  readonly findings: readonly ReportedFinding[];
  /** Differences that this mode leaves as they are. */
  readonly remaining: readonly ReportedFinding[];
  /** Why something could not be seen, in the order of looking. */
  readonly readErrors: readonly Error[];
}

/** A kind with its types folded away, so that kinds stand in one list. */
export type PlanFunction<R, W> = (config: Config, reader: R) => Promise<Plan<W>>;

/** Folds a kind into a planner: observe, diff, and what the mode permits of it. */
export function toPlanFunction<D, O, R, W>(handler: ResourceHandler<D, O, R, W>): PlanFunction<R, W> {
  return async (config, reader) => {
    const desired = handler.desired(config);
    if (desired.length === 0) return emptyPlan();
    const observed = await handler.observe(reader, desired);
    const plans = desired.map((d, i) => planResource(handler, config, d, observed[i]));
    return mergePlans(plans);
  };
}

function planResource<D, O, R, W>(
  handler: ResourceHandler<D, O, R, W>,
  config: Config,
  desired: D,
  observed: Observed<O> | undefined,
): Plan<W> {
  if (observed === undefined) return emptyPlan();
  if (observed.status === 'unknown') {
    const finding = unknownFinding(
      { resource: handler.resource, name: handler.nameOf(desired) },
      observed.error,
    );
    return { ...emptyPlan<W>(), findings: [finding], readErrors: [observed.error] };
  }
  const diffs = handler.diff(desired, observed).map(withBoundedTexts);
  const allowed = diffs.filter((d) => isAllowed(config, d));
  return {
    plannedChanges: allowed.flatMap(({ change, finding }) =>
      change === undefined
        ? []
        : [
            {
              change: change,
              apply: (writer: W) => handler.apply(writer, change, desired, finding, observed),
            },
          ],
    ),
    findings: diffs.flatMap(withRemedy),
    remaining: diffs.filter((d) => !allowed.includes(d)).flatMap(withRemedy),
    readErrors: [],
  };
}

/** What Azure and PostgreSQL say of a thing can have any length; what is declared has been checked. */
function withBoundedTexts(diff: Diff): Diff {
  const { finding, change } = diff;
  const boundedChange = change && { ...change, details: sanitizeText(change.details) };
  if (finding === undefined) return boundedChange === undefined ? diff : { ...diff, change: boundedChange };
  return {
    ...diff,
    finding: { ...finding, actual: sanitizeText(finding.actual) },
    ...(boundedChange === undefined ? {} : { change: boundedChange }),
  };
}

/** That something could not be looked at, and what Azure or PostgreSQL said. */
function unknownFinding(resource: Pick<Finding, 'resource' | 'name'>, error: Error): ReportedFinding {
  const finding = { ...resource, property: '', expected: '', kind: 'unknown' } as const;
  if (!(error instanceof ActionError)) return { ...finding, actual: getErrorMessage(error), remedy: '' };
  const { summary, hint, azure } = error;
  const actual = azure === undefined ? summary : `${summary} (${azure.code}: ${azure.message})`;
  return { ...finding, actual, remedy: hint };
}

const withRemedy = (diff: Diff): readonly ReportedFinding[] =>
  diff.finding === undefined ? [] : [{ ...diff.finding, remedy: describeRemedy(diff) }];

const emptyPlan = <W>(): Plan<W> => ({ plannedChanges: [], findings: [], remaining: [], readErrors: [] });

/**
 * One pass: every planner looks in the given order, and the plans are joined in it, parents before children.
 * Reading only; so a mode without a writer ends here (design.md, one path for every mode).
 */
export async function createPlan<R, W>(
  planFunctions: readonly PlanFunction<R, W>[],
  config: Config,
  reader: R,
): Promise<Plan<W>> {
  const plans: Plan<W>[] = [];
  for (const planFunction of planFunctions) plans.push(await planFunction(config, reader));
  return mergePlans(plans);
}

function mergePlans<W>(plans: readonly Plan<W>[]): Plan<W> {
  return {
    plannedChanges: plans.flatMap((p) => p.plannedChanges),
    findings: plans.flatMap((p) => p.findings),
    remaining: plans.flatMap((p) => p.remaining),
    readErrors: plans.flatMap((p) => p.readErrors),
  };
}

/** Told of every change before and after it is made. */
export interface ApplyHooks {
  onApplyStart(change: Change): void;
  onApplied(change: Change): void;
}

/** Makes the changes of a plan, one after another; what somebody else made in the meantime is no change of ours. */
export async function applyPlan<W>({ plannedChanges }: Plan<W>, writer: W, hooks: ApplyHooks): Promise<void> {
  for (const planned of plannedChanges) {
    hooks.onApplyStart(planned.change);
    if ((await planned.apply(writer)) !== 'adopted') hooks.onApplied(planned.change);
  }
}
