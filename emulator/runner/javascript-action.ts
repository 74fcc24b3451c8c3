import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ActionManifest, readManifest } from './action-manifest.ts';
import type { JobState } from './job-state.ts';
import { type Frame, type PlannedStep, StepFault } from './planned-step.ts';
import { runProcess } from './process.ts';
import { describeEnv } from './run-step.ts';
import { entries, text } from './tokens.ts';
import type { Step } from './workflow.ts';

function warnAboutInputs(given: readonly string[], manifest: ActionManifest, frame: Frame): void {
  const { log } = frame.job.run;
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
function withDefaults(
  given: Readonly<Record<string, string>>,
  manifest: ActionManifest,
  frame: Frame,
): Record<string, string> {
  const inputs = { ...given };
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  for (const input of manifest.inputs) {
    if (!names.has(input.name.toLowerCase())) inputs[input.name] = text(input.default, frame.expressions);
  }
  return inputs;
}

function describe(step: Step, inputs: Readonly<Record<string, string>>, frame: Frame): void {
  const { log } = frame.job.run;
  log.group(`Run ${step.uses}`);
  const given = Object.entries(inputs).filter(([, value]) => value !== '');
  if (given.length > 0) log.line('with:');
  for (const [name, value] of given) log.line(`  ${name}: ${value}`);
  describeEnv(frame);
  log.endGroup();
}

function variables(
  inputs: Readonly<Record<string, string>>,
  state: ReadonlyMap<string, string>,
  frame: Frame,
): Record<string, string> {
  const own: Record<string, string> = {
    // Only JavaScript actions get these two, unlike the OIDC pair (GitHub's runner, handlers).
    ACTIONS_RUNTIME_URL: 'https://actions-runtime.invalid/',
    ACTIONS_RUNTIME_TOKEN: frame.job.run.runtimeToken,
  };
  for (const [name, value] of Object.entries(inputs)) {
    own[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value;
  }
  for (const [name, value] of state) own[`STATE_${name}`] = value;
  return { ...frame.variables, ...own };
}

interface Part {
  readonly step: Step;
  readonly manifest: ActionManifest;
  /** The script, relative to the action's folder. */
  readonly script: string;
  readonly state: ReadonlyMap<string, string>;
}

async function runScript({ step, manifest, script, state }: Part, frame: Frame): Promise<boolean> {
  const { run } = frame.job;
  const file = join(manifest.directory, script);
  if (!existsSync(file)) {
    throw new StepFault(`The action's file ${file} is missing: build the action, or correct its action.yml.`);
  }
  const given = entries(step.with, frame.expressions);
  warnAboutInputs(Object.keys(given), manifest, frame);
  const inputs = withDefaults(given, manifest, frame);
  describe(step, inputs, frame);
  const exitCode = await runProcess({
    file: process.execPath,
    args: [file],
    cwd: run.folders.workspace,
    env: variables(inputs, state, frame),
    onLine: frame.onLine,
    cancellation: frame.cancellation,
    grace: run.grace,
  });
  return exitCode === 0;
}

function title(step: Step): PlannedStep['title'] {
  return (expressions) => text(step.name, expressions) || `Run ${step.uses}`;
}

function planPost(
  step: Step,
  manifest: ActionManifest,
  script: string,
  state: Map<string, string>,
): PlannedStep {
  return {
    step,
    stage: 'post',
    title: (expressions) => `Post ${title(step)(expressions)}`,
    condition: manifest.postIf,
    state,
    execute: (frame) => runScript({ step, manifest, script, state }, frame),
  };
}

/**
 * Plans a step with `uses: ./path`. Its post step is registered before main starts, so that it runs whatever
 * becomes of main; inputs and environment are evaluated anew for it, as GitHub's runner does.
 */
export function planJavaScriptAction(job: JobState, step: Step): PlannedStep {
  const state = new Map<string, string>();
  const directory = resolve(job.run.folders.workspace, step.uses ?? '.');
  return {
    step,
    stage: 'main',
    title: title(step),
    condition: step.condition,
    state,
    execute: async (frame) => {
      const manifest = readManifest(directory);
      if (manifest.hasPre) {
        job.run.log.annotate('warning', `'pre' of the local action '${step.uses}' is not run, as at GitHub.`);
      }
      if (manifest.post !== undefined) job.posts.push(planPost(step, manifest, manifest.post, state));
      return runScript({ step, manifest, script: manifest.main, state }, frame);
    },
  };
}
