import { ActionError, getErrorMessage } from '../common/errors.ts';
import { sanitizeText } from '../common/sanitize.ts';
import type { CheckConfig, EnsureConfig } from '../inputs/types.ts';
import type { Change, Diff, Finding, Observed, ReportedFinding } from './findings.ts';
import { type ChangePolicy, isAllowed } from './policy.ts';
import { describeRemedy } from './remedy.ts';
import type { ApplyResult, ResourceHandler } from './resource-handler.ts';

/** An allowed change, the finding that it resolves, and how to apply it. */
export interface PlannedChange<W> {
  readonly change: Change;
  readonly finding: Finding | undefined;
  readonly apply: (writer: W) => Promise<ApplyResult>;
  /** Set if one request can apply it together with the changes that have the same `request`. */
  readonly combined?: {
    readonly request: string;
    readonly apply: (writer: W, findings: readonly Finding[]) => Promise<ApplyResult>;
  };
}

export interface Plan<W> {
  /** Every desired resource that could be read, also those without a difference. */
  readonly resources: readonly Pick<Finding, 'resource' | 'name'>[];
  readonly plannedChanges: readonly PlannedChange<W>[];
  /** Every difference, including those that the planned changes resolve. */
  readonly findings: readonly ReportedFinding[];
  /** Differences that the planned changes do not resolve. */
  readonly remaining: readonly ReportedFinding[];
  /** Why resources could not be read, in the order of reading. */
  readonly readErrors: readonly Error[];
}

/** What one or several calls of {@link reconcile} have changed, and the differences that they leave. */
export interface ReconcileOutcome {
  /** Applied changes, without those that another run applied in the meantime. */
  readonly changes: readonly Change[];
  readonly remaining: readonly ReportedFinding[];
}

export type ReconcileResult<W> = Plan<W> & ReconcileOutcome;

/** Receives what {@link reconcile} plans and applies, while it runs. */
export interface ReconcileListener {
  recordPlan(plan: Plan<never>): void;
  onApplyStart(change: Change): void;
  onApplied(change: Change): void;
  /** Called instead of `onApplied` if another run has applied the change in the meantime. */
  onAdopted(change: Change): void;
}

export interface ReconcileOptions<R, W, C> {
  /** What the handlers derive the desired resources from. */
  readonly desired: C;
  readonly policy: ChangePolicy;
  readonly reader: R;
  /** Undefined: plans only. */
  readonly writer?: W | undefined;
  /** Called with the plan before its first change; may throw, or return another plan. */
  readonly beforeApply?: (plan: Plan<W>) => Promise<Plan<W>>;
}

/**
 * Reads the resources, compares them with what is desired and, with a writer, applies what the policy allows.
 * @throws with a writer, why a resource could not be read: unknown is never treated as absent
 */
export async function reconcile<R, W, C>(
  listener: ReconcileListener,
  planFunctions: readonly PlanFunction<R, W, C>[],
  { desired, policy, reader, writer, beforeApply = async (plan) => plan }: ReconcileOptions<R, W, C>,
): Promise<ReconcileResult<W>> {
  const initialPlan = await createPlan(planFunctions, desired, policy, reader);
  if (writer === undefined) {
    listener.recordPlan(initialPlan);
    return { ...initialPlan, changes: [] };
  }
  if (initialPlan.readErrors[0]) throw initialPlan.readErrors[0];
  const plan = await beforeApply(initialPlan);
  listener.recordPlan(plan);
  const changes: Change[] = [];
  for (const together of groupByRequest(plan.plannedChanges)) {
    for (const { change } of together) listener.onApplyStart(change);
    const isAdopted = (await applyTogether(writer, together)) === 'adopted';
    for (const { change } of together) {
      if (isAdopted) listener.onAdopted(change);
      else listener.onApplied(change);
    }
    if (!isAdopted) changes.push(...together.map(({ change }) => change));
  }
  return { ...plan, changes };
}

type ChangesOfRequest<W> = readonly [PlannedChange<W>, ...PlannedChange<W>[]];

/** The changes by the request that applies them, in the order of the first change of each. */
function groupByRequest<W>(changes: readonly PlannedChange<W>[]): readonly ChangesOfRequest<W>[] {
  const groups: [PlannedChange<W>, ...PlannedChange<W>[]][] = [];
  for (const change of changes) {
    const request = change.combined?.request;
    const group = groups.find(([first]) => request !== undefined && first.combined?.request === request);
    if (group === undefined) groups.push([change]);
    else group.push(change);
  }
  return groups;
}

function applyTogether<W>(writer: W, together: ChangesOfRequest<W>): Promise<ApplyResult> {
  const [{ apply, combined }, ...others] = together;
  if (combined === undefined || others.length === 0) return apply(writer);
  return combined.apply(
    writer,
    together.flatMap(({ finding }) => finding ?? []),
  );
}

/** Plans the handlers in the given order, parents before children. Never writes. */
export async function createPlan<R, W, C>(
  planFunctions: readonly PlanFunction<R, W, C>[],
  desired: C,
  policy: ChangePolicy,
  reader: R,
): Promise<Plan<W>> {
  const plans: Plan<W>[] = [];
  for (const planFunction of planFunctions) plans.push(await planFunction(desired, policy, reader));
  return mergePlans(plans);
}

/** Plans one type of resource; hides the types that are private to its handler. */
export type PlanFunction<R, W, C = EnsureConfig | CheckConfig> = (
  source: C,
  policy: ChangePolicy,
  reader: R,
) => Promise<Plan<W>>;

export function toPlanFunction<D, O, R, W, C>(
  handler: ResourceHandler<D, O, R, W, C>,
): PlanFunction<R, W, C> {
  return async (source, policy, reader) => {
    const desired = handler.desired(source);
    if (desired.length === 0) return emptyPlan();
    const observed = await handler.observe(reader, desired);
    return mergePlans(desired.map((d, i) => planResource(handler, policy, d, observed[i])));
  };
}

function planResource<D, O, R, W, C>(
  handler: ResourceHandler<D, O, R, W, C>,
  policy: ChangePolicy,
  desired: D,
  observed: Observed<O> | undefined,
): Plan<W> {
  if (observed === undefined) return emptyPlan();
  const resourceRef = { resource: handler.resource, name: handler.nameOf(desired) };
  if (observed.status === 'unknown') {
    const finding = unknownFinding(resourceRef, observed.error);
    return { ...emptyPlan<W>(), findings: [finding], readErrors: [observed.error] };
  }
  const diffs = handler.diff(desired, observed).map(withBoundedTexts);
  const allowed = diffs.filter((diff) => isAllowed(policy, diff));
  return {
    resources: [resourceRef],
    plannedChanges: allowed.flatMap(({ change, finding }): PlannedChange<W>[] => {
      if (change === undefined) return [];
      const apply = (writer: W): Promise<ApplyResult> =>
        handler.apply(writer, change, desired, finding, observed);
      const { combined } = handler;
      const request = finding && combined?.requestOf(finding);
      if (combined === undefined || request === undefined) return [{ change, finding, apply }];
      const applyCombined = (writer: W, findings: readonly Finding[]): Promise<ApplyResult> =>
        combined.apply(writer, desired, findings);
      const name = `${handler.resource} ${resourceRef.name}: ${request}`;
      return [{ change, finding, apply, combined: { request: name, apply: applyCombined } }];
    }),
    findings: diffs.flatMap(withRemedy),
    remaining: diffs.filter((diff) => !allowed.includes(diff)).flatMap(withRemedy),
    readErrors: [],
  };
}

/** Texts from Azure and PostgreSQL can have any length; declared values have been validated. */
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

function unknownFinding(resource: Pick<Finding, 'resource' | 'name'>, error: Error): ReportedFinding {
  const finding = { ...resource, property: '', expected: '', kind: 'unknown' } as const;
  if (!(error instanceof ActionError)) return { ...finding, actual: getErrorMessage(error), remedy: '' };
  const { summary, hint, azure } = error;
  const actual = azure === undefined ? summary : `${summary} (${azure.code}: ${azure.message})`;
  return { ...finding, actual, remedy: hint };
}

const withRemedy = (diff: Diff): readonly ReportedFinding[] =>
  diff.finding === undefined ? [] : [{ ...diff.finding, remedy: describeRemedy(diff) }];

const emptyPlan = <W>(): Plan<W> => ({
  resources: [],
  plannedChanges: [],
  findings: [],
  remaining: [],
  readErrors: [],
});

const mergePlans = <W>(plans: readonly Plan<W>[]): Plan<W> => ({
  resources: plans.flatMap((plan) => plan.resources),
  plannedChanges: plans.flatMap((plan) => plan.plannedChanges),
  findings: plans.flatMap((plan) => plan.findings),
  remaining: plans.flatMap((plan) => plan.remaining),
  readErrors: plans.flatMap((plan) => plan.readErrors),
});
