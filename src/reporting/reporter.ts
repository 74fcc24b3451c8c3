import { getErrorMessage, toActionError } from '../common/errors.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { Config } from '../inputs/types.ts';
import {
  type Change,
  type Dropped,
  type Finding,
  isDrift,
  type ReportedFinding,
  type ResourceType,
  type Skipped,
} from '../reconcile/findings.ts';
import type { ApplyHooks, Plan } from '../reconcile/plan.ts';
import { formatChange, formatFinding } from './log-lines.ts';
import { renderSummary } from './summary.ts';
import { Timeline } from './timeline.ts';

const isSameFinding = (one: Finding) => (other: Finding) =>
  one.resource === other.resource && one.name === other.name && one.property === other.property;

/** What a run tells: the log while it goes on, outputs and the job's summary at its end, also when it failed. */
export class Reporter implements ApplyHooks {
  readonly #runtime: ActionsRuntime;
  readonly #config: Config;
  readonly #timeline = new Timeline();
  readonly #changes: Change[] = [];
  readonly #findings: ReportedFinding[] = [];
  readonly #remaining: ReportedFinding[] = [];
  readonly #dryRunDrops: Change[] = [];
  readonly #skipped: Skipped[] = [];
  host: string | undefined;
  serverId: string | undefined;
  temporaryRuleAddress: string | undefined;
  /** Firewall rules that let the whole internet in. */
  readonly internetOpenRules: string[] = [];
  /** Whether the rule for it stays after the job. */
  keepRule = false;

  constructor(runtime: ActionsRuntime, config: Config) {
    this.#runtime = runtime;
    this.#config = config;
  }

  /** A phase of the run: a group in the log, a bar in the summary's timeline. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#timeline.measure(name, () => this.#runtime.group(name, work));
  }

  /** What a pass found: the plan, line by line, and what stays as it is. */
  recordPlan({ plannedChanges, findings, remaining }: Plan<never>): void {
    if (this.#config.mode === 'check') {
      this.#findings.push(...findings);
      for (const finding of findings) this.#runtime.info(formatFinding(finding));
      return;
    }
    // What is unknown here, the route itself waits for or ends with.
    const newFindings = remaining.filter(
      (finding) => isDrift(finding) && !this.#remaining.some(isSameFinding(finding)),
    );
    this.#remaining.push(...newFindings);
    if (plannedChanges.length === 0) this.#runtime.info('Plan: nothing to change.');
    if (this.#isDryRun) for (const { change } of plannedChanges) this.recordDryRunDrop(change);
    else for (const { change } of plannedChanges) this.#runtime.info(`Plan: ${formatChange(change)}`);
    for (const finding of newFindings)
      this.#runtime.warning(`Left as it is: ${formatFinding(finding)}; ${finding.remedy}.`);
  }

  get #isDryRun(): boolean {
    const { mode } = this.#config;
    return (mode === 'drop' || mode === 'sweep') && this.#config.dryRun;
  }

  /** What a dry run would drop. */
  recordDryRunDrop(change: Change): void {
    const { resource, name, details } = change;
    this.#dryRunDrops.push(change);
    this.#runtime.info(`Would be dropped: ${resource} ${name} (${details})`);
  }

  /** Something that a sweep leaves, and why. */
  recordSkipped(skipped: Skipped): void {
    this.#skipped.push(skipped);
    this.#runtime.info(`Kept: ${skipped.resource} ${skipped.name}: ${skipped.reason}`);
  }

  /** What was dropped by a mode that drops; with `dry-run` what would be. */
  get dropped(): readonly Dropped[] {
    if (this.#config.mode !== 'drop' && this.#config.mode !== 'sweep') return [];
    const deleted = this.#changes.filter(({ action }) => action === 'delete');
    return [...deleted, ...this.#dryRunDrops].map(({ resource, name }) => ({ resource, name }));
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Something that could not be looked at: unknown, which is no drift (law 8). */
  recordUnknown(resource: Pick<Finding, 'resource' | 'name'>, reason: string): void {
    const remedy = 'check where the runner can log in already';
    this.#findings.push({ ...resource, property: '', expected: '', actual: reason, kind: 'unknown', remedy });
  }

  /** A difference that is told by other means than a plan. */
  recordFinding(finding: ReportedFinding): void {
    this.#findings.push(finding);
    this.#runtime.info(formatFinding(finding));
  }

  onApplyStart(change: Change): void {
    this.#runtime.info(`Now: ${formatChange(change)}`);
  }

  onApplied(change: Change): void {
    this.#changes.push(change);
  }

  /** Differences that stay: `ensure` leaves what it may not change, `check` leaves all. */
  get remainingFindings(): readonly ReportedFinding[] {
    return this.#config.mode === 'check' ? this.#findings : this.#remaining;
  }

  /** Those that are known ones. */
  get drift(): readonly ReportedFinding[] {
    return this.remainingFindings.filter(isDrift);
  }

  /**
   * Runs the whole route and reports its end: outputs and summary in any case.
   * @throws what the route throws, the unforeseen wrapped as `unexpected`
   */
  async runAndReport(runMode: () => Promise<void>): Promise<void> {
    let error: Error | undefined;
    try {
      await runMode();
    } catch (thrown) {
      error = toActionError(thrown);
    }
    this.#writeOutputs();
    await this.#appendSummary(error).catch((e: unknown) =>
      this.#runtime.debug(`No summary: ${getErrorMessage(e)}`),
    );
    if (error) throw error;
  }

  /** Whether this very run made a thing of this kind; what was adopted does not count. */
  hasCreated(resource: ResourceType): boolean {
    return this.#changes.some((change) => change.resource === resource && change.action === 'create');
  }

  hasChanged(resource: ResourceType): boolean {
    return this.#changes.some((change) => change.resource === resource);
  }

  #writeOutputs(): void {
    const outputs = {
      ...(this.serverId === undefined ? {} : { 'server-id': this.serverId }),
      'server-created': String(this.hasCreated('server')),
      'database-created': String(this.hasCreated('database')),
      changes: JSON.stringify(this.#changes),
      drifted: String(this.drift.length > 0),
      drift: JSON.stringify(this.remainingFindings.map(({ remedy: _, ...finding }): Finding => finding)),
      dropped: JSON.stringify(this.dropped),
    };
    for (const [name, value] of Object.entries(outputs)) this.#runtime.setOutput(name, value);
  }

  async #appendSummary(error: Error | undefined): Promise<void> {
    await this.#runtime.appendSummary(
      renderSummary({
        mode: this.#config.mode,
        server: this.#config.server.name,
        host: this.host,
        database: this.#config.mode === 'sweep' ? undefined : this.#config.database?.name,
        temporaryRuleAddress: this.temporaryRuleAddress,
        keepRule: this.keepRule,
        changes: this.#changes,
        dryRunDrops: this.#dryRunDrops,
        skipped: this.#skipped,
        wideOpenRules: this.internetOpenRules,
        remainingFindings: this.remainingFindings,
        phases: this.#timeline.phases,
        error: error?.message,
      }),
    );
  }
}
