import type { JsonObject } from '../emulator/core/json.ts';
import { generateToken, type RunnerFolders } from './contexts.ts';
import { type Contexts, ExpressionEvaluator, type JobStatus } from './expressions.ts';
import { createJobIdTokenEndpoint, type IdTokenEndpoint } from './id-token.ts';
import { type Permissions, toReadOnly } from './permissions.ts';
import type { PlannedStep } from './planned-step.ts';
import type { RunLog } from './run-log.ts';
import type { RunNotifier } from './run-notifier.ts';
import type { CancellationGrace } from './run-process.ts';
import type { SecretMasker } from './secret-masker.ts';
import type { Workflow, WorkflowJob } from './workflow.ts';

export type StepOutcome = 'success' | 'failure' | 'cancelled' | 'skipped';

/** What the `steps` context says of a step. */
export interface StepRecord {
  readonly outputs: Record<string, string>;
  readonly outcome: StepOutcome;
  readonly conclusion: StepOutcome;
}

/** What the `needs` context says of a job. */
export interface JobResult {
  readonly result: StepOutcome;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What all jobs of a run share. */
export interface WorkflowRunState {
  readonly workflow: Workflow;
  readonly folders: RunnerFolders;
  readonly log: RunLog;
  readonly masker: SecretMasker;
  /** The `github` context of every job, but for its token. */
  readonly github: JsonObject;
  readonly runner: Readonly<Record<string, string>>;
  readonly inputs: JsonObject;
  /** Without GITHUB_TOKEN, of which each job has its own. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly machineVariables: Readonly<Record<string, string>>;
  /** True where a pull request comes from a fork: no secrets, no OIDC token, a token that only reads. */
  readonly isUntrusted: boolean;
  readonly idTokenEndpoint: IdTokenEndpoint | undefined;
  readonly runtimeToken: string;
  readonly cancellation: AbortSignal;
  readonly cancellationGrace: CancellationGrace;
  readonly notifier: RunNotifier;
  /** The Markdown of each step that wrote some, masked, in order. */
  readonly summaries: string[];
}

/** One job while it runs: what its steps leave behind for later ones. */
export class JobState {
  readonly run: WorkflowRunState;
  readonly job: WorkflowJob;
  readonly needs: Readonly<Record<string, JobResult>>;
  /** Aborted by the run's cancellation, or the job's own timeout. */
  readonly cancellation: AbortSignal;
  /** `env:` of workflow and job, then what steps write to GITHUB_ENV. */
  readonly env: Record<string, string> = {};
  /** Folders in front of PATH, the last added first. */
  readonly path: string[] = [];
  readonly steps: Record<string, StepRecord> = {};
  /** Post steps, to be run from the last registered to the first. */
  readonly postSteps: PlannedStep[] = [];
  readonly trackingId: string;
  /** The job's GITHUB_TOKEN. */
  readonly githubToken = generateToken();
  /** What `environment:` names; set when the job starts. */
  environment: string | undefined;
  status: JobStatus = 'success';

  constructor(
    run: WorkflowRunState,
    job: WorkflowJob,
    needs: Readonly<Record<string, JobResult>>,
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
  githubContextFor(action: string): JsonObject {
    return { ...this.run.github, token: this.githubToken, job: this.job.id, action };
  }

  /** What the job's token may do. */
  get permissions(): Permissions {
    return this.run.isUntrusted ? toReadOnly(this.job.permissions) : this.job.permissions;
  }

  /** Where the job asks for its OIDC token, undefined where it may not. */
  get idTokenEndpoint(): IdTokenEndpoint | undefined {
    const { idTokenEndpoint, github } = this.run;
    if (idTokenEndpoint === undefined || this.permissions['id-token'] !== 'write') return undefined;
    return createJobIdTokenEndpoint(idTokenEndpoint, github, this.environment);
  }

  /** Evaluates expressions as one of the job's steps sees them. */
  createEvaluator(env: Readonly<Record<string, string>> = this.env, action = ''): ExpressionEvaluator {
    const { run } = this;
    const contexts: Contexts = {
      github: this.githubContextFor(action),
      env,
      vars: run.vars,
      secrets: { ...run.secrets, GITHUB_TOKEN: this.githubToken },
      inputs: run.inputs,
      runner: run.runner,
      needs: this.needs,
      steps: this.steps,
      job: { status: this.status },
    };
    return new ExpressionEvaluator(contexts, () => this.status, run.folders.workspace);
  }

  addPath(folder: string): void {
    const at = this.path.indexOf(folder);
    if (at >= 0) this.path.splice(at, 1);
    this.path.unshift(folder);
  }
}
