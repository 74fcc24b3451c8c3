import type { FoundServer } from '../azure/reader.ts';
import { ActionError } from '../common/errors.ts';
import { formatDuration } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { Config } from '../inputs/types.ts';
import { setRunOutputs } from '../publish/outputs.ts';
import { type Change, type ReportedFinding, type Skipped, uniqueDrift } from '../reconcile/findings.ts';
import type { Plan, ReconcileListener } from '../reconcile/reconcile.ts';
import { formatFinding } from './finding-texts.ts';
import { lastLineOf } from './headline.ts';
import { formatApplied } from './log-lines.ts';
import {
  changeLine,
  differenceLines,
  formatPlanLines,
  type PlanLine,
  resourceKey,
  unchangedLines,
} from './plan-lines.ts';
import { dropsOf, type PublishedLogin, type RunSummary } from './run-summary.ts';
import { writeSummary } from './short-summary.ts';
import { renderSummary } from './summary.ts';
import { Timeline } from './timeline.ts';

/**
 * Logs a run while it runs; at its end writes the outputs, the job's summary and the last line of the log, even if the run
 * has failed. It only receives: the modes pass their results to each other as values.
 */
export class Reporter implements ReconcileListener {
  readonly #runtime: ActionsRuntime;
  readonly #config: Config;
  readonly #timeline = new Timeline();
  readonly #start = performance.now();
  readonly #changes: Change[] = [];
  readonly #dryRunDrops: Change[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #internetOpenRules: string[] = [];
  /** Start times of the changes that are being applied. */
  readonly #applyStarts = new WeakMap<Change, number>();
  /** Resources that the log has named already, so that a later plan does not repeat them. */
  readonly #loggedResources = new Set<string>();
  #remaining: readonly ReportedFinding[] = [];
  #server: FoundServer['server'] | undefined;
  #login: PublishedLogin | undefined;
  #runnerRuleAddress: string | undefined;

  constructor(runtime: ActionsRuntime, config: Config) {
    this.#runtime = runtime;
    this.#config = config;
  }

  /** Runs a phase: a group in the log, and a line in the summary's table of times. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#timeline.measure(name, () => this.#runtime.group(name, work));
  }

  recordServer(server: FoundServer['server']): void {
    this.#server = server;
  }

  recordLogin(login: PublishedLogin): void {
    this.#login = login;
  }

  /** @param address public IPv4 address of this runner, for which a firewall rule is created */
  recordRunnerRule(address: string): void {
    this.#runnerRuleAddress = address;
  }

  /** A firewall rule that admits the whole internet. */
  recordInternetOpenRule(name: string): void {
    this.#internetOpenRules.push(name);
  }

  recordPlan(plan: Plan<never>): void {
    const { plannedChanges, findings, remaining } = plan;
    const { mode } = this.#config;
    const desired = mode === 'drop' || mode === 'sweep' ? 'absent' : 'declared';
    const unchanged = unchangedLines(plan, desired, (key) => this.#loggedResources.has(key));
    for (const resource of plan.resources) this.#loggedResources.add(resourceKey(resource));
    if (mode === 'check') {
      this.#log([...unchanged, ...differenceLines(findings)]);
      this.#remaining = [...this.#remaining, ...findings];
      return;
    }
    this.#log([...unchanged, ...plannedChanges.map(({ change }) => this.#plan(change))]);
    // An unknown resource makes these modes wait or fail, so it is not reported as left unchanged.
    const all = uniqueDrift([...this.#remaining, ...remaining]);
    for (const finding of all.slice(this.#remaining.length))
      this.#runtime.warning(`${formatFinding(finding)}. Not changed: ${finding.remedy}.`);
    this.#remaining = all;
  }

  /** A planned change outside of {@link recordPlan}. */
  recordPlannedChange(change: Change): void {
    this.#log([this.#plan(change)]);
  }

  /** The line of a planned change, which a dry run only records. */
  #plan(change: Change): PlanLine {
    if (!this.#isDryRun) return changeLine(change);
    this.#dryRunDrops.push(change);
    return { ...changeLine(change), verb: 'would drop' };
  }

  get #isDryRun(): boolean {
    const { mode } = this.#config;
    return (mode === 'drop' || mode === 'sweep') && this.#config.dryRun;
  }

  /** What `check` finds outside of a plan. Not logged here: a difference has its annotation, and unknown ones share a notice. */
  recordFinding(finding: ReportedFinding): void {
    this.#remaining = [...this.#remaining, finding];
  }

  recordSkipped(skipped: Skipped): void {
    const { resource, name, reason } = skipped;
    this.#skipped.push(skipped);
    this.#log([{ sign: '=', verb: 'kept', subject: `${resource} ${name}`, details: reason }]);
  }

  #log(lines: readonly PlanLine[]): void {
    for (const line of formatPlanLines(lines)) this.#runtime.info(line);
  }

  onApplyStart(change: Change): void {
    this.#applyStarts.set(change, performance.now());
  }

  onApplied(change: Change): void {
    this.#changes.push(change);
    const start = this.#applyStarts.get(change);
    const time = start === undefined ? '' : ` (${formatDuration(performance.now() - start)})`;
    this.#runtime.info(`${formatApplied(change)}${time}`);
  }

  onAdopted(change: Change): void {
    this.#runtime.info(`${formatApplied(change)}: another run has done it in the meantime`);
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

  /** Writes the outputs and the summary of the whole run, and sets the last line of the log. */
  finish(error: Error | undefined): void {
    const summary = this.#summarize(error);
    setRunOutputs(this.#runtime, {
      server: this.#server,
      changes: this.#changes,
      remaining: this.#remaining,
      dropped: dropsOf(summary).map(({ resource, name }) => ({ resource, name })),
    });
    this.#runtime.setLastLine(lastLineOf(summary));
    writeSummary(this.#runtime, renderSummary(summary));
  }

  #summarize(error: Error | undefined): RunSummary {
    const { mode } = this.#config;
    const errorCode = error instanceof ActionError ? error.code : undefined;
    return {
      mode,
      server: this.#config.server.name,
      serverProperties: this.#server && describeServer(this.#server),
      database: mode === 'sweep' ? undefined : this.#config.database?.name,
      configFile: mode === 'check' ? this.#config.configSource?.path : undefined,
      isDryRun: this.#isDryRun,
      login: this.#login,
      hasMigrationCommand: mode === 'ensure' && this.#config.migration !== undefined,
      temporaryRuleAddress: this.#runnerRuleAddress,
      keepRule: this.#runnerRuleAddress !== undefined && this.#config.firewall.keepRule,
      changes: this.#changes,
      dryRunDrops: this.#dryRunDrops,
      skipped: this.#skipped,
      wideOpenRules: this.#internetOpenRules,
      remainingFindings: this.#remaining,
      phases: this.#timeline.phases,
      durationMs: performance.now() - this.#start,
      error: error?.message,
      errorCode,
      errorUrl: this.#runtime.errorUrl(error),
    };
  }
}

/** What a person wants to know about a server: version, size and region. */
function describeServer({ version, sku, storage, location }: FoundServer['server']): readonly string[] {
  const storageSize = storage?.storageSizeGB === undefined ? '' : `${storage.storageSizeGB} GiB`;
  return [
    version ? `PostgreSQL ${version}` : '',
    [sku?.name, storageSize].filter(Boolean).join(', '),
    location ?? '',
  ].filter((text) => text !== '');
}
