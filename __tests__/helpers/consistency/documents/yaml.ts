import { Ajv } from 'ajv';
import { parseDocument, parse as parseYaml, stringify } from 'yaml';
import { readWrittenSchema } from '../../../../scripts/schema.ts';
import { secretInputs } from '../../../../src/inputs/schema.ts';
import {
  convertWorkflowTemplate,
  NoOperationTraceWriter,
  parseAction,
  parseWorkflow,
} from '../../../../workflow-runner/workflow-parser.ts';
import { type CodeBlock, lineIn, type Problem } from '../../document.ts';
import { findInputErrors, inputNames } from './inputs.ts';

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasAny = (value: Mapping, ...keys: readonly string[]): boolean => keys.some((key) => key in value);

const JOB_KEYS = ['runs-on', 'steps'];
const WORKFLOW_KEYS = ['on', 'permissions', 'concurrency', 'defaults', 'run-name'];
const STEP_KEYS = ['uses', 'run', 'parallel', 'wait', 'wait-all', 'cancel'];
const EXAMPLE_STEPS = [{ run: 'true' }];

const toJob = (job: Mapping): Mapping => ({ 'runs-on': 'ubuntu-latest', steps: EXAMPLE_STEPS, ...job });

const toWorkflow = (steps: readonly unknown[]): Mapping => ({ on: 'push', jobs: { job: toJob({ steps }) } });

/** The workflow that a part of a workflow belongs to; undefined for other YAML. */
function completeWorkflow(value: unknown): Mapping | undefined {
  if (Array.isArray(value))
    return value.length > 0 && value.every((step) => isMapping(step) && hasAny(step, ...STEP_KEYS))
      ? toWorkflow(value)
      : undefined;
  if (!isMapping(value) || 'runs' in value) return undefined;
  if (isMapping(value['jobs'])) return { on: 'push', ...value };
  if (hasAny(value, ...STEP_KEYS)) return toWorkflow([value]);
  if (Array.isArray(value['steps']) || 'runs-on' in value) return { on: 'push', jobs: { job: toJob(value) } };
  const parts = Object.values(value);
  if (parts.length > 0 && parts.every((part) => isMapping(part) && hasAny(part, ...JOB_KEYS)))
    return {
      on: 'push',
      jobs: Object.fromEntries(Object.entries(value).map(([id, job]) => [id, toJob(job as Mapping)])),
    };
  return hasAny(value, ...WORKFLOW_KEYS) ? { on: 'push', jobs: { job: toJob({}) }, ...value } : undefined;
}

/** A workflow and not only a part of one. */
const isWholeWorkflow = (value: unknown): boolean => isMapping(value) && 'jobs' in value;

/** Whether a text is YAML of a workflow, and not only of a part of one. */
export function hasWholeWorkflow(text: string): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && isWholeWorkflow(document.toJS());
}

/**
 * A workflow without the keys of parallel steps, which GitHub has since June 2026 and @actions/workflow-parser does not know
 * yet.
 */
function withoutParallelSteps(value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((item) => asSequentialSteps(item).map(withoutParallelSteps));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutParallelSteps(item)]));
}

function asSequentialSteps(step: unknown): readonly unknown[] {
  if (!isMapping(step)) return [step];
  const { background: _, ...rest } = step;
  if (Array.isArray(rest['parallel'])) return rest['parallel'].flatMap(asSequentialSteps);
  return hasAny(rest, 'wait', 'wait-all', 'cancel') ? EXAMPLE_STEPS : [rest];
}

async function findWorkflowErrors(workflow: Mapping): Promise<readonly string[]> {
  const file = { name: 'workflow', content: stringify(withoutParallelSteps(workflow)) };
  const { context, value } = parseWorkflow(file, new NoOperationTraceWriter());
  if (value !== undefined) await convertWorkflowTemplate(context, value);
  // Their lines are those of the completed workflow.
  return [
    ...new Set(context.errors.getErrors().map(({ message }) => message.replace(/^workflow \(.*?\): /, ''))),
  ];
}

function findActionErrors(value: Mapping): readonly string[] {
  const file = {
    name: 'action',
    content: stringify({ name: 'action', description: 'An action.', ...value }),
  };
  const { context } = parseAction(file, new NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}

/** Every mapping inside a value that uses this action. */
function findOwnSteps(value: unknown): readonly Mapping[] {
  if (Array.isArray(value)) return value.flatMap(findOwnSteps);
  if (!isMapping(value)) return [];
  const uses = value['uses'];
  const isOwn = typeof uses === 'string' && /^\.\/$|\/azure-postgresql-action@/.test(uses);
  return isOwn ? [value] : Object.values(value).flatMap(findOwnSteps);
}

const validateConfigFile = new Ajv({ allowUnionTypes: true }).compile(readWrittenSchema() as object);

/** Whether a mapping has inputs of the action: a config-file, or a part of `with:`. */
function hasInputs(value: Mapping): boolean {
  const keys = Object.keys(value);
  return keys.filter((key) => inputNames.has(key)).length * 2 > keys.length;
}

function findInputBlockErrors(value: Mapping, text: string): readonly string[] {
  const isStep = text.includes('${{') || secretInputs.some((name) => name in value) || 'config-file' in value;
  if (isStep) return findInputErrors(value, false);
  if (validateConfigFile(value)) return [];
  return (validateConfigFile.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `docs/config-file.schema.json rejects '${instancePath}': ${message} ${JSON.stringify(params)}`,
  );
}

/**
 * Checks a block of YAML: a workflow or a part of one against GitHub's schema, the steps with this action against action.yml
 * and the parser of its inputs, and a config-file against its schema. Other YAML only has to be valid.
 */
export async function findYamlProblems(block: CodeBlock): Promise<readonly Problem[]> {
  let value: unknown;
  try {
    value = parseYaml(block.text);
  } catch (error) {
    return [{ line: block.line, text: `The YAML is not valid: ${String(error)}` }];
  }
  const atBlock = (text: string): Problem => ({ line: block.line, text });
  const atInput = (text: string): Problem => {
    const [, name = ''] = /(?:no input '|inputs: |rejects '\/)([a-z0-9-]+)/.exec(text) ?? [];
    return { line: lineIn(block, `${name}:`), text };
  };
  const stepProblems = findOwnSteps(value).flatMap((step) =>
    findInputErrors(isMapping(step['with']) ? step['with'] : {}, isWholeWorkflow(value)).map(atInput),
  );
  const workflow = completeWorkflow(value);
  if (workflow !== undefined) return [...(await findWorkflowErrors(workflow)).map(atBlock), ...stepProblems];
  if (!isMapping(value)) return [];
  if ('runs' in value) return [...findActionErrors(value).map(atBlock), ...stepProblems];
  if (isMapping(value['with'])) return findInputErrors(value['with'], false).map(atInput);
  return hasInputs(value) ? findInputBlockErrors(value, block.text).map(atInput) : [];
}
