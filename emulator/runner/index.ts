import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { objectOr } from '../json.ts';
import { type Folders, githubContext, machineEnvironment, newToken, runnerContext } from './contexts.ts';
import { type RunEvent, readEvent, withholdsSecrets } from './event.ts';
import { ExpressionFault } from './expressions.ts';
import type { GitHubControl } from './git-hub.ts';
import type { IdTokenEndpoint } from './id-token.ts';
import { runJob } from './job.ts';
import type { JobRecord, Run } from './job-state.ts';
import { type Annotation, Log } from './log.ts';
import { SecretMasker } from './masks.ts';
import { type Grace, gitHubGrace } from './process.ts';
import { tidingsOf } from './tidings.ts';
import { readWorkflow, type Workflow } from './workflow.ts';

export { type GitHubChange, type GitHubControl, gitHubControl } from './git-hub.ts';
export { WorkflowError } from './workflow.ts';

/** One run of a workflow file. */
export interface RunOptions {
  /** The workflow file; relative to the present folder. */
  readonly file: string;
  /** The checkout: what `uses: ./` and GITHUB_WORKSPACE mean. */
  readonly workspace: string;
  /** A file with the event's payload as JSON, see readEvent. */
  readonly event?: string | undefined;
  /** The event's name, where the payload does not tell it. */
  readonly eventName?: string | undefined;
  /**
   * What the machine's environment adds: an emulator's `env`. ACTIONS_ID_TOKEN_* reaches only jobs with
   * `id-token: write`, GITHUB_*_URL by way of the github context.
   */
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  /** Takes each line of the log, masked, without its end. */
  readonly write?: (line: string) => void;
  readonly coloured?: boolean;
  /** Its abort cancels the run, as a person would on GitHub. */
  readonly cancellation?: AbortSignal;
  readonly grace?: Grace;
  /** An emulated GitHub, which is told of the run, its pull request and each job's token. */
  readonly gitHub?: GitHubControl | undefined;
}

export interface RunResult {
  /** 0 only where every job succeeded (or was skipped), post steps included. */
  readonly exitCode: 0 | 1;
  /** The whole log, masked. */
  readonly log: string;
  readonly jobs: Readonly<Record<string, JobRecord>>;
  readonly annotations: readonly Annotation[];
  /** The Markdown of the steps' summaries, masked. */
  readonly summary: string;
}

interface Machine {
  readonly variables: Readonly<Record<string, string>>;
  readonly idToken: IdTokenEndpoint | undefined;
}

function machineOf(env: Readonly<Record<string, string>>): Machine {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token, ...variables } = env;
  const idToken = url === undefined || token === undefined ? undefined : { url, token };
  return { variables: { ...machineEnvironment(), ...variables }, idToken };
}

// workflow_dispatch's inputs keep their types, and those left out have the workflow's defaults.
function dispatchInputs(workflow: Workflow, event: RunEvent): Record<string, unknown> {
  const declared = objectOr(objectOr(workflow.events['workflow_dispatch'])['inputs']);
  const inputs: Record<string, unknown> = {};
  for (const [name, input] of Object.entries(declared)) inputs[name] = objectOr(input)['default'] ?? '';
  return event.name === 'workflow_dispatch' ? { ...inputs, ...objectOr(event.payload['inputs']) } : {};
}

async function createFolders(workspace: string): Promise<Folders & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'runner-'));
  const temporary = join(root, '_temp');
  const toolCache = join(root, '_tool');
  await mkdir(join(temporary, '_github_workflow'), { recursive: true });
  await mkdir(toolCache);
  return { root, workspace: resolve(workspace), temporary, toolCache };
}

async function prepare(
  options: RunOptions,
  workflow: Workflow,
  event: RunEvent,
  folders: Folders,
  log: Log,
  masker: SecretMasker,
): Promise<Run> {
  const { variables, idToken } = machineOf(options.env ?? {});
  const withheld = withholdsSecrets(event);
  const runtimeToken = newToken();
  const secrets = withheld ? {} : (options.secrets ?? {});
  for (const secret of [...Object.values(secrets), runtimeToken, idToken?.token ?? '']) masker.add(secret);
  const eventPath = join(folders.temporary, '_github_workflow', 'event.json');
  await writeFile(eventPath, JSON.stringify(event.payload, undefined, 2));
  const github = { ...githubContext(workflow, event, folders, variables), event_path: eventPath };
  return {
    workflow,
    folders,
    log,
    masker,
    github,
    runner: runnerContext(folders),
    inputs: dispatchInputs(workflow, event),
    secrets,
    vars: options.vars ?? {},
    machine: variables,
    withheld,
    idToken,
    runtimeToken,
    cancellation: options.cancellation ?? new AbortController().signal,
    grace: options.grace ?? gitHubGrace,
    summaries: [],
    tidings: tidingsOf(options.gitHub, event, github),
  };
}

// The parser has made sure that needs exist and form no circle.
async function runJobs(run: Run): Promise<Record<string, JobRecord>> {
  const records: Record<string, JobRecord> = {};
  const waiting = [...run.workflow.jobs];
  while (waiting.length > 0) {
    const next = waiting.findIndex((job) => job.needs.every((id) => id in records));
    const [job] = waiting.splice(Math.max(next, 0), 1);
    if (job === undefined) break;
    run.log.blank();
    try {
      records[job.id] = await runJob(run, job, records);
    } catch (error) {
      if (!(error instanceof ExpressionFault)) throw error;
      run.log.annotate('error', `Job ${job.id}: ${error.message}`);
      run.log.close();
      records[job.id] = { result: 'failure', outputs: {} };
    }
  }
  return records;
}

function conclusionOf(jobs: Readonly<Record<string, JobRecord>>): 'success' | 'failure' | 'cancelled' {
  const results = Object.values(jobs).map((job) => job.result);
  if (results.every((result) => result === 'success' || result === 'skipped')) return 'success';
  return results.includes('cancelled') ? 'cancelled' : 'failure';
}

function report({ log, summaries, workflow }: Run, conclusion: string): void {
  log.listAnnotations();
  if (summaries.length > 0) {
    log.blank();
    log.open('Summary');
    for (const summary of summaries) log.line(summary.trimEnd());
    log.close();
  }
  log.blank();
  log.line(`${workflow.file}: ${conclusion}`, conclusion === 'success' ? 'green' : 'red');
}

async function runAll(run: Run): Promise<Pick<RunResult, 'exitCode' | 'jobs'>> {
  await run.tidings.runStarts();
  let conclusion = 'failure';
  try {
    const jobs = await runJobs(run);
    conclusion = conclusionOf(jobs);
    report(run, conclusion);
    return { exitCode: conclusion === 'success' ? 0 : 1, jobs };
  } finally {
    await run.tidings.runEnds(conclusion);
  }
}

/**
 * Checks that a workflow can be run, without running it.
 * @throws {WorkflowError} where the workflow or the event is at fault.
 */
export async function checkWorkflow(
  options: Pick<RunOptions, 'file' | 'event' | 'eventName'>,
): Promise<void> {
  readEvent(await readWorkflow(options.file), options.event, options.eventName);
}

/**
 * Runs a workflow file as GitHub's runner would, on this machine, in the present checkout.
 * @throws {WorkflowError} where the workflow or the event is at fault; nothing has run then.
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
  const log = new Log(write, masker, options.coloured ?? false);
  const folders = await createFolders(options.workspace);
  const removeFolders = () => rmSync(folders.root, { recursive: true, force: true });
  // A runner that is stopped at once comes to no 'finally'.
  process.on('exit', removeFolders);
  try {
    const run = await prepare(options, workflow, event, folders, log, masker);
    log.line(`${workflow.name} (${workflow.file}) on ${event.name}, ${run.github['repository']}`, 'bold');
    const { exitCode, jobs } = await runAll(run);
    const summary = run.summaries.join('\n');
    return { exitCode, log: lines.join('\n'), jobs, annotations: log.annotations, summary };
  } finally {
    process.off('exit', removeFolders);
    removeFolders();
  }
}
