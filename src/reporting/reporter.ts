import type { FoundServer } from '../azure/reader.ts';
import { ActionError, getErrorMessage } from '../common/errors.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { Config } from '../inputs/types.ts';
import { setRunOutputs } from '../publish/outputs.ts';
import {
  type Change,
  type Dropped,
  type ReportedFinding,
  type Skipped,
  uniqueDrift,
} from '../reconcile/findings.ts';
import type { Plan, ReconcileListener } from '../reconcile/reconcile.ts';
import { formatChange, formatFinding } from './log-lines.ts';
import { renderSummary } from './summary.ts';
import { Timeline } from './timeline.ts';

/**
 * Logs a run while it runs; at its end writes the outputs and the job's summary, even if the run has failed. It only
 * receives: the modes pass their results to each other as values.
 */
export class Reporter implements ReconcileListener {
  readonly #runtime: ActionsRuntime;
  readonly #config: Config;
  readonly #timeline = new Timeline();
  readonly #changes: Change[] = [];
  readonly #dryRunDrops: Change[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #internetOpenRules: string[] = [];
  #remaining: readonly ReportedFinding[] = [];
  #server: FoundServer['server'] | undefined;
  #runnerRuleAddress: string | undefined;

  constructor(runtime: ActionsRuntime, config: Config) {
    this.#runtime = runtime;
    this.#config = config;
  }

  /** Runs a phase: a group in the log, and a bar in the summary's timeline. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#timeline.measure(name, () => this.#runtime.group(name, work));
  }

  recordServer(server: FoundServer['server']): void {
    this.#server = server;
  }

  /** @param address public IPv4 address of this runner, for which a firewall rule is created */
  recordRunnerRule(address: string): void {
    this.#runnerRuleAddress = address;
  }

  /** A firewall rule that admits the whole internet. */
  recordInternetOpenRule(name: string): void {
    this.#internetOpenRules.push(name);
  }

  recordPlan({ plannedChanges, findings, remaining }: Plan<never>): void {
    if (this.#config.mode === 'check') {
      for (const finding of findings) this.recordFinding(finding);
      return;
    }
    if (plannedChanges.length === 0) this.#runtime.info('Plan: nothing to change.');
    for (const { change } of plannedChanges) {
      if (this.#isDryRun) this.recordDryRunDrop(change);
      else this.#runtime.info(`Plan: ${formatChange(change)}`);
    }
    // An unknown resource makes these modes wait or fail, so it is not reported as left unchanged.
    const all = uniqueDrift([...this.#remaining, ...remaining]);
    for (const finding of all.slice(this.#remaining.length))
      this.#runtime.warning(`Unchanged: ${formatFinding(finding)}; ${finding.remedy}.`);
    this.#remaining = all;
  }

  get #isDryRun(): boolean {
    const { mode } = this.#config;
    return (mode === 'drop' || mode === 'sweep') && this.#config.dryRun;
  }

  /** A difference that `check` finds. */
  recordFinding(finding: ReportedFinding): void {
    this.#remaining = [...this.#remaining, finding];
    this.#runtime.info(formatFinding(finding));
  }

  /** A resource that `check` cannot read; an unknown state is not drift. Not logged: several share one notice. */
  recordUnknown(finding: ReportedFinding): void {
    this.#remaining = [...this.#remaining, finding];
  }

  /** What a dry run would drop. */
  recordDryRunDrop(change: Change): void {
    const { resource, name, details } = change;
    this.#dryRunDrops.push(change);
    this.#runtime.info(`Would drop: ${resource} ${name} (${details})`);
  }

  recordSkipped(skipped: Skipped): void {
    this.#skipped.push(skipped);
    this.#runtime.info(`Skipped: ${skipped.resource} ${skipped.name}: ${skipped.reason}`);
  }

  onApplyStart(change: Change): void {
    this.#runtime.info(`Applying: ${formatChange(change)}`);
  }

  onApplied(change: Change): void {
    this.#changes.push(change);
  }

  /**
   * Adds the creation of the database to the changes, or removes it, if several runs have worked on it and only one
   * reports it.
   * @returns whether the changes already agree
   */
  reportDatabaseCreation(name: string, isReported: boolean): boolean {
    const index = this.#changes.findIndex(
      (change) => change.resource === 'database' && change.name === name && change.action === 'create',
    );
    if (isReported === index >= 0) return true;
    if (isReported)
      this.#changes.push({
        resource: 'database',
        name,
        action: 'create',
        details: 'created by a run that failed or was killed',
      });
    else this.#changes.splice(index, 1);
    return false;
  }

  /** Writes the outputs and the summary of the whole run. */
  async finish(error: Error | undefined): Promise<void> {
    setRunOutputs(this.#runtime, {
      server: this.#server,
      changes: this.#changes,
      remaining: this.#remaining,
      dropped: this.#dropped,
    });
    await writeSummary(this.#runtime, this.#renderSummary(error));
  }

  /** Deleted by a mode that drops; with `dry-run` what would be. A database that `reset` deletes is only a change. */
  get #dropped(): readonly Dropped[] {
    if (this.#config.mode !== 'drop' && this.#config.mode !== 'sweep') return [];
    const deleted = this.#changes.filter(({ action }) => action === 'delete');
    return [...deleted, ...this.#dryRunDrops].map(({ resource, name }) => ({ resource, name }));
  }

  #renderSummary(error: Error | undefined): string {
    return renderSummary({
      mode: this.#config.mode,
      server: this.#config.server.name,
      host: this.#server?.fullyQualifiedDomainName,
      database: this.#config.mode === 'sweep' ? undefined : this.#config.database?.name,
      temporaryRuleAddress: this.#runnerRuleAddress,
      keepRule: this.#runnerRuleAddress !== undefined && this.#config.firewall.keepRule,
      changes: this.#changes,
      dryRunDrops: this.#dryRunDrops,
      skipped: this.#skipped,
      wideOpenRules: this.#internetOpenRules,
      remainingFindings: this.#remaining,
      phases: this.#timeline.phases,
      error: error?.message,
      errorCode: error instanceof ActionError ? error.code : undefined,
    });
  }
}

/** Adds to the job's summary. A failure is only a line of the debug log, because it must not hide the run's result. */
export const writeSummary = (runtime: ActionsRuntime, markdown: string): Promise<void> =>
  runtime
    .appendSummary(markdown)
    .catch((error: unknown) => runtime.debug(`The summary could not be written: ${getErrorMessage(error)}`));
