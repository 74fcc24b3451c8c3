import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type {
  ActionStep,
  Job as JobTemplate,
  RunStep,
} from '@actions/workflow-parser/model/workflow-template';
import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import { isSupportedAction, SUPPORTED_ACTIONS_HINT } from './action-stubs.ts';
import { type Permissions, parsePermissions } from './permissions.ts';
import {
  convertWorkflowTemplate,
  isMapping,
  isSequence,
  isString,
  NoOperationTraceWriter,
  parseWorkflow,
  type Token,
} from './workflow-parser.ts';

/** A step as the file declares it; its tokens are evaluated when it runs. */
export interface WorkflowStep {
  /** The step's name in the `steps` context and in GITHUB_ACTION: its id, or a generated one (`__run_2`). */
  readonly contextName: string;
  readonly name: Token | undefined;
  /** An expression; the parser puts `success() &&` before one that calls no status function. */
  readonly condition: string;
  readonly env: Token | undefined;
  readonly uses: string | undefined;
  readonly with: Token | undefined;
  readonly run: Token | undefined;
  readonly shell: Token | undefined;
  readonly workingDirectory: Token | undefined;
  readonly timeoutMinutes: Token | undefined;
  readonly continueOnError: Token | undefined;
}

/** `defaults.run` of a workflow or a job. */
export interface RunDefaults {
  readonly shell: Token | undefined;
  readonly workingDirectory: Token | undefined;
}

export interface WorkflowJob {
  readonly id: string;
  readonly name: Token | undefined;
  readonly needs: readonly string[];
  readonly condition: string;
  readonly runsOn: Token | undefined;
  /** From `permissions` of the job, or of the workflow if the job has none. */
  readonly permissions: Permissions;
  /** A name, or a mapping with `name` and `url`. */
  readonly environment: Token | undefined;
  readonly env: Token | undefined;
  readonly defaults: RunDefaults;
  readonly outputs: Token | undefined;
  readonly timeoutMinutes: Token | undefined;
  readonly continueOnError: Token | undefined;
  readonly steps: readonly WorkflowStep[];
}

export interface Workflow {
  readonly name: string;
  readonly file: string;
  /** The events under `on:`, each with its filters. */
  readonly events: Readonly<Record<string, unknown>>;
  readonly env: Token | undefined;
  /** In the order of the file. */
  readonly jobs: readonly WorkflowJob[];
}

/** A workflow or an event with which GitHub, or this runner, would not start a run; the message has a line for each error. */
export class WorkflowError extends Error {
  override readonly name = 'WorkflowError';
}

function getValue(token: Token | undefined, ...path: readonly string[]): Token | undefined {
  let value = token;
  for (const key of path) value = value !== undefined && isMapping(value) ? value.find(key) : undefined;
  return value;
}

function getItems(token: Token | undefined): Token[] {
  return token !== undefined && isSequence(token) ? [...token] : [];
}

const UNSUPPORTED_JOB_KEYS = ['container', 'services', 'strategy', 'snapshot', 'uses'];
const UNSUPPORTED_STEP_KEYS = ['background', 'wait', 'wait-all', 'cancel', 'parallel'];

function findUnsupportedKeys(
  file: string,
  token: Token,
  keys: readonly string[],
  owner: 'job' | 'step',
): string[] {
  return keys.flatMap((key) => {
    const found = getValue(token, key);
    if (found === undefined) return [];
    const line = found.line ?? token.line ?? 1;
    return [`${file} (Line: ${line}): this runner does not support '${key}' in a ${owner}. Remove it.`];
  });
}

function findUnsupportedAction(file: string, step: Token): string[] {
  const uses = getValue(step, 'uses');
  if (uses === undefined || !isString(uses) || isSupportedAction(uses.value)) return [];
  return [
    `${file} (Line: ${uses.line ?? 1}): this runner does not support '${uses.value}'. ${SUPPORTED_ACTIONS_HINT}`,
  ];
}

function findUnsupported(file: string, root: Token): string[] {
  const jobs = getValue(root, 'jobs');
  if (jobs === undefined || !isMapping(jobs)) return [];
  return [...jobs].flatMap(({ value: job }) => [
    ...findUnsupportedKeys(file, job, UNSUPPORTED_JOB_KEYS, 'job'),
    ...getItems(getValue(job, 'steps')).flatMap((step) => [
      ...findUnsupportedKeys(file, step, UNSUPPORTED_STEP_KEYS, 'step'),
      ...findUnsupportedAction(file, step),
    ]),
  ]);
}

function toStep(template: RunStep | ActionStep, token: Token): WorkflowStep {
  const uses = getValue(token, 'uses');
  return {
    contextName: template.id,
    name: getValue(token, 'name'),
    condition: template.if.expression,
    env: getValue(token, 'env'),
    uses: uses !== undefined && isString(uses) ? uses.value : undefined,
    with: getValue(token, 'with'),
    run: getValue(token, 'run'),
    shell: getValue(token, 'shell'),
    workingDirectory: getValue(token, 'working-directory'),
    timeoutMinutes: getValue(token, 'timeout-minutes'),
    continueOnError: getValue(token, 'continue-on-error'),
  };
}

function toSteps(template: JobTemplate, token: Token): WorkflowStep[] {
  const tokens = getItems(getValue(token, 'steps'));
  return template.steps.flatMap((step, index) => {
    const stepToken = tokens[index];
    return stepToken !== undefined && ('run' in step || 'uses' in step) ? [toStep(step, stepToken)] : [];
  });
}

function toJob(root: MappingToken, template: JobTemplate): WorkflowJob {
  const token = getValue(root, 'jobs', template.id.value);
  const defaults = (key: string) =>
    getValue(token, 'defaults', 'run', key) ?? getValue(root, 'defaults', 'run', key);
  return {
    id: template.id.value,
    name: getValue(token, 'name'),
    needs: template.needs?.map((need) => need.value) ?? [],
    condition: template.if.expression,
    runsOn: getValue(token, 'runs-on'),
    permissions: parsePermissions(getValue(token, 'permissions') ?? getValue(root, 'permissions')),
    environment: getValue(token, 'environment'),
    env: getValue(token, 'env'),
    defaults: { shell: defaults('shell'), workingDirectory: defaults('working-directory') },
    outputs: getValue(token, 'outputs'),
    timeoutMinutes: getValue(token, 'timeout-minutes'),
    continueOnError: getValue(token, 'continue-on-error'),
    steps: token === undefined ? [] : toSteps(template, token),
  };
}

/**
 * Parses and validates a workflow with GitHub's own parser.
 * @param file the file's name in error messages.
 * @throws {WorkflowError} with line and column of each error.
 */
export async function parseWorkflowText(content: string, file: string): Promise<Workflow> {
  const { context, value } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter());
  const errorMessages = () => context.errors.getErrors().map((error) => error.message);
  if (value === undefined || !isMapping(value) || errorMessages().length > 0) {
    throw new WorkflowError([...new Set(errorMessages())].join('\n') || `${file} is not a workflow.`);
  }
  const template = await convertWorkflowTemplate(context, value);
  const errors = [...errorMessages(), ...findUnsupported(file, value)];
  if (errors.length > 0) throw new WorkflowError([...new Set(errors)].join('\n'));
  const name = getValue(value, 'name');
  return {
    name: name !== undefined && isString(name) ? name.value : file,
    file,
    events: template.events,
    env: getValue(value, 'env'),
    jobs: template.jobs
      .filter((job): job is JobTemplate => job.type === 'job')
      .map((job) => toJob(value, job)),
  };
}

/**
 * Reads and parses a workflow file, see {@link parseWorkflowText}.
 * @throws {WorkflowError} also if the file cannot be read.
 */
export async function readWorkflow(path: string): Promise<Workflow> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch {
    throw new WorkflowError(`${path} cannot be read. Pass the path of a workflow file.`);
  }
  return parseWorkflowText(content, basename(path));
}
