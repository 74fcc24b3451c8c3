import type { Config } from './config/config.ts';
import { endOf, messageOf } from './errors.ts';
import type { Workflow } from './github/workflow.ts';
import type { Plan, Witness } from './plan/engine.ts';
import { changeLine, findingLine, summaryMarkdown } from './plan/render.ts';
import { Timeline } from './plan/timeline.ts';
import {
  type Change,
  type Dropped,
  type Finding,
  isDrift,
  type Kept,
  type ResourceType,
  type Standing,
} from './plan/types.ts';

const sameAs = (one: Finding) => (other: Finding) =>
  one.resource === other.resource && one.name === other.name && one.property === other.property;

/** What a run tells: the log while it goes on, outputs and the job's summary at its end, also when it failed. */
export class Story implements Witness {
  readonly #workflow: Workflow;
  readonly #config: Config;
  readonly #timeline = new Timeline();
  readonly #changes: Change[] = [];
  readonly #findings: Standing[] = [];
  readonly #left: Standing[] = [];
  readonly #wouldDrop: Change[] = [];
  readonly #kept: Kept[] = [];
  host: string | undefined;
  serverId: string | undefined;
  openedFor: string | undefined;
  /** Firewall rules that let the whole internet in. */
  readonly wideOpen: string[] = [];
  /** Whether the rule for it stays after the job. */
  keepsRule = false;

  constructor(workflow: Workflow, config: Config) {
    this.#workflow = workflow;
    this.#config = config;
  }

  /** A phase of the run: a group in the log, a bar in the summary's timeline. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#timeline.phase(name, () => this.#workflow.group(name, work));
  }

  /** What a pass found: the plan, line by line, and what stays as it is. */
  planned({ steps, findings, left }: Plan<never>): void {
    if (this.#config.mode === 'check') {
      this.#findings.push(...findings);
      for (const finding of findings) this.#workflow.info(findingLine(finding));
      return;
    }
    // What is unknown here, the route itself waits for or ends with.
    const stays = left.filter((finding) => isDrift(finding) && !this.#left.some(sameAs(finding)));
    this.#left.push(...stays);
    if (steps.length === 0) this.#workflow.info('Plan: nothing to change.');
    if (this.#dryRun) for (const { change } of steps) this.wouldDrop(change);
    else for (const { change } of steps) this.#workflow.info(`Plan: ${changeLine(change)}`);
    for (const finding of stays)
      this.#workflow.warning(`Left as it is: ${findingLine(finding)}; ${finding.remedy}.`);
  }

  get #dryRun(): boolean {
    const { mode } = this.#config;
    return (mode === 'drop' || mode === 'sweep') && this.#config.dryRun;
  }

  /** What a dry run would drop. */
  wouldDrop(change: Change): void {
    const { resource, name, details } = change;
    this.#wouldDrop.push(change);
    this.#workflow.info(`Would be dropped: ${resource} ${name} (${details})`);
  }

  /** Something that a sweep leaves, and why. */
  kept(thing: Kept): void {
    this.#kept.push(thing);
    this.#workflow.info(`Kept: ${thing.resource} ${thing.name}: ${thing.reason}`);
  }

  /** What was dropped by a mode that drops; with `dry-run` what would be. */
  get dropped(): readonly Dropped[] {
    if (this.#config.mode !== 'drop' && this.#config.mode !== 'sweep') return [];
    const deleted = this.#changes.filter(({ action }) => action === 'delete');
    return [...deleted, ...this.#wouldDrop].map(({ resource, name }) => ({ resource, name }));
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Something that could not be looked at: unknown, which is no drift (law 8). */
  unseen(thing: Pick<Finding, 'resource' | 'name'>, reason: string): void {
    const remedy = 'check where the runner can log in already';
    this.#findings.push({ ...thing, property: '', expected: '', actual: reason, kind: 'unknown', remedy });
  }

  /** A difference that is told by other means than a plan. */
  differs(finding: Standing): void {
    this.#findings.push(finding);
    this.#workflow.info(findingLine(finding));
  }

  starting(change: Change): void {
    this.#workflow.info(`Now: ${changeLine(change)}`);
  }

  made(change: Change): void {
    this.#changes.push(change);
  }

  /** Differences that stay: `ensure` leaves what it may not change, `check` leaves all. */
  get staying(): readonly Standing[] {
    return this.#config.mode === 'check' ? this.#findings : this.#left;
  }

  /** Those that are known ones. */
  get drift(): readonly Standing[] {
    return this.staying.filter(isDrift);
  }

  /**
   * Runs the whole route and reports its end: outputs and summary in any case.
   * @throws what the route throws, the unforeseen wrapped as `unexpected`
   */
  async tell(route: () => Promise<void>): Promise<void> {
    let error: Error | undefined;
    try {
      await route();
    } catch (thrown) {
      error = endOf(thrown);
    }
    this.#writeOutputs();
    await this.#summarize(error).catch((e: unknown) => this.#workflow.debug(`No summary: ${messageOf(e)}`));
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
      drift: JSON.stringify(this.staying.map(({ remedy: _, ...finding }): Finding => finding)),
      dropped: JSON.stringify(this.dropped),
    };
    for (const [name, value] of Object.entries(outputs)) this.#workflow.setOutput(name, value);
  }

  async #summarize(error: Error | undefined): Promise<void> {
    await this.#workflow.summarize(
      summaryMarkdown({
        mode: this.#config.mode,
        server: this.#config.server.name,
        host: this.host,
        database: this.#config.mode === 'sweep' ? undefined : this.#config.database?.name,
        openedFor: this.openedFor,
        keepsRule: this.keepsRule,
        changes: this.#changes,
        wouldDrop: this.#wouldDrop,
        kept: this.#kept,
        wideOpen: this.wideOpen,
        left: this.staying,
        phases: this.#timeline.phases,
        error: error?.message,
      }),
    );
  }
}
