import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import {
  convertWorkflowTemplate,
  NoOperationTraceWriter,
  parseWorkflow,
} from '../workflow-runner/workflow-parser.ts';

/*
 * Checks the workflows of this repository and its examples: GitHub's own schema, and rules against the usual attacks. CI also
 * runs actionlint and zizmor, which have no npm package.
 */

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  /** A reusable workflow. */
  readonly uses?: string;
  readonly if?: string;
  readonly permissions?: unknown;
  readonly 'timeout-minutes'?: unknown;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on?: unknown;
  readonly permissions?: unknown;
  readonly jobs?: Readonly<Record<string, Job>>;
}

/** This action itself: `v1` is its own tag, and users decide about a pin. */
const OWN_ACTION = /^OWNER\/azure-postgresql-action@v\d+$|^\.\//;
const PINNED_ACTION = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/;

/** An example is kept short: it leaves out what only limits the damage of an error. */
export type WorkflowPurpose = 'own' | 'example';

/**
 * What is wrong with a workflow, a line each.
 * @param text of the file
 */
export async function findWorkflowErrors(text: string, purpose: WorkflowPurpose): Promise<readonly string[]> {
  const schemaErrors = await findSchemaErrors(text);
  if (schemaErrors.length > 0) return schemaErrors;
  const workflow: Workflow = parse(text);
  const jobs = Object.entries(workflow.jobs ?? {});
  return [
    ...findPinErrors(workflow, text),
    ...findPermissionErrors(workflow),
    ...jobs.flatMap(([id, job]) =>
      [...findJobErrors(workflow, job), ...(purpose === 'own' ? findHardeningErrors(job) : [])].map(
        (error) => `job ${id}: ${error}`,
      ),
    ),
  ];
}

/** The errors with which GitHub would not start the workflow. */
async function findSchemaErrors(text: string): Promise<readonly string[]> {
  const { context, value } = parseWorkflow({ name: 'workflow', content: text }, new NoOperationTraceWriter());
  if (value !== undefined && context.errors.getErrors().length === 0)
    await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

/** Each `uses:` of another action needs a full commit SHA, and its version in a comment, which Dependabot updates too. */
function findPinErrors({ jobs = {} }: Workflow, text: string): readonly string[] {
  const actions = Object.values(jobs).flatMap(({ uses, steps = [] }) => [
    uses,
    ...steps.map((step) => step.uses),
  ]);
  return [...new Set(actions)].flatMap((action) => {
    if (action === undefined || OWN_ACTION.test(action)) return [];
    if (!PINNED_ACTION.test(action)) return [`${action} has no full commit SHA`];
    const comments = text.split('\n').flatMap((line) => line.split(`uses: ${action}`).slice(1));
    return comments.length > 0 && comments.every((comment) => /^ # v\d+\.\d+\.\d+$/.test(comment))
      ? []
      : [`${action} has no comment with its version`];
  });
}

function findPermissionErrors({ permissions, jobs = {} }: Workflow): readonly string[] {
  const all = [permissions, ...Object.values(jobs).map((job) => job.permissions)];
  return [
    ...(permissions === undefined ? ['has no permissions at the top, so jobs can get too many'] : []),
    ...(all.some((each) => typeof each === 'string') ? ['has read-all or write-all permissions'] : []),
  ];
}

const isCheckout = ({ uses = '' }: Step): boolean => uses.startsWith('actions/checkout@');

const triggers = ({ on }: Workflow): readonly string[] => {
  if (typeof on === 'string') return [on];
  return Array.isArray(on) ? on.map(String) : Object.keys(Object(on));
};

function findJobErrors(workflow: Workflow, job: Job): readonly string[] {
  const { steps = [], permissions = workflow.permissions } = job;
  const errors: string[] = [];
  for (const { run = '', with: inputs = {} } of steps) {
    if (run.includes('${{') || String(inputs['script'] ?? '').includes('${{'))
      errors.push('has an expression in a script: pass the value in env');
  }
  if (steps.some(isCheckout) && runsUntrustedCode(workflow, job))
    errors.push('checks out on pull_request_target or workflow_run');
  if (canWriteContents(permissions)) errors.push(...steps.flatMap(findCacheErrors));
  return errors;
}

function findHardeningErrors(job: Job): readonly string[] {
  const keepsToken = (step: Step): boolean =>
    isCheckout(step) && step.with?.['persist-credentials'] !== false;
  return [
    ...(job['timeout-minutes'] === undefined ? ['has no timeout-minutes'] : []),
    ...(job.permissions === undefined ? ['declares no permissions'] : []),
    ...(job.steps?.some(keepsToken)
      ? ['checks out without persist-credentials: false, so later steps can read the token']
      : []),
  ];
}

/** Whether the job runs on an event that gives secrets to a run about the code of a fork. */
const runsUntrustedCode = (workflow: Workflow, { if: condition = '' }: Job): boolean =>
  triggers(workflow).some((event) => event === 'pull_request_target' || event === 'workflow_run') &&
  !/github\.event_name == 'pull_request'(?!_)/.test(condition);

const canWriteContents = (permissions: unknown): boolean => Object(permissions)['contents'] === 'write';

/** Every workflow, also one of a pull request, can write the caches of its branch, and main's are read by all. */
function findCacheErrors({ uses = '', with: inputs = {} }: Step): readonly string[] {
  if (/^actions\/cache[/@]/.test(uses)) return ['restores a cache in a job that can write to the repository'];
  const setsUpNode = uses.startsWith('actions/setup-node@');
  return inputs['cache'] !== undefined || (setsUpNode && inputs['package-manager-cache'] !== false)
    ? ['can restore a cache in a job that can write to the repository']
    : [];
}

/** The versions, such as `actions/checkout v7.0.1`, whose comment is at different commits in these texts. */
export function findConflictingPins(texts: readonly string[]): readonly string[] {
  const commits = new Map<string, Set<string>>();
  const pins = texts.join('\n').matchAll(/uses:\s*([\w.-]+\/[\w.-]+)[^@\s]*@([0-9a-f]{40}) # (\S+)/g);
  for (const [, action, commit = '', version] of pins) {
    const key = `${action} ${version}`;
    commits.set(key, (commits.get(key) ?? new Set()).add(commit));
  }
  return [...commits].filter(([, all]) => all.size > 1).map(([key]) => key);
}

export interface WorkflowFile {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly purpose: WorkflowPurpose;
  readonly text: string;
}

/** The workflows of this repository and its examples. */
export const readWorkflows = (root: string): readonly WorkflowFile[] =>
  globSync(['.github/workflows/*.yml', 'examples/*.yml'], { cwd: root }).map((path) => ({
    path,
    purpose: path.startsWith('.github') ? 'own' : 'example',
    text: readFileSync(join(root, path), 'utf8'),
  }));

if (import.meta.main) {
  const files = readWorkflows('.');
  const errors = findConflictingPins(files.map(({ text }) => text)).map(
    (key) => `${key} has different commits`,
  );
  for (const { path, purpose, text } of files)
    errors.push(...(await findWorkflowErrors(text, purpose)).map((error) => `${path}: ${error}`));
  if (errors.length > 0) {
    console.error(errors.join('\n'));
    process.exit(1);
  }
}
