import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionTemplate } from '@actions/workflow-parser/actions/action-template';
import { evaluateMapping, evaluateString } from './expressions.ts';
import { type JobState, type PlannedStep, type StepContext, StepError } from './job-state.ts';
import { runProcess } from './run-process.ts';
import { logEnv } from './shell-step.ts';
import type { WorkflowStep } from './workflow.ts';
import { convertActionTemplate, NoOperationTraceWriter, parseAction, type Token } from './workflow-parser.ts';

interface ActionInput {
  readonly name: string;
  readonly default: Token | undefined;
  readonly deprecationMessage: string | undefined;
}

/** A JavaScript action as its action.yml describes it. */
interface ActionManifest {
  readonly directory: string;
  readonly inputs: readonly ActionInput[];
  readonly main: string;
  readonly hasPre: boolean;
  readonly post: string | undefined;
  /** When `post` runs: an expression, by default `always()`. */
  readonly postIf: string;
}

function readManifestFile(directory: string): { file: string; content: string } {
  for (const name of ['action.yml', 'action.yaml']) {
    try {
      return { file: name, content: readFileSync(join(directory, name), 'utf8') };
    } catch {
      // The file can have the other name.
    }
  }
  throw new StepError(`No action.yml or action.yaml in ${directory}: check the path after 'uses:'.`);
}

function parseManifest(directory: string, file: string, template: ActionTemplate): ActionManifest {
  const { runs } = template;
  if (!('main' in runs) || !/^node\d+$/.test(runs.using)) {
    throw new StepError(
      `${file} in ${directory} has 'using: ${runs.using}'; this runner supports only JavaScript actions.`,
    );
  }
  return {
    directory,
    inputs: (template.inputs ?? []).map((input) => ({
      name: input.id,
      default: input.default,
      deprecationMessage: input.deprecationMessage,
    })),
    main: runs.main,
    hasPre: runs.pre !== undefined,
    post: runs.post,
    postIf: runs.postIf ?? 'always()',
  };
}

/**
 * Reads a local action's action.yml with GitHub's own parser.
 * @throws {StepError} if the file is missing, has errors (the message has a line for each), or is not of a JavaScript
 * action.
 */
function readManifest(directory: string): ActionManifest {
  const { file, content } = readManifestFile(directory);
  const { context, value } = parseAction({ name: file, content }, new NoOperationTraceWriter());
  const template = value === undefined ? undefined : convertActionTemplate(context, value);
  const errors = context.errors.getErrors().map((error) => error.message);
  if (template === undefined || errors.length > 0) {
    throw new StepError([`${file} in ${directory} is invalid:`, ...new Set(errors)].join('\n'));
  }
  return parseManifest(directory, file, template);
}

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

// GitHub's runner ignores 'required': the action itself checks for missing inputs.
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
    // Only JavaScript actions get these two variables; scripts also get the two of OIDC (GitHub's runner, handlers).
    ACTIONS_RUNTIME_URL: 'https://actions-runtime.invalid/',
    ACTIONS_RUNTIME_TOKEN: context.job.run.runtimeToken,
  };
  for (const [name, value] of Object.entries(inputs)) {
    actionOnly[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value;
  }
  for (const [name, value] of state) actionOnly[`STATE_${name}`] = value;
  return { ...context.variables, ...actionOnly };
}

/** The `main` or `post` of an action. */
interface ScriptStep {
  readonly stage: PlannedStep['stage'];
  readonly step: WorkflowStep;
  readonly manifest: ActionManifest;
  /** Path of the script, relative to the action's folder. */
  readonly script: string;
  readonly state: ReadonlyMap<string, string>;
}

async function runScript(
  { stage, step, manifest, script, state }: ScriptStep,
  context: StepContext,
): Promise<boolean> {
  const { run } = context.job;
  const file = join(manifest.directory, script);
  if (!existsSync(file)) {
    throw new StepError(
      `The action's file ${file} does not exist: build the action, or correct the path in its action.yml.`,
    );
  }
  const given = evaluateMapping(step.with, context.evaluator);
  const inputs = applyDefaults(given, manifest, context);
  // As in GitHub's log, the post step does not repeat the inputs.
  if (stage === 'main') {
    warnAboutInputs(Object.keys(given), manifest, context);
    logInputs(step, inputs, context);
  }
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
  return (evaluator) => evaluateString(step.name, evaluator) || `Run ${step.uses}`;
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
    title: (evaluator) => `Post ${stepTitle(step)(evaluator)}`,
    condition: manifest.postIf,
    state,
    execute: (context) => runScript({ stage: 'post', step, manifest, script, state }, context),
  };
}

/**
 * Plans a step with the JavaScript action in `directory`. Its post step is registered before main starts, so it runs
 * regardless of how main ends. As in GitHub's runner, post evaluates the inputs and the environment again.
 */
export function planJavaScriptAction(job: JobState, step: WorkflowStep, directory: string): PlannedStep {
  const state = new Map<string, string>();
  return {
    step,
    stage: 'main',
    title: stepTitle(step),
    condition: step.condition,
    state,
    execute: async (context) => {
      const manifest = readManifest(directory);
      if (manifest.hasPre) {
        job.run.log.annotate(
          'warning',
          `'pre' of the local action '${step.uses}' is not run: GitHub does not run it either.`,
        );
      }
      if (manifest.post !== undefined) job.postSteps.push(planPostStep(step, manifest, manifest.post, state));
      return runScript({ stage: 'main', step, manifest, script: manifest.main, state }, context);
    },
  };
}
