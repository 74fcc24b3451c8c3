import { randomUUID } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { JobState } from './job-state.ts';
import { type PlannedStep, type StepContext, StepError } from './planned-step.ts';
import { runProcess } from './run-process.ts';
import { evaluateString } from './template-tokens.ts';
import type { WorkflowStep } from './workflow.ts';

interface Shell {
  readonly name: string;
  /** Arguments in one line; `{0}` stands for the script's path. */
  readonly arguments: string;
}

// Workflow syntax reference, jobs.<job_id>.steps[*].shell.
const SHELL_ARGUMENTS: Readonly<Record<string, string>> = {
  bash: '--noprofile --norc -e -o pipefail {0}',
  pwsh: '-command ". \'{0}\'"',
  python: '{0}',
  sh: '-e {0}',
};

const SCRIPT_EXTENSIONS: Readonly<Record<string, string>> = {
  bash: '.sh',
  pwsh: '.ps1',
  python: '.py',
  sh: '.sh',
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function findProgram(program: string, path: string): string | undefined {
  if (program.includes('/')) return isExecutable(program) ? program : undefined;
  const folders = path.split(':').filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function parseShell(option: string, path: string): Shell {
  // Where no shell is named, bash runs without pipefail; named, with it.
  if (option === '')
    return { name: findProgram('bash', path) === undefined ? 'sh' : 'bash', arguments: '-e {0}' };
  const [name = '', ...rest] = option.split(' ');
  const shell = { name, arguments: rest.join(' ').trim() || (SHELL_ARGUMENTS[name] ?? '') };
  if (shell.arguments.includes('{0}')) return shell;
  throw new StepError(
    `The shell '${option}' is unknown: use ${Object.keys(SHELL_ARGUMENTS).join(', ')}, or a command line with '{0}'.`,
  );
}

// Quotes group words, as in the command lines above; the runner's shells need no more.
function splitArguments(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map(([word]) => word.replaceAll('"', ''));
}

function wrapScript(shell: Shell, run: string): string {
  if (shell.name !== 'pwsh') return run;
  const exit = 'if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }';
  return `$ErrorActionPreference = 'stop'\n${run}\n${exit}`;
}

function resolveWorkingDirectory(step: WorkflowStep, context: StepContext): string {
  const { job } = context;
  const folder = evaluateString(
    step.workingDirectory ?? job.job.defaults.workingDirectory,
    context.evaluator,
  );
  const path = resolve(job.run.folders.workspace, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new StepError(
    `The working-directory '${folder}' does not exist in the workspace; check its spelling.`,
  );
}

function logScript(script: string, shell: string, context: StepContext): void {
  const { log } = context.job.run;
  log.group(`Run ${firstLine(script)}`);
  log.print(script.trimEnd(), 'cyan');
  log.print(`shell: ${shell}`);
  logEnv(context);
  log.endGroup();
}

/** Prints the step's `env` context, as GitHub does before a step's output. */
export function logEnv(context: StepContext): void {
  const { log } = context.job.run;
  const names = Object.keys(context.env);
  if (names.length > 0) log.print('env:');
  for (const name of names) log.print(`  ${name}: ${context.env[name]}`);
}

function firstLine(script: string): string {
  return script.trimStart().split(/\r?\n/)[0] ?? '';
}

async function executeRunStep(step: WorkflowStep, context: StepContext): Promise<boolean> {
  const { job } = context;
  const script = evaluateString(step.run, context.evaluator);
  const path = context.variables['PATH'] ?? '';
  const shell = parseShell(evaluateString(step.shell ?? job.job.defaults.shell, context.evaluator), path);
  const program = findProgram(shell.name, path);
  if (program === undefined) {
    throw new StepError(
      `The shell '${shell.name}' is not on this machine's PATH: install it, or use another.`,
    );
  }
  const file = join(job.run.folders.temporary, `${randomUUID()}${SCRIPT_EXTENSIONS[shell.name] ?? ''}`);
  await writeFile(file, wrapScript(shell, script));
  logScript(script, `${program} ${shell.arguments}`, context);
  const exitCode = await runProcess({
    file: program,
    args: splitArguments(shell.arguments).map((word) => word.replaceAll('{0}', file)),
    cwd: resolveWorkingDirectory(step, context),
    env: context.variables,
    onLine: context.onLine,
    cancellation: context.cancellation,
    cancellationGrace: job.run.cancellationGrace,
  });
  if (exitCode !== 0 && !context.cancellation.aborted) {
    job.run.log.annotate('error', `Process completed with exit code ${exitCode}.`);
  }
  return exitCode === 0;
}

/** Plans a `run:` step. */
export function planRunStep(_job: JobState, step: WorkflowStep): PlannedStep {
  return {
    step,
    stage: 'main',
    title: (expressions) =>
      evaluateString(step.name, expressions) || `Run ${firstLine(evaluateString(step.run, expressions))}`,
    condition: step.condition,
    state: new Map(),
    execute: (context) => executeRunStep(step, context),
  };
}
