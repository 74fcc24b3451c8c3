import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ActionManifest, readManifest } from './action-manifest.ts';
import type { JobState } from './job-state.ts';
import { type PlannedStep, type StepContext, StepError } from './planned-step.ts';
import { runProcess } from './run-process.ts';
import { logEnv } from './run-step.ts';
import { evaluateMapping, evaluateString } from './template-tokens.ts';
import type { WorkflowStep } from './workflow.ts';

function warnAboutInputs(given: readonly string[], manifest: ActionManifest, context: StepContext): void {
  const { log } = context.job.run;
  const known = new Map(manifest.inputs.map((input) => [input.name.toLowerCase(), input]));
  for (const name of given) {
    const message = known.get(name.toLowerCase())?.deprecationMessage;
    if (message !== undefined) log.annotate('warning', `The input '${name}' is deprecated: ${message}`);
  }
  const unexpected = given.filter((name) => !known.has(name.toLowerCase()));
  if (unexpected.length > 0) {
    const valid = manifest.inputs.map((input) => input.name).join("', '");
    log.annotate(
      'warning',
      `Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${valid}']`,
    );
  }
}

// A required input that is missing is the action's business: GitHub's runner does not look at 'required'.
function applyDefaults(
  given: Readonly<Record<string, string>>,
  manifest: ActionManifest,
  context: StepContext,
): Record<string, string> {
  const inputs = { ...given };
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  for (const input of manifest.inputs) {
    if (!names.has(input.name.toLowerCase()))
      inputs[input.name] = evaluateString(input.default, context.evaluator);
  }
  return inputs;
}

function logInputs(step: WorkflowStep, inputs: Readonly<Record<string, string>>, context: StepContext): void {
  const { log } = context.job.run;
  log.group(`Run ${step.uses}`);
  const given = Object.entries(inputs).filter(([, value]) => value !== '');
  if (given.length > 0) log.print('with:');
  for (const [name, value] of given) log.print(`  ${name}: ${value}`);
  logEnv(context);
  log.endGroup();
}

function actionVariables(
  inputs: Readonly<Record<string, string>>,
  state: ReadonlyMap<string, string>,
  context: StepContext,
): Record<string, string> {
  const actionOnly: Record<string, string> = {
    // Only JavaScript actions get these two, unlike the OIDC pair (GitHub's runner, handlers).
    ACTIONS_RUNTIME_URL: 'https://actions-runtime.invalid/',
    ACTIONS_RUNTIME_TOKEN: context.job.run.runtimeToken,
  };
  for (const [name, value] of Object.entries(inputs)) {
    actionOnly[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value;
  }
  for (const [name, value] of state) actionOnly[`STATE_${name}`] = value;
  return { ...context.variables, ...actionOnly };
}

interface ScriptStep {
  readonly step: WorkflowStep;
  readonly manifest: ActionManifest;
  /** The script, relative to the action's folder. */
  readonly script: string;
  readonly state: ReadonlyMap<string, string>;
}

async function runScript(
  { step, manifest, script, state }: ScriptStep,
  context: StepContext,
): Promise<boolean> {
  const { run } = context.job;
  const file = join(manifest.directory, script);
  if (!existsSync(file)) {
    throw new StepError(`The action's file ${file} is missing: build the action, or correct its action.yml.`);
  }
  const given = evaluateMapping(step.with, context.evaluator);
  warnAboutInputs(Object.keys(given), manifest, context);
  const inputs = applyDefaults(given, manifest, context);
  logInputs(step, inputs, context);
  const exitCode = await runProcess({
    file: process.execPath,
    args: [file],
    cwd: run.folders.workspace,
    env: actionVariables(inputs, state, context),
    onLine: context.onLine,
    cancellation: context.cancellation,
    cancellationGrace: run.cancellationGrace,
  });
  return exitCode === 0;
}

function stepTitle(step: WorkflowStep): PlannedStep['title'] {
  return (expressions) => evaluateString(step.name, expressions) || `Run ${step.uses}`;
}

function planPostStep(
  step: WorkflowStep,
  manifest: ActionManifest,
  script: string,
  state: Map<string, string>,
): PlannedStep {
  return {
    step,
    stage: 'post',
    title: (expressions) => `Post ${stepTitle(step)(expressions)}`,
    condition: manifest.postIf,
    state,
    execute: (context) => runScript({ step, manifest, script, state }, context),
  };
}

/**
 * Plans a step with `uses: ./path`. Its post step is registered before main starts, so that it runs whatever
 * becomes of main; inputs and environment are evaluated anew for it, as GitHub's runner does.
 */
export function planJavaScriptAction(job: JobState, step: WorkflowStep): PlannedStep {
  const state = new Map<string, string>();
  const directory = resolve(job.run.folders.workspace, step.uses ?? '.');
  return {
    step,
    stage: 'main',
    title: stepTitle(step),
    condition: step.condition,
    state,
    execute: async (context) => {
      const manifest = readManifest(directory);
      if (manifest.hasPre) {
        job.run.log.annotate('warning', `'pre' of the local action '${step.uses}' is not run, as at GitHub.`);
      }
      if (manifest.post !== undefined) job.postSteps.push(planPostStep(step, manifest, manifest.post, state));
      return runScript({ step, manifest, script: manifest.main, state }, context);
    },
  };
}
