import { randomUUID } from 'node:crypto';
import { Expressions, type NeedsStatus, type Status } from './expressions.ts';
import { planJavaScriptAction } from './javascript-action.ts';
import { type JobRecord, JobState, type Outcome, type Run } from './job-state.ts';
import { duration } from './log.ts';
import type { PlannedStep } from './planned-step.ts';
import { kill, startedWith } from './process-table.ts';
import { isLocalAction, standInFor } from './remote-actions.ts';
import { planRunStep } from './run-step.ts';
import { runStep } from './steps.ts';
import { entries, number, text } from './tokens.ts';
import type { Job, Step } from './workflow.ts';
import { isMapping } from './workflow-parser.ts';

function planStandIn(job: JobState, step: Step, uses: string): PlannedStep {
  return {
    step,
    stage: 'main',
    title: (expressions) => text(step.name, expressions) || `Run ${uses}`,
    condition: step.condition,
    state: new Map(),
    execute: async () => {
      const standIn = standInFor(uses, job.run.folders.workspace);
      if (standIn?.path !== undefined) job.addPath(standIn.path);
      job.run.log.line(standIn?.message ?? '');
      return standIn !== undefined;
    },
  };
}

function plan(job: JobState, step: Step): PlannedStep {
  if (step.uses === undefined) return planRunStep(job, step);
  return isLocalAction(step.uses) ? planJavaScriptAction(job, step) : planStandIn(job, step, step.uses);
}

// GitHub drops what contains a masked value without failing anything: secrets do not pass between jobs this way.
function collectOutputs(job: JobState): Record<string, string> {
  const { log, masker } = job.run;
  const outputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(entries(job.job.outputs, job.expressions()))) {
    if (masker.hides(value)) log.annotate('warning', `Skip output '${name}' since it may contain secret.`);
    else if (value !== '') outputs[name] = value;
  }
  return outputs;
}

function endOrphans(job: JobState): void {
  for (const { pid, name } of startedWith(`RUNNER_TRACKING_ID=${job.trackingId}`)) {
    job.run.log.line(`Terminate orphan process: pid (${pid}) (${name})`);
    kill(pid);
  }
}

async function runSteps(job: JobState): Promise<void> {
  for (const step of job.job.steps) await runStep(job, plan(job, step));
  for (let post = job.posts.pop(); post !== undefined; post = job.posts.pop()) await runStep(job, post);
}

// success() and failure() of a job's `if` look at all the jobs that it needs, directly or not.
function statusOfNeeds(run: Run, job: Job, records: Readonly<Record<string, JobRecord>>): NeedsStatus {
  const ancestors = (id: string): string[] => {
    const needs = run.workflow.jobs.find((each) => each.id === id)?.needs ?? [];
    return needs.flatMap((need) => [need, ...ancestors(need)]);
  };
  const results = ancestors(job.id).map((id) => records[id]?.result ?? 'skipped');
  if (run.cancellation.aborted) return 'cancelled';
  if (results.includes('failure')) return 'failure';
  if (results.includes('cancelled')) return 'cancelled';
  return results.includes('skipped') ? 'skipped' : 'success';
}

function directNeeds(job: Job, records: Readonly<Record<string, JobRecord>>): Record<string, JobRecord> {
  return Object.fromEntries(job.needs.map((id) => [id, records[id] ?? { result: 'skipped', outputs: {} }]));
}

function isWanted(run: Run, job: Job, records: Readonly<Record<string, JobRecord>>): boolean {
  const { github, inputs, vars, folders } = run;
  const status = statusOfNeeds(run, job, records);
  const contexts = { github, inputs, vars, needs: directNeeds(job, records) };
  return new Expressions(contexts, () => status, folders.workspace).test(job.condition);
}

const conclusions: Readonly<Record<Status, Outcome>> = {
  success: 'success',
  failure: 'failure',
  cancelled: 'cancelled',
};

function environmentOf(job: JobState): string | undefined {
  const { environment } = job.job;
  const named = environment !== undefined && isMapping(environment) ? environment.find('name') : environment;
  return text(named, job.expressions()) || undefined;
}

async function execute(job: JobState): Promise<JobRecord> {
  const { log, workflow } = job.run;
  const label = text(job.job.runsOn, job.expressions()) || 'the labels of runs-on';
  log.line(`This machine stands in for ${label}.`, 'grey');
  job.environment = environmentOf(job);
  if (job.environment !== undefined) log.line(`Environment: ${job.environment}`, 'grey');
  Object.assign(job.env, entries(workflow.env, job.expressions({})));
  Object.assign(job.env, entries(job.job.env, job.expressions()));
  await runSteps(job);
  endOrphans(job);
  return { result: conclusions[job.status], outputs: collectOutputs(job) };
}

/** The job's token works while the job does, and not a moment longer. */
async function executeWithToken(job: JobState): Promise<JobRecord> {
  const { tidings } = job.run;
  await tidings.jobStarts(job.token, job.permissions);
  try {
    return await execute(job);
  } finally {
    await tidings.jobEnds(job.token);
  }
}

/**
 * Runs a job, its post steps included, or skips it where its `if` or its needs say so.
 * @param records what became of the jobs before it.
 * @throws {ExpressionFault} where an expression outside its steps fails.
 */
export async function runJob(
  run: Run,
  job: Job,
  records: Readonly<Record<string, JobRecord>>,
): Promise<JobRecord> {
  const { log } = run;
  if (!isWanted(run, job, records)) {
    log.line(`Job ${job.id} (skipped)`, 'grey');
    return { result: 'skipped', outputs: {} };
  }
  const started = performance.now();
  const needs = directNeeds(job, records);
  const minutes = number(
    job.timeoutMinutes,
    new Expressions({ needs }, () => 'success', run.folders.workspace),
  );
  const timeout = minutes === undefined ? [] : [AbortSignal.timeout(minutes * 60_000)];
  const cancellation = AbortSignal.any([run.cancellation, ...timeout]);
  const state = new JobState(run, job, needs, cancellation, `github_${randomUUID()}`);
  run.masker.add(state.token);
  log.open(`Job ${text(job.name, state.expressions()) || job.id}`);
  const record = await executeWithToken(state);
  const forgiven = record.result === 'failure' && text(job.continueOnError, state.expressions()) === 'true';
  log.line(`Job ${job.id}: ${record.result}, ${duration(performance.now() - started)}`);
  log.close();
  return forgiven ? { ...record, result: 'success' } : record;
}
