import { CommandProcessor, type CommandTarget } from './commands.ts';
import { contextVariables } from './contexts.ts';
import { ExpressionFault, type Expressions } from './expressions.ts';
import { type FileCommands, StepFiles } from './files.ts';
import type { JobState, Outcome } from './job-state.ts';
import { duration } from './log.ts';
import { type PlannedStep, StepFault } from './planned-step.ts';
import { entries, number, text } from './tokens.ts';

function processVariables(
  job: JobState,
  env: Readonly<Record<string, string>>,
  files: StepFiles,
  action: string,
): Record<string, string> {
  const { run } = job;
  const mayAsk = job.idToken;
  const path = [...job.path, env['PATH'] ?? run.machine['PATH'] ?? ''].join(':');
  return {
    CI: 'true',
    ...run.machine,
    ...env,
    PATH: path,
    ...contextVariables(job.github(action), run.runner),
    ...files.env,
    GITHUB_ACTIONS: 'true',
    RUNNER_TRACKING_ID: job.trackingId,
    ...(mayAsk && { ACTIONS_ID_TOKEN_REQUEST_URL: mayAsk.url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: mayAsk.token }),
  };
}

function commandTarget(job: JobState, planned: PlannedStep, outputs: Record<string, string>): CommandTarget {
  const { log, masker, machine } = job.run;
  const debugging = (job.env['ACTIONS_STEP_DEBUG'] ?? machine['ACTIONS_STEP_DEBUG']) === 'true';
  return {
    mask: (secret) => masker.add(secret),
    annotate: (kind, message, properties) => log.annotate(kind, message, properties),
    debug: (message) => {
      if (debugging) log.line(`Debug: ${message}`, 'grey');
    },
    group: (title) => log.group(title),
    endGroup: () => log.endGroup(),
    output: (name, value) => {
      outputs[name] = value;
    },
    state: (name, value) => planned.state.set(name, value),
    line: (line) => log.line(line),
  };
}

/** @returns whether everything could be taken. */
function applyFiles(
  job: JobState,
  planned: PlannedStep,
  written: FileCommands,
  outputs: Record<string, string>,
): boolean {
  const { log, masker, summaries } = job.run;
  for (const [name, value] of written.env) job.env[name] = value;
  for (const [name, value] of written.output) outputs[name] = value;
  for (const [name, value] of written.state) planned.state.set(name, value);
  for (const folder of written.path) job.addPath(folder);
  if (written.summary.trim() !== '') {
    summaries.push(
      written.summary
        .split('\n')
        .map((line) => masker.mask(line))
        .join('\n'),
    );
  }
  for (const message of [...written.refusals, ...written.errors]) log.annotate('error', message);
  return written.errors.length === 0;
}

interface Attempt {
  readonly outcome: Outcome;
  readonly outputs: Record<string, string>;
}

function reportFault(job: JobState, error: unknown): false {
  if (!(error instanceof StepFault || error instanceof ExpressionFault)) throw error;
  job.run.log.annotate('error', error.message);
  return false;
}

/** Aborts the step on its timeout, and on the job's cancellation unless its condition still holds then. */
class StepCancellation implements Disposable {
  readonly #controller = new AbortController();
  readonly #job: JobState;
  readonly #onCancel: () => void;
  readonly #timer: NodeJS.Timeout | undefined;
  timedOut = false;

  constructor(job: JobState, condition: () => boolean, timeoutMinutes: number | undefined) {
    this.#job = job;
    this.#onCancel = () => {
      job.status = 'cancelled';
      if (!condition()) this.#controller.abort();
    };
    if (!job.cancellation.aborted) job.cancellation.addEventListener('abort', this.#onCancel, { once: true });
    if (timeoutMinutes !== undefined && timeoutMinutes > 0) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#controller.abort();
      }, timeoutMinutes * 60_000);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#job.cancellation.removeEventListener('abort', this.#onCancel);
  }
}

async function attempt(
  job: JobState,
  planned: PlannedStep,
  env: Readonly<Record<string, string>>,
  expressions: Expressions,
): Promise<Attempt> {
  const { folders, log } = job.run;
  const outputs: Record<string, string> = {};
  const files = await StepFiles.create(folders.temporary);
  const commands = new CommandProcessor(commandTarget(job, planned, outputs));
  const minutes = number(planned.step.timeoutMinutes, expressions);
  const stillWanted = () => expressions.test(planned.condition);
  using cancellation = new StepCancellation(job, stillWanted, minutes);
  let succeeded = await planned
    .execute({
      job,
      expressions,
      env,
      variables: processVariables(job, env, files, planned.step.contextName),
      onLine: (line) => commands.process(line),
      cancellation: cancellation.signal,
    })
    .catch((error: unknown) => reportFault(job, error));
  log.endGroup();
  if (cancellation.timedOut) log.annotate('error', `The step has timed out after ${minutes} minute(s).`);
  else if (cancellation.signal.aborted) log.annotate('error', 'The operation was canceled.');
  succeeded = applyFiles(job, planned, await files.take(), outputs) && succeeded && !commands.failed;
  if (cancellation.signal.aborted)
    return { outcome: cancellation.timedOut ? 'failure' : 'cancelled', outputs };
  return { outcome: succeeded ? 'success' : 'failure', outputs };
}

function record(job: JobState, planned: PlannedStep, { outcome, outputs }: Attempt, forgiven: boolean): void {
  const conclusion = outcome === 'failure' && forgiven ? 'success' : outcome;
  if (planned.stage === 'main') job.steps[planned.step.contextName] = { outputs, outcome, conclusion };
  if (conclusion === 'failure' && job.status === 'success') job.status = 'failure';
  if (conclusion === 'cancelled') job.status = 'cancelled';
}

const marks: Readonly<Record<Outcome, string>> = {
  success: '✓',
  failure: '✗ failed,',
  cancelled: '✗ cancelled,',
  skipped: '–',
};

function titleOf(planned: PlannedStep, expressions: Expressions): string {
  try {
    return planned.title(expressions).split('\n')[0] ?? '';
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    return planned.step.contextName;
  }
}

/** Runs one step of a job, or skips it where its condition says so, and leaves what it did in the job. */
export async function runStep(job: JobState, planned: PlannedStep): Promise<void> {
  const { log } = job.run;
  const { step } = planned;
  if (job.cancellation.aborted) job.status = 'cancelled';
  const started = performance.now();
  const title = titleOf(planned, job.expressions(job.env, step.contextName));
  const finish = (result: Attempt, forgiven: boolean) => {
    record(job, planned, result, forgiven);
    const note = result.outcome === 'failure' && forgiven ? ' (continue-on-error: the job goes on)' : '';
    const colour = result.outcome === 'success' ? 'green' : 'red';
    log.line(`${marks[result.outcome]} ${duration(performance.now() - started)}${note}`, colour);
    log.close();
  };
  try {
    const env = { ...job.env, ...entries(step.env, job.expressions(job.env, step.contextName)) };
    const expressions = job.expressions(env, step.contextName);
    if (!expressions.test(planned.condition)) {
      log.line(`– ${title} (skipped)`, 'grey');
      record(job, planned, { outcome: 'skipped', outputs: {} }, false);
      return;
    }
    log.open(`▶ ${title}`);
    const result = await attempt(job, planned, env, expressions);
    finish(result, text(step.continueOnError, expressions) === 'true');
  } catch (error) {
    log.open(`▶ ${title}`);
    reportFault(job, error);
    finish({ outcome: 'failure', outputs: {} }, false);
  }
}
