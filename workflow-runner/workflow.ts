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
import type { Token } from './template-tokens.ts';
import {
  convertWorkflowTemplate,
  isMapping,
  isSequence,
  isString,
  NoOperationTraceWriter,
  parseWorkflow,
} from './workflow-parser.ts';

/** A step as written; tokens are evaluated when it runs. */
export interface WorkflowStep {
  /** What the `steps` context and GITHUB_ACTION call it: its id, or a name made of its kind (`__run_2`). */
  readonly contextName: string;
  readonly name: Token | undefined;
  /** An expression, with `success() &&` already before one that asks for no status. */
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
  /** By `permissions` of the job, else of the workflow. */
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
  /** In the order of the file; a job's needs are among them. */
  readonly jobs: readonly WorkflowJob[];
}

/** A workflow that GitHub, or this runner, would not start; the message has a line for each fault. */
export class WorkflowError extends Error {
  override readonly name = 'WorkflowError';
}

function getChild(token: Token | undefined, ...path: readonly string[]): Token | undefined {
  let at = token;
  for (const key of path) at = at !== undefined && isMapping(at) ? at.find(key) : undefined;
  return at;
}

function getItems(token: Token | undefined): Token[] {
  return token !== undefined && isSequence(token) ? [...token] : [];
}

const UNSUPPORTED_JOB_KEYS = ['container', 'services', 'strategy', 'snapshot', 'uses'];
const UNSUPPORTED_STEP_KEYS = ['background', 'wait', 'wait-all', 'cancel', 'parallel'];

function findUnsupportedKeys(file: string, token: Token, keys: readonly string[], where: string): string[] {
  return keys.flatMap((key) => {
    const found = getChild(token, key);
    if (found === undefined) return [];
    const line = found.line ?? token.line ?? 1;
    return [`${file} (Line: ${line}): '${key}' of a ${where} is beyond this runner; write it without.`];
  });
}

function findUnsupportedAction(file: string, step: Token): string[] {
  const uses = getChild(step, 'uses');
  if (uses === undefined || !isString(uses) || isSupportedAction(uses.value)) return [];
  return [
    `${file} (Line: ${uses.line ?? 1}): '${uses.value}' is beyond this runner; ${SUPPORTED_ACTIONS_HINT}.`,
  ];
}

function findUnsupported(file: string, root: Token): string[] {
  const jobs = getChild(root, 'jobs');
  if (jobs === undefined || !isMapping(jobs)) return [];
  return [...jobs].flatMap(({ value: job }) => [
    ...findUnsupportedKeys(file, job, UNSUPPORTED_JOB_KEYS, 'job'),
    ...getItems(getChild(job, 'steps')).flatMap((step) => [
      ...findUnsupportedKeys(file, step, UNSUPPORTED_STEP_KEYS, 'step'),
      ...findUnsupportedAction(file, step),
    ]),
  ]);
}

function toStep(template: RunStep | ActionStep, token: Token): WorkflowStep {
  const uses = getChild(token, 'uses');
  return {
    contextName: template.id,
    name: getChild(token, 'name'),
    condition: template.if.expression,
    env: getChild(token, 'env'),
    uses: uses !== undefined && isString(uses) ? uses.value : undefined,
    with: getChild(token, 'with'),
    run: getChild(token, 'run'),
    shell: getChild(token, 'shell'),
    workingDirectory: getChild(token, 'working-directory'),
    timeoutMinutes: getChild(token, 'timeout-minutes'),
    continueOnError: getChild(token, 'continue-on-error'),
  };
}

function toSteps(template: JobTemplate, token: Token): WorkflowStep[] {
  const tokens = getItems(getChild(token, 'steps'));
  return template.steps.flatMap((step, index) => {
    const stepToken = tokens[index];
    return stepToken !== undefined && ('run' in step || 'uses' in step) ? [toStep(step, stepToken)] : [];
  });
}

function toJob(root: MappingToken, template: JobTemplate): WorkflowJob {
  const token = getChild(root, 'jobs', template.id.value);
  const defaults = (key: string) =>
    getChild(token, 'defaults', 'run', key) ?? getChild(root, 'defaults', 'run', key);
  return {
    id: template.id.value,
    name: getChild(token, 'name'),
    needs: template.needs?.map((need) => need.value) ?? [],
    condition: template.if.expression,
    runsOn: getChild(token, 'runs-on'),
    permissions: parsePermissions(getChild(token, 'permissions') ?? getChild(root, 'permissions')),
    environment: getChild(token, 'environment'),
    env: getChild(token, 'env'),
    defaults: { shell: defaults('shell'), workingDirectory: defaults('working-directory') },
    outputs: getChild(token, 'outputs'),
    timeoutMinutes: getChild(token, 'timeout-minutes'),
    continueOnError: getChild(token, 'continue-on-error'),
    steps: token === undefined ? [] : toSteps(template, token),
  };
}

/**
 * Parses and validates a workflow by GitHub's own parser.
 * @param file the name that faults are reported under.
 * @throws {WorkflowError} with line and column of each fault.
 */
export async function parseWorkflowText(content: string, file: string): Promise<Workflow> {
  const { context, value } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter());
  const errorMessages = () => context.errors.getErrors().map((error) => error.message);
  if (value === undefined || !isMapping(value) || errorMessages().length > 0) {
    throw new WorkflowError([...new Set(errorMessages())].join('\n') || `${file}: not a workflow.`);
  }
  const template = await convertWorkflowTemplate(context, value);
  const errors = [...errorMessages(), ...findUnsupported(file, value)];
  if (errors.length > 0) throw new WorkflowError([...new Set(errors)].join('\n'));
  const name = getChild(value, 'name');
  return {
    name: name !== undefined && isString(name) ? name.value : file,
    file,
    events: template.events,
    env: getChild(value, 'env'),
    jobs: template.jobs
      .filter((job): job is JobTemplate => job.type === 'job')
      .map((job) => toJob(value, job)),
  };
}

/**
 * Reads the workflow in a file, see {@link parseWorkflowText}.
 * @throws {WorkflowError} also where the file cannot be read.
 */
export async function readWorkflow(path: string): Promise<Workflow> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch {
    throw new WorkflowError(`${path} cannot be read: name a workflow file that exists.`);
  }
  return parseWorkflowText(content, basename(path));
}
