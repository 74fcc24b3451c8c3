import { contextVariables } from './contexts.ts';
import {
  ExpressionError,
  type ExpressionEvaluator,
  evaluateMapping,
  evaluateNumber,
  evaluateString,
} from './expressions.ts';
import { type JobState, type PlannedStep, StepError, type StepOutcome } from './job-state.ts';
import { formatDuration } from './run-log.ts';
import { type FileCommands, StepFiles } from './step-files.ts';
import { type CommandHandlers, CommandProcessor } from './workflow-commands.ts';

function processVariables(
  job: JobState,
  env: Readonly<Record<string, string>>,
  files: StepFiles,
  action: string,
): Record<string, string> {
  const { run } = job;
  const idTokenEndpoint = job.idTokenEndpoint;
  const path = [...job.path, env['PATH'] ?? run.machineVariables['PATH'] ?? ''].join(':');
  return {
    CI: 'true',
    ...run.machineVariables,
    ...env,
    PATH: path,
    ...contextVariables(job.githubContextFor(action), run.runner),
    ...files.env,
    GITHUB_ACTIONS: 'true',
    RUNNER_TRACKING_ID: job.trackingId,
    ...(idTokenEndpoint && {
      ACTIONS_ID_TOKEN_REQUEST_URL: idTokenEndpoint.url,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: idTokenEndpoint.token,
    }),
  };
}

function createCommandHandlers(
  job: JobState,
  planned: PlannedStep,
  outputs: Record<string, string>,
): CommandHandlers {
  const { log, masker, machineVariables } = job.run;
  const isDebug = (job.env['ACTIONS_STEP_DEBUG'] ?? machineVariables['ACTIONS_STEP_DEBUG']) === 'true';
  return {
    addMask: (secret) => masker.add(secret),
    annotate: (level, message, properties) => log.annotate(level, message, properties),
    debug: (message) => {
      if (isDebug) log.print(`Debug: ${message}`, 'grey');
    },
    group: (title) => log.group(title),
    endGroup: () => log.endGroup(),
    setOutput: (name, value) => {
      outputs[name] = value;
    },
    saveState: (name, value) => planned.state.set(name, value),
    print: (line) => log.print(line),
  };
}

/** @returns false if one of the files had a format error. */
function applyFileCommands(
  job: JobState,
  planned: PlannedStep,
  commands: FileCommands,
  outputs: Record<string, string>,
): boolean {
  const { log, masker, summaries } = job.run;
  for (const [name, value] of commands.env) job.env[name] = value;
  for (const [name, value] of commands.output) outputs[name] = value;
  for (const [name, value] of commands.state) planned.state.set(name, value);
  for (const folder of commands.path) job.addPath(folder);
  if (commands.summary.trim() !== '') {
    summaries.push(
      commands.summary
        .split('\n')
        .map((line) => masker.mask(line))
        .join('\n'),
    );
  }
  for (const message of [...commands.rejected, ...commands.errors]) log.annotate('error', message);
  return commands.errors.length === 0;
}

interface StepResult {
  readonly outcome: StepOutcome;
  readonly outputs: Record<string, string>;
}

function reportStepError(job: JobState, error: unknown): false {
  if (!(error instanceof StepError || error instanceof ExpressionError)) throw error;
  job.run.log.annotate('error', error.message);
  return false;
}

/** Aborts the step on its timeout, and on the job's cancellation unless its condition is then still true. */
class StepCancellation implements Disposable {
  readonly #controller = new AbortController();
  readonly #job: JobState;
  readonly #onCancel: () => void;
  readonly #timer: NodeJS.Timeout | undefined;
  hasTimedOut = false;

  constructor(job: JobState, condition: () => boolean, timeoutMinutes: number | undefined) {
    this.#job = job;
    this.#onCancel = () => {
      job.status = 'cancelled';
      if (!condition()) this.#controller.abort();
    };
    if (!job.cancellation.aborted) job.cancellation.addEventListener('abort', this.#onCancel, { once: true });
    if (timeoutMinutes !== undefined && timeoutMinutes > 0) {
      this.#timer = setTimeout(() => {
        this.hasTimedOut = true;
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

async function executeStep(
  job: JobState,
  planned: PlannedStep,
  env: Readonly<Record<string, string>>,
  evaluator: ExpressionEvaluator,
): Promise<StepResult> {
  const { folders, log } = job.run;
  const outputs: Record<string, string> = {};
  const files = await StepFiles.create(folders.temporary);
  const commands = new CommandProcessor(createCommandHandlers(job, planned, outputs));
  const minutes = evaluateNumber(planned.step.timeoutMinutes, evaluator);
  const shouldContinue = () => evaluator.evaluateCondition(planned.condition);
  using cancellation = new StepCancellation(job, shouldContinue, minutes);
  let succeeded = await planned
    .execute({
      job,
      evaluator,
      env,
      variables: processVariables(job, env, files, planned.step.contextName),
      onLine: (line) => commands.process(line),
      cancellation: cancellation.signal,
    })
    .catch((error: unknown) => reportStepError(job, error));
  log.endGroup();
  if (cancellation.hasTimedOut) log.annotate('error', `The step has timed out after ${minutes} minute(s).`);
  else if (cancellation.signal.aborted) log.annotate('error', 'The operation was canceled.');
  succeeded =
    applyFileCommands(job, planned, await files.readAndRemove(), outputs) && succeeded && !commands.failed;
  if (cancellation.signal.aborted)
    return { outcome: cancellation.hasTimedOut ? 'failure' : 'cancelled', outputs };
  return { outcome: succeeded ? 'success' : 'failure', outputs };
}

function recordResult(
  job: JobState,
  planned: PlannedStep,
  { outcome, outputs }: StepResult,
  continueOnError: boolean,
): void {
  const conclusion = outcome === 'failure' && continueOnError ? 'success' : outcome;
  if (planned.stage === 'main') job.steps[planned.step.contextName] = { outputs, outcome, conclusion };
  if (conclusion === 'failure' && job.status === 'success') job.status = 'failure';
  if (conclusion === 'cancelled') job.status = 'cancelled';
}

const OUTCOME_SYMBOLS: Readonly<Record<StepOutcome, string>> = {
  success: '✓',
  failure: '✗ failed,',
  cancelled: '✗ cancelled,',
  skipped: '–',
};

function getTitle(planned: PlannedStep, evaluator: ExpressionEvaluator): string {
  try {
    return planned.title(evaluator).split('\n')[0] ?? '';
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return planned.step.contextName;
  }
}

/** Runs one step of a job, or skips it if its condition is false, and records its result in the job. */
export async function runStep(job: JobState, planned: PlannedStep): Promise<void> {
  const { log } = job.run;
  const { step } = planned;
  if (job.cancellation.aborted) job.status = 'cancelled';
  const started = performance.now();
  const title = getTitle(planned, job.createEvaluator(job.env, step.contextName));
  const finish = (result: StepResult, continueOnError: boolean) => {
    recordResult(job, planned, result, continueOnError);
    const note =
      result.outcome === 'failure' && continueOnError ? ' (continue-on-error: the job continues)' : '';
    const colour = result.outcome === 'success' ? 'green' : 'red';
    log.print(
      `${OUTCOME_SYMBOLS[result.outcome]} ${formatDuration(performance.now() - started)}${note}`,
      colour,
    );
    log.closeSection();
  };
  try {
    const env = { ...job.env, ...evaluateMapping(step.env, job.createEvaluator(job.env, step.contextName)) };
    const evaluator = job.createEvaluator(env, step.contextName);
    if (!evaluator.evaluateCondition(planned.condition)) {
      log.print(`– ${title} (skipped)`, 'grey');
      recordResult(job, planned, { outcome: 'skipped', outputs: {} }, false);
      return;
    }
    log.openSection(`▶ ${title}`);
    const result = await executeStep(job, planned, env, evaluator);
    finish(result, evaluateString(step.continueOnError, evaluator) === 'true');
  } catch (error) {
    log.openSection(`▶ ${title}`);
    reportStepError(job, error);
    finish({ outcome: 'failure', outputs: {} }, false);
  }
}
