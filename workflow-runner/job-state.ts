import type { JsonObject } from '../emulator/core/json.ts';
import { generateToken, type RunnerFolders } from './contexts.ts';
import { type Contexts, ExpressionEvaluator, type JobStatus } from './expressions.ts';
import type { RunNotifier } from './github-control.ts';
import { type Permissions, toReadOnly } from './permissions.ts';
import type { RunLog } from './run-log.ts';
import type { CancellationGrace } from './run-process.ts';
import type { SecretMasker } from './secret-masker.ts';
import type { Workflow, WorkflowJob, WorkflowStep } from './workflow.ts';

export type StepOutcome = 'success' | 'failure' | 'cancelled' | 'skipped';

/** A step's entry in the `steps` context. */
export interface StepRecord {
  readonly outputs: Record<string, string>;
  readonly outcome: StepOutcome;
  readonly conclusion: StepOutcome;
}

/** A job's entry in the `needs` context. */
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
  /** The `github` context without what belongs to one job, such as its token. */
  readonly github: JsonObject;
  readonly runner: Readonly<Record<string, string>>;
  readonly inputs: JsonObject;
  /** Without GITHUB_TOKEN: each job has its own. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly machineVariables: Readonly<Record<string, string>>;
  /** True for a pull request from a fork, and for Dependabot: no secrets, no OIDC token, a read-only GITHUB_TOKEN. */
  readonly isUntrusted: boolean;
  readonly idTokenEndpoint: IdTokenEndpoint | undefined;
  readonly runtimeToken: string;
  readonly cancellation: AbortSignal;
  readonly cancellationGrace: CancellationGrace;
  readonly notifier: RunNotifier;
  /** The Markdown of each step that wrote a summary, masked, in order. */
  readonly summaries: string[];
}

/** Where a job with `id-token: write` requests its OIDC token. */
export interface IdTokenEndpoint {
  readonly url: string;
  readonly token: string;
}

// The properties of the `github` context that an OIDC token has as claims (OpenID Connect reference).
const CLAIM_NAMES = [
  'repository',
  'repository_id',
  'ref',
  'sha',
  'head_ref',
  'base_ref',
  'event_name',
  'actor',
  'run_id',
  'run_attempt',
  'workflow',
];

/**
 * Adds a job's claims to the URL of the endpoint, from which the emulated GitHub reads them.
 * @param environment the job's environment; undefined if it has none.
 */
function createJobIdTokenEndpoint(
  { url, token }: IdTokenEndpoint,
  github: JsonObject,
  environment: string | undefined,
): IdTokenEndpoint {
  const jobUrl = new URL(url);
  for (const name of CLAIM_NAMES) jobUrl.searchParams.set(name, String(github[name] ?? ''));
  if (environment !== undefined) jobUrl.searchParams.set('environment', environment);
  return { url: String(jobUrl), token };
}

/** What a step's execution gets. */
export interface StepContext {
  readonly job: JobState;
  readonly evaluator: ExpressionEvaluator;
  /** The `env` context: `env:` of workflow, job and step, and GITHUB_ENV. The step's own `env:` takes precedence. */
  readonly env: Readonly<Record<string, string>>;
  /** The environment of the step's process, without what only JavaScript actions get. */
  readonly variables: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly cancellation: AbortSignal;
}

/** A step that is ready to run: one of the workflow's, or a post step that an action registered. */
export interface PlannedStep {
  readonly step: WorkflowStep;
  readonly stage: 'main' | 'post';
  readonly title: (evaluator: ExpressionEvaluator) => string;
  readonly condition: string;
  /** The action's state: `main` writes it, `post` reads it. */
  readonly state: Map<string, string>;
  /** Resolves to whether the step succeeded. A thrown {@link StepError} fails it with a message. */
  readonly execute: (context: StepContext) => Promise<boolean>;
}

/** A step that cannot be run as written; the message states why and what to do. */
export class StepError extends Error {
  override readonly name = 'StepError';
}

/** One job while it runs: what a step leaves for later steps. */
export class JobState {
  readonly run: WorkflowRunState;
  /** The job as the workflow declares it. */
  readonly definition: WorkflowJob;
  readonly needs: Readonly<Record<string, JobResult>>;
  /** Aborted by the run's cancellation or the job's timeout. */
  readonly cancellation: AbortSignal;
  /** `env:` of workflow and job, then what steps write to GITHUB_ENV. */
  readonly env: Record<string, string> = {};
  /** Folders in front of PATH, the newest first. */
  readonly path: string[] = [];
  readonly steps: Record<string, StepRecord> = {};
  /** Post steps in the order in which they were registered; they run in reverse order. */
  readonly postSteps: PlannedStep[] = [];
  readonly trackingId: string;
  /** The job's GITHUB_TOKEN. */
  readonly githubToken = generateToken();
  /** The name under `environment:`; set when the job starts. */
  environment: string | undefined;
  status: JobStatus = 'success';

  constructor(
    run: WorkflowRunState,
    definition: WorkflowJob,
    needs: Readonly<Record<string, JobResult>>,
    cancellation: AbortSignal,
    trackingId: string,
  ) {
    this.run = run;
    this.definition = definition;
    this.needs = needs;
    this.cancellation = cancellation;
    this.trackingId = trackingId;
  }

  /** The `github` context in one of the job's steps. */
  githubContextFor(action: string): JsonObject {
    return { ...this.run.github, token: this.githubToken, job: this.definition.id, action };
  }

  /** The permissions of the job's token. */
  get permissions(): Permissions {
    return this.run.isUntrusted ? toReadOnly(this.definition.permissions) : this.definition.permissions;
  }

  /** Where the job requests its OIDC token; undefined if its permissions do not allow that. */
  get idTokenEndpoint(): IdTokenEndpoint | undefined {
    const { idTokenEndpoint, github } = this.run;
    if (idTokenEndpoint === undefined || this.permissions['id-token'] !== 'write') return undefined;
    return createJobIdTokenEndpoint(idTokenEndpoint, github, this.environment);
  }

  /** An evaluator with the contexts of one of the job's steps. */
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

  /** Puts a folder in front of PATH. */
  addPath(folder: string): void {
    const index = this.path.indexOf(folder);
    if (index >= 0) this.path.splice(index, 1);
    this.path.unshift(folder);
  }
}
