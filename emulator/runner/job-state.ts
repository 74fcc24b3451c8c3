import type { JsonObject } from '../json.ts';
import type { Folders } from './contexts.ts';
import { type Contexts, Expressions, type Status } from './expressions.ts';
import type { Log } from './log.ts';
import type { SecretMasker } from './masks.ts';
import type { PlannedStep } from './planned-step.ts';
import type { Grace } from './process.ts';
import type { Job, Workflow } from './workflow.ts';

export type Outcome = 'success' | 'failure' | 'cancelled' | 'skipped';

/** What the `steps` context says of a step. */
export interface StepRecord {
  readonly outputs: Record<string, string>;
  readonly outcome: Outcome;
  readonly conclusion: Outcome;
}

/** What the `needs` context says of a job. */
export interface JobRecord {
  readonly result: Outcome;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Where a job with `id-token: write` asks for its OIDC token. */
export interface IdTokenEndpoint {
  readonly url: string;
  readonly token: string;
}

/** What all jobs of a run share. */
export interface Run {
  readonly workflow: Workflow;
  readonly folders: Folders;
  readonly log: Log;
  readonly masker: SecretMasker;
  /** The `github` context of every job. */
  readonly github: JsonObject;
  readonly runner: Readonly<Record<string, string>>;
  readonly inputs: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string>>;
  readonly idToken: IdTokenEndpoint | undefined;
  readonly runtimeToken: string;
  readonly cancellation: AbortSignal;
  readonly grace: Grace;
  /** The Markdown of each step that wrote some, masked, in order. */
  readonly summaries: string[];
}

/** One job while it runs: what its steps leave behind for later ones. */
export class JobState {
  readonly run: Run;
  readonly job: Job;
  readonly needs: Readonly<Record<string, JobRecord>>;
  /** Aborted by the run's cancellation, or the job's own timeout. */
  readonly cancellation: AbortSignal;
  /** `env:` of workflow and job, then what steps write to GITHUB_ENV. */
  readonly env: Record<string, string> = {};
  /** Folders in front of PATH, the last added first. */
  readonly path: string[] = [];
  readonly steps: Record<string, StepRecord> = {};
  /** Post steps, to be run from the last registered to the first. */
  readonly posts: PlannedStep[] = [];
  readonly trackingId: string;
  status: Status = 'success';

  constructor(
    run: Run,
    job: Job,
    needs: Readonly<Record<string, JobRecord>>,
    cancellation: AbortSignal,
    trackingId: string,
  ) {
    this.run = run;
    this.job = job;
    this.needs = needs;
    this.cancellation = cancellation;
    this.trackingId = trackingId;
  }

  /** The `github` context in one of the job's steps. */
  github(action: string): JsonObject {
    return { ...this.run.github, job: this.job.id, action };
  }

  /** Evaluates expressions as one of the job's steps sees them. */
  expressions(env: Readonly<Record<string, string>> = this.env, action = ''): Expressions {
    const { run } = this;
    const contexts: Contexts = {
      github: this.github(action),
      env,
      vars: run.vars,
      secrets: run.secrets,
      inputs: run.inputs,
      runner: run.runner,
      needs: this.needs,
      steps: this.steps,
      job: { status: this.status },
    };
    return new Expressions(contexts, () => this.status, run.folders.workspace);
  }

  addPath(folder: string): void {
    const at = this.path.indexOf(folder);
    if (at >= 0) this.path.splice(at, 1);
    this.path.unshift(folder);
  }
}
