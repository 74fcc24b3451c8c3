import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { asObject, asString } from '../emulator/core/json.ts';
import { exampleRepository } from '../emulator/services/github/accounts.ts';
import {
  createGitHubContext,
  createRunnerContext,
  generateToken,
  inheritedEnvironment,
  type RunnerFolders,
} from './contexts.ts';
import { type RunEvent, readEvent, untrustedSource } from './event.ts';
import { ExpressionError } from './expressions.ts';
import { createRunNotifier, type GitHubControl } from './github-control.ts';
import { runJob } from './job.ts';
import type { IdTokenEndpoint, JobResult, WorkflowRunState } from './job-state.ts';
import { type Annotation, RunLog } from './run-log.ts';
import { type CancellationGrace, GITHUB_CANCELLATION_GRACE } from './run-process.ts';
import { SecretMasker } from './secret-masker.ts';
import { readWorkflow, type Workflow } from './workflow.ts';

export { createGitHubControl, type GitHubChange, type GitHubControl } from './github-control.ts';
export { WorkflowError } from './workflow.ts';

/** The options of {@link runWorkflow}. */
export interface RunOptions {
  /** Path of the workflow file. */
  readonly file: string;
  /** A project, which actions/checkout copies to a new and empty workspace. */
  readonly repository?: string | undefined;
  /** An existing checkout in which the steps run, instead of a new workspace. */
  readonly workspace?: string | undefined;
  /** The folder of `OWNER/azure-postgresql-action`, with its action.yml; by default this repository. */
  readonly action?: string | undefined;
  /** Path of a file with the event's payload as JSON, see `readEvent`. */
  readonly event?: string | undefined;
  /** The event's name; by default it is derived from the payload. */
  readonly eventName?: string | undefined;
  /**
   * Variables to add to the steps' environment: the emulator's `env`. Only jobs with `id-token: write` get
   * ACTIONS_ID_TOKEN_*; GITHUB_*_URL also set the URLs of the `github` context.
   */
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  /** Called with each line of the log, masked, without its line break. */
  readonly write?: (line: string) => void;
  readonly useColor?: boolean;
  /** Aborting it cancels the run, as GitHub's button does. */
  readonly cancellation?: AbortSignal;
  readonly cancellationGrace?: CancellationGrace;
  /** The emulated GitHub, to which the run, its pull request and each job's token are reported. */
  readonly gitHub?: GitHubControl | undefined;
}

export interface RunResult {
  /** 0 if every job, with its post steps, succeeded or was skipped; otherwise 1. */
  readonly exitCode: 0 | 1;
  /** The whole log, masked. */
  readonly log: string;
  readonly jobs: Readonly<Record<string, JobResult>>;
  readonly annotations: readonly Annotation[];
  /** The Markdown of the steps' summaries, masked. */
  readonly summary: string;
}

interface MachineContext {
  readonly variables: Readonly<Record<string, string>>;
  readonly idTokenEndpoint: IdTokenEndpoint | undefined;
}

function splitMachineEnvironment(env: Readonly<Record<string, string>>): MachineContext {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token, ...variables } = env;
  const idTokenEndpoint = url === undefined || token === undefined ? undefined : { url, token };
  return { variables: { ...inheritedEnvironment(), ...variables }, idTokenEndpoint };
}

// The inputs of workflow_dispatch keep their types; missing ones have the workflow's defaults.
function dispatchInputs(workflow: Workflow, event: RunEvent): Record<string, unknown> {
  const declared = asObject(asObject(workflow.events['workflow_dispatch'])['inputs']);
  const inputs: Record<string, unknown> = {};
  for (const [name, input] of Object.entries(declared)) inputs[name] = asObject(input)['default'] ?? '';
  return event.name === 'workflow_dispatch' ? { ...inputs, ...asObject(event.payload['inputs']) } : {};
}

const ownRepository = join(import.meta.dirname, '..');

async function createFolders(
  options: RunOptions,
  event: RunEvent,
): Promise<RunnerFolders & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'runner-'));
  // As on GitHub, the workspace and the folder around it have the repository's name.
  const name = basename(asString(asObject(event.payload['repository'])['name']) ?? exampleRepository.name);
  const newWorkspace = join(root, name, name);
  const temporary = join(root, '_temp');
  const toolCache = join(root, '_tool');
  await mkdir(join(temporary, '_github_workflow'), { recursive: true });
  await mkdir(toolCache);
  await mkdir(newWorkspace, { recursive: true });
  return {
    root,
    workspace: options.workspace === undefined ? newWorkspace : resolve(options.workspace),
    temporary,
    toolCache,
    repository: options.workspace === undefined ? resolve(options.repository ?? ownRepository) : undefined,
    action: resolve(options.action ?? ownRepository),
  };
}

async function createRun(
  options: RunOptions,
  workflow: Workflow,
  event: RunEvent,
  folders: RunnerFolders,
  log: RunLog,
  masker: SecretMasker,
): Promise<WorkflowRunState> {
  const { variables, idTokenEndpoint } = splitMachineEnvironment(options.env ?? {});
  const untrusted = untrustedSource(event);
  const runtimeToken = generateToken();
  const secrets = untrusted ? {} : (options.secrets ?? {});
  for (const secret of [...Object.values(secrets), runtimeToken, idTokenEndpoint?.token ?? ''])
    masker.add(secret);
  const eventPath = join(folders.temporary, '_github_workflow', 'event.json');
  await writeFile(eventPath, JSON.stringify(event.payload, undefined, 2));
  const github = { ...createGitHubContext(workflow, event, folders, variables), event_path: eventPath };
  return {
    workflow,
    folders,
    log,
    masker,
    github,
    runner: createRunnerContext(folders),
    inputs: dispatchInputs(workflow, event),
    secrets,
    vars: untrusted === 'fork' ? {} : (options.vars ?? {}),
    machineVariables: variables,
    isUntrusted: untrusted !== undefined,
    idTokenEndpoint,
    runtimeToken,
    cancellation: options.cancellation ?? new AbortController().signal,
    cancellationGrace: options.cancellationGrace ?? GITHUB_CANCELLATION_GRACE,
    summaries: [],
    notifier: createRunNotifier(options.gitHub, event, github),
  };
}

// The parser has checked that the needed jobs exist and that there is no cycle.
async function runJobs(run: WorkflowRunState): Promise<Record<string, JobResult>> {
  const results: Record<string, JobResult> = {};
  const pending = [...run.workflow.jobs];
  while (pending.length > 0) {
    const next = pending.findIndex((job) => job.needs.every((id) => id in results));
    const [job] = pending.splice(Math.max(next, 0), 1);
    if (job === undefined) break;
    run.log.printBlankLine();
    try {
      results[job.id] = await runJob(run, job, results);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      run.log.annotate('error', `Job ${job.id}: ${error.message}`);
      run.log.closeSection();
      results[job.id] = { result: 'failure', outputs: {} };
    }
  }
  return results;
}

function getConclusion(jobs: Readonly<Record<string, JobResult>>): 'success' | 'failure' | 'cancelled' {
  const results = Object.values(jobs).map((job) => job.result);
  if (results.every((result) => result === 'success' || result === 'skipped')) return 'success';
  return results.includes('cancelled') ? 'cancelled' : 'failure';
}

function logSummary({ log, summaries, workflow }: WorkflowRunState, conclusion: string): void {
  log.printAnnotations();
  if (summaries.length > 0) {
    log.printBlankLine();
    log.openSection('Summary');
    for (const summary of summaries) log.print(summary.trimEnd());
    log.closeSection();
  }
  log.printBlankLine();
  log.print(`${workflow.file}: ${conclusion}`, conclusion === 'success' ? 'green' : 'red');
}

async function runWithNotifications(run: WorkflowRunState): Promise<Pick<RunResult, 'exitCode' | 'jobs'>> {
  await run.notifier.onRunStart();
  let conclusion = 'failure';
  try {
    const jobs = await runJobs(run);
    conclusion = getConclusion(jobs);
    logSummary(run, conclusion);
    return { exitCode: conclusion === 'success' ? 0 : 1, jobs };
  } finally {
    await run.notifier.onRunEnd(conclusion);
  }
}

/**
 * Checks that this runner can run a workflow on an event, without running it.
 * @throws {WorkflowError} if the workflow or the event has an error.
 */
export async function checkWorkflow(
  options: Pick<RunOptions, 'file' | 'event' | 'eventName'>,
): Promise<void> {
  readEvent(await readWorkflow(options.file), options.event, options.eventName);
}

/**
 * Runs a workflow file as GitHub's runner does, on this machine.
 * @throws {WorkflowError} if the workflow or the event has an error; then no step has run.
 */
export async function runWorkflow(options: RunOptions): Promise<RunResult> {
  const workflow = await readWorkflow(options.file);
  const event = readEvent(workflow, options.event, options.eventName);
  const lines: string[] = [];
  const masker = new SecretMasker();
  const write = (line: string) => {
    lines.push(line);
    options.write?.(line);
  };
  const log = new RunLog(write, masker, options.useColor ?? false);
  const folders = await createFolders(options, event);
  const removeFolders = () => rmSync(folders.root, { recursive: true, force: true });
  // process.exit, after a second Ctrl-C, skips 'finally'.
  process.on('exit', removeFolders);
  try {
    const run = await createRun(options, workflow, event, folders, log, masker);
    log.print(`${workflow.name} (${workflow.file}) on ${event.name}, ${run.github['repository']}`, 'bold');
    const { exitCode, jobs } = await runWithNotifications(run);
    const summary = run.summaries.join('\n');
    return { exitCode, log: lines.join('\n'), jobs, annotations: log.annotations, summary };
  } finally {
    process.off('exit', removeFolders);
    removeFolders();
  }
}
