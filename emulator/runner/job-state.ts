import type { JsonObject } from '../json.ts';
import { type Folders, newToken } from './contexts.ts';
import { type Contexts, Expressions, type Status } from './expressions.ts';
import { type IdTokenEndpoint, jobEndpoint } from './id-token.ts';
import type { Log } from './log.ts';
import type { SecretMasker } from './masks.ts';
import { type Permissions, readOnly } from './permissions.ts';
import type { PlannedStep } from './planned-step.ts';
import type { Grace } from './process.ts';
import type { Tidings } from './tidings.ts';
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

/** What all jobs of a run share. */
export interface Run {
  readonly workflow: Workflow;
  readonly folders: Folders;
  readonly log: Log;
  readonly masker: SecretMasker;
  /** The `github` context of every job, but for its token. */
  readonly github: JsonObject;
  readonly runner: Readonly<Record<string, string>>;
  readonly inputs: JsonObject;
  /** Without GITHUB_TOKEN, of which each job has its own. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string>>;
  /** True where a pull request comes from a fork: no secrets, no OIDC token, a token that only reads. */
  readonly withheld: boolean;
  readonly idToken: IdTokenEndpoint | undefined;
  readonly runtimeToken: string;
  readonly cancellation: AbortSignal;
  readonly grace: Grace;
  readonly tidings: Tidings;
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
  /** The job's GITHUB_TOKEN. */
  readonly token = newToken();
  /** What `environment:` names; set when the job starts. */
  environment: string | undefined;
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
    return { ...this.run.github, token: this.token, job: this.job.id, action };
  }

  /** What the job's token may do. */
  get permissions(): Permissions {
    return this.run.withheld ? readOnly(this.job.permissions) : this.job.permissions;
  }

  /** Where the job asks for its OIDC token, undefined where it may not. */
  get idToken(): IdTokenEndpoint | undefined {
    const { idToken, github } = this.run;
    if (idToken === undefined || this.permissions['id-token'] !== 'write') return undefined;
    return jobEndpoint(idToken, github, this.environment);
  }

  /** Evaluates expressions as one of the job's steps sees them. */
  expressions(env: Readonly<Record<string, string>> = this.env, action = ''): Expressions {
    const { run } = this;
    const contexts: Contexts = {
      github: this.github(action),
      env,
      vars: run.vars,
      secrets: { ...run.secrets, GITHUB_TOKEN: this.token },
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
