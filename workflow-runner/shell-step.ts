import { randomUUID } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readHosts } from '../emulator/core/hosts-file.ts';
import { evaluateString } from './expressions.ts';
import { type PlannedStep, type StepContext, StepError } from './job-state.ts';
import { runProcess } from './run-process.ts';
import type { WorkflowStep } from './workflow.ts';

interface Shell {
  readonly name: string;
  /** Command line after the name; `{0}` is replaced by the script's path. */
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
  // As on GitHub, bash runs with pipefail only if the step names it as its shell.
  if (option === '')
    return { name: findProgram('bash', path) === undefined ? 'sh' : 'bash', arguments: '-e {0}' };
  const [name = '', ...rest] = option.split(' ');
  const shell = { name, arguments: rest.join(' ').trim() || (SHELL_ARGUMENTS[name] ?? '') };
  if (shell.arguments.includes('{0}')) return shell;
  throw new StepError(
    `Unknown shell '${option}': use ${Object.keys(SHELL_ARGUMENTS).join(', ')}, or a command line with '{0}'.`,
  );
}

// Splits at spaces outside double quotes, which is all that the shells' command lines use.
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
    step.workingDirectory ?? job.definition.defaults.workingDirectory,
    context.evaluator,
  );
  const path = resolve(job.run.folders.workspace, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new StepError(
    `The working-directory '${folder}' does not exist in the workspace: check its spelling.`,
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

/** Prints the step's `env` context, as GitHub does at the start of a step. */
export function logEnv(context: StepContext): void {
  const { log } = context.job.run;
  const names = Object.keys(context.env);
  if (names.length > 0) log.print('env:');
  for (const name of names) log.print(`  ${name}: ${context.env[name]}`);
}

function firstLine(script: string): string {
  return script.trimStart().split(/\r?\n/)[0] ?? '';
}

/**
 * PGHOSTADDR of the server that the script or one of its variables names. Programs with libpq, such as psql, do not use the
 * resolver of Node.js, so they need the address of a host name of the emulator; they still verify the certificate for the
 * name.
 */
function libpqVariables(script: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const texts = [script, ...Object.values(variables)];
  const hosts = [...readHosts(variables['EMULATOR_HOSTS_FILE'])];
  const [, address] = hosts.find(([name]) => texts.some((text) => text.includes(name))) ?? [];
  return address === undefined ? {} : { PGHOSTADDR: address };
}

async function executeShellStep(step: WorkflowStep, context: StepContext): Promise<boolean> {
  const { job } = context;
  const script = evaluateString(step.run, context.evaluator);
  const path = context.variables['PATH'] ?? '';
  const shell = parseShell(
    evaluateString(step.shell ?? job.definition.defaults.shell, context.evaluator),
    path,
  );
  const program = findProgram(shell.name, path);
  if (program === undefined) {
    throw new StepError(
      `The shell '${shell.name}' is not on this machine's PATH: install it, or use another shell.`,
    );
  }
  const file = join(job.run.folders.temporary, `${randomUUID()}${SCRIPT_EXTENSIONS[shell.name] ?? ''}`);
  await writeFile(file, wrapScript(shell, script));
  logScript(script, `${program} ${shell.arguments}`, context);
  const exitCode = await runProcess({
    file: program,
    args: splitArguments(shell.arguments).map((word) => word.replaceAll('{0}', file)),
    cwd: resolveWorkingDirectory(step, context),
    env: { ...libpqVariables(script, context.variables), ...context.variables },
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
export function planShellStep(step: WorkflowStep): PlannedStep {
  return {
    step,
    stage: 'main',
    title: (evaluator) =>
      evaluateString(step.name, evaluator) || `Run ${firstLine(evaluateString(step.run, evaluator))}`,
    condition: step.condition,
    state: new Map(),
    execute: (context) => executeShellStep(step, context),
  };
}
