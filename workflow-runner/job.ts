import { randomUUID } from 'node:crypto';
import { findActionFolder, findActionStub } from './action-stubs.ts';
import {
  ExpressionEvaluator,
  evaluateMapping,
  evaluateNumber,
  evaluateString,
  type JobStatus,
  type NeedsStatus,
} from './expressions.ts';
import { planJavaScriptAction } from './javascript-action.ts';
import {
  type JobResult,
  JobState,
  type PlannedStep,
  type StepOutcome,
  type WorkflowRunState,
} from './job-state.ts';
import { formatDuration } from './run-log.ts';
import { findByEnvironment, killProcess } from './run-process.ts';
import { planShellStep } from './shell-step.ts';
import { runStep } from './step-runner.ts';
import type { WorkflowJob, WorkflowStep } from './workflow.ts';
import { isMapping } from './workflow-parser.ts';

function planActionStub(job: JobState, step: WorkflowStep, uses: string): PlannedStep {
  return {
    step,
    stage: 'main',
    title: (evaluator) => evaluateString(step.name, evaluator) || `Run ${uses}`,
    condition: step.condition,
    state: new Map(),
    execute: async () => {
      const { folders, log, machineVariables: variables } = job.run;
      const result = await findActionStub(uses)?.({ folders, variables });
      if (result?.path !== undefined) job.addPath(result.path);
      log.print(result?.message ?? '');
      return result !== undefined;
    },
  };
}

function planStep(job: JobState, step: WorkflowStep): PlannedStep {
  if (step.uses === undefined) return planShellStep(step);
  const folder = findActionFolder(step.uses, job.run.folders);
  return folder === undefined
    ? planActionStub(job, step, step.uses)
    : planJavaScriptAction(job, step, folder);
}

// GitHub drops an output that contains a masked value, with a warning: secrets do not pass between jobs this way.
function collectOutputs(job: JobState): Record<string, string> {
  const { log, masker } = job.run;
  const outputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(
    evaluateMapping(job.definition.outputs, job.createEvaluator()),
  )) {
    if (masker.containsSecret(value))
      log.annotate('warning', `Skip output '${name}' since it may contain secret.`);
    else if (value !== '') outputs[name] = value;
  }
  return outputs;
}

function killOrphans(job: JobState): void {
  for (const { pid, name } of findByEnvironment(`RUNNER_TRACKING_ID=${job.trackingId}`)) {
    job.run.log.print(`Terminate orphan process: pid (${pid}) (${name})`);
    killProcess(pid);
  }
}

async function runSteps(job: JobState): Promise<void> {
  for (const step of job.definition.steps) await runStep(job, planStep(job, step));
  for (let post = job.postSteps.pop(); post !== undefined; post = job.postSteps.pop())
    await runStep(job, post);
}

// In a job's `if`, success() and failure() depend on all jobs that it needs, directly or indirectly.
function getNeedsStatus(
  run: WorkflowRunState,
  job: WorkflowJob,
  results: Readonly<Record<string, JobResult>>,
): NeedsStatus {
  const ancestors = (id: string): string[] => {
    const needs = run.workflow.jobs.find((each) => each.id === id)?.needs ?? [];
    return needs.flatMap((need) => [need, ...ancestors(need)]);
  };
  const outcomes = ancestors(job.id).map((id) => results[id]?.result ?? 'skipped');
  if (run.cancellation.aborted) return 'cancelled';
  if (outcomes.includes('failure')) return 'failure';
  if (outcomes.includes('cancelled')) return 'cancelled';
  return outcomes.includes('skipped') ? 'skipped' : 'success';
}

function directNeeds(
  job: WorkflowJob,
  results: Readonly<Record<string, JobResult>>,
): Record<string, JobResult> {
  return Object.fromEntries(job.needs.map((id) => [id, results[id] ?? { result: 'skipped', outputs: {} }]));
}

function shouldRun(
  run: WorkflowRunState,
  job: WorkflowJob,
  results: Readonly<Record<string, JobResult>>,
): boolean {
  const { github, inputs, vars, folders } = run;
  const status = getNeedsStatus(run, job, results);
  const contexts = { github, inputs, vars, needs: directNeeds(job, results) };
  return new ExpressionEvaluator(contexts, () => status, folders.workspace).evaluateCondition(job.condition);
}

const JOB_RESULTS: Readonly<Record<JobStatus, StepOutcome>> = {
  success: 'success',
  failure: 'failure',
  cancelled: 'cancelled',
};

function getEnvironment(job: JobState): string | undefined {
  const { environment } = job.definition;
  const nameToken =
    environment !== undefined && isMapping(environment) ? environment.find('name') : environment;
  return evaluateString(nameToken, job.createEvaluator()) || undefined;
}

async function executeJob(job: JobState): Promise<JobResult> {
  const { log, workflow } = job.run;
  const label = evaluateString(job.definition.runsOn, job.createEvaluator()) || 'a runner of GitHub';
  log.print(`Runs on this machine instead of ${label}.`, 'grey');
  job.environment = getEnvironment(job);
  if (job.environment !== undefined) log.print(`Environment: ${job.environment}`, 'grey');
  Object.assign(job.env, evaluateMapping(workflow.env, job.createEvaluator({})));
  Object.assign(job.env, evaluateMapping(job.definition.env, job.createEvaluator()));
  await runSteps(job);
  killOrphans(job);
  return { result: JOB_RESULTS[job.status], outputs: collectOutputs(job) };
}

/** Runs the job; its token is valid only until the job ends. */
async function executeWithToken(job: JobState): Promise<JobResult> {
  const { notifier } = job.run;
  await notifier.onJobStart(job.githubToken, job.permissions);
  try {
    return await executeJob(job);
  } finally {
    await notifier.onJobEnd(job.githubToken);
  }
}

/**
 * Runs a job with its post steps, or skips it if its `if` or the jobs that it needs require that.
 * @param results the results of the jobs that have finished, by id.
 * @throws {ExpressionError} if an expression outside the steps fails.
 */
export async function runJob(
  run: WorkflowRunState,
  job: WorkflowJob,
  results: Readonly<Record<string, JobResult>>,
): Promise<JobResult> {
  const { log } = run;
  if (!shouldRun(run, job, results)) {
    log.print(`Job ${job.id} (skipped)`, 'grey');
    return { result: 'skipped', outputs: {} };
  }
  const started = performance.now();
  const needs = directNeeds(job, results);
  const minutes = evaluateNumber(
    job.timeoutMinutes,
    new ExpressionEvaluator({ needs }, () => 'success', run.folders.workspace),
  );
  const timeout = minutes === undefined ? [] : [AbortSignal.timeout(minutes * 60_000)];
  const cancellation = AbortSignal.any([run.cancellation, ...timeout]);
  const state = new JobState(run, job, needs, cancellation, `github_${randomUUID()}`);
  run.masker.add(state.githubToken);
  log.openSection(`Job ${evaluateString(job.name, state.createEvaluator()) || job.id}`);
  const jobResult = await executeWithToken(state);
  const continueOnError =
    jobResult.result === 'failure' && evaluateString(job.continueOnError, state.createEvaluator()) === 'true';
  log.print(`Job ${job.id}: ${jobResult.result}, ${formatDuration(performance.now() - started)}`);
  log.closeSection();
  return continueOnError ? { ...jobResult, result: 'success' } : jobResult;
}
