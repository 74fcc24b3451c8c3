import { randomUUID } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { JobState } from './job-state.ts';
import { type Frame, type PlannedStep, StepFault } from './planned-step.ts';
import { runProcess } from './process.ts';
import { text } from './tokens.ts';
import type { Step } from './workflow.ts';

interface Shell {
  readonly name: string;
  /** Arguments in one line; `{0}` stands for the script's path. */
  readonly arguments: string;
}

// Workflow syntax reference, jobs.<job_id>.steps[*].shell.
const builtIn: Readonly<Record<string, string>> = {
  bash: '--noprofile --norc -e -o pipefail {0}',
  pwsh: '-command ". \'{0}\'"',
  python: '{0}',
  sh: '-e {0}',
};

const extensions: Readonly<Record<string, string>> = { bash: '.sh', pwsh: '.ps1', python: '.py', sh: '.sh' };

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function which(program: string, path: string): string | undefined {
  if (program.includes('/')) return isProgram(program) ? program : undefined;
  const folders = path.split(':').filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

function chooseShell(option: string, path: string): Shell {
  // Where no shell is named, bash runs without pipefail; named, with it.
  if (option === '') return { name: which('bash', path) === undefined ? 'sh' : 'bash', arguments: '-e {0}' };
  const [name = '', ...rest] = option.split(' ');
  const shell = { name, arguments: rest.join(' ').trim() || (builtIn[name] ?? '') };
  if (shell.arguments.includes('{0}')) return shell;
  throw new StepFault(
    `The shell '${option}' is unknown: use ${Object.keys(builtIn).join(', ')}, or a command line with '{0}'.`,
  );
}

// Quotes group words, as in the command lines above; the runner's shells need no more.
function splitArguments(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map(([word]) => word.replaceAll('"', ''));
}

function scriptText(shell: Shell, run: string): string {
  if (shell.name !== 'pwsh') return run;
  const exit = 'if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }';
  return `$ErrorActionPreference = 'stop'\n${run}\n${exit}`;
}

function workingDirectory(step: Step, frame: Frame): string {
  const { job } = frame;
  const folder = text(step.workingDirectory ?? job.job.defaults.workingDirectory, frame.expressions);
  const path = resolve(job.run.folders.workspace, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new StepFault(
    `The working-directory '${folder}' does not exist in the workspace; check its spelling.`,
  );
}

function describe(script: string, shell: string, frame: Frame): void {
  const { log } = frame.job.run;
  log.group(`Run ${firstLine(script)}`);
  log.line(script.trimEnd(), 'cyan');
  log.line(`shell: ${shell}`);
  describeEnv(frame);
  log.endGroup();
}

/** Prints the step's `env` context, as GitHub does before a step's output. */
export function describeEnv(frame: Frame): void {
  const { log } = frame.job.run;
  const names = Object.keys(frame.env);
  if (names.length > 0) log.line('env:');
  for (const name of names) log.line(`  ${name}: ${frame.env[name]}`);
}

function firstLine(script: string): string {
  return script.trimStart().split(/\r?\n/)[0] ?? '';
}

async function execute(step: Step, frame: Frame): Promise<boolean> {
  const { job } = frame;
  const script = text(step.run, frame.expressions);
  const path = frame.variables['PATH'] ?? '';
  const shell = chooseShell(text(step.shell ?? job.job.defaults.shell, frame.expressions), path);
  const program = which(shell.name, path);
  if (program === undefined) {
    throw new StepFault(
      `The shell '${shell.name}' is not on this machine's PATH: install it, or use another.`,
    );
  }
  const file = join(job.run.folders.temporary, `${randomUUID()}${extensions[shell.name] ?? ''}`);
  await writeFile(file, scriptText(shell, script));
  describe(script, `${program} ${shell.arguments}`, frame);
  const exitCode = await runProcess({
    file: program,
    args: splitArguments(shell.arguments).map((word) => word.replaceAll('{0}', file)),
    cwd: workingDirectory(step, frame),
    env: frame.variables,
    onLine: frame.onLine,
    cancellation: frame.cancellation,
    grace: job.run.grace,
  });
  if (exitCode !== 0 && !frame.cancellation.aborted) {
    job.run.log.annotate('error', `Process completed with exit code ${exitCode}.`);
  }
  return exitCode === 0;
}

/** Plans a `run:` step. */
export function planRunStep(_job: JobState, step: Step): PlannedStep {
  return {
    step,
    stage: 'main',
    title: (expressions) => text(step.name, expressions) || `Run ${firstLine(text(step.run, expressions))}`,
    condition: step.condition,
    state: new Map(),
    execute: (frame) => execute(step, frame),
  };
}
