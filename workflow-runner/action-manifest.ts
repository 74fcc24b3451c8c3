import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionTemplate } from '@actions/workflow-parser/actions/action-template';
import { StepError } from './planned-step.ts';
import type { Token } from './template-tokens.ts';
import { convertActionTemplate, NoOperationTraceWriter, parseAction } from './workflow-parser.ts';

export interface ActionInput {
  readonly name: string;
  readonly default: Token | undefined;
  readonly deprecationMessage: string | undefined;
}

/** A JavaScript action as its action.yml describes it. */
export interface ActionManifest {
  readonly directory: string;
  readonly inputs: readonly ActionInput[];
  readonly main: string;
  readonly hasPre: boolean;
  readonly post: string | undefined;
  /** When `post` runs: an expression, by default `always()`. */
  readonly postIf: string;
}

function readManifestFile(directory: string): { file: string; content: string } {
  for (const name of ['action.yml', 'action.yaml']) {
    try {
      return { file: name, content: readFileSync(join(directory, name), 'utf8') };
    } catch {
      // The other name may be there.
    }
  }
  throw new StepError(`There is no action.yml in ${directory}: check the path after 'uses:'.`);
}

function parseManifest(directory: string, file: string, template: ActionTemplate): ActionManifest {
  const { runs } = template;
  if (!('main' in runs) || !/^node\d+$/.test(runs.using)) {
    throw new StepError(
      `${file} of ${directory} says 'using: ${runs.using}'; this runner takes JavaScript actions.`,
    );
  }
  return {
    directory,
    inputs: (template.inputs ?? []).map((input) => ({
      name: input.id,
      default: input.default,
      deprecationMessage: input.deprecationMessage,
    })),
    main: runs.main,
    hasPre: runs.pre !== undefined,
    post: runs.post,
    postIf: runs.postIf ?? 'always()',
  };
}

/**
 * Reads a local action's action.yml by GitHub's own parser.
 * @throws {StepError} where there is none, it has faults (each with its line), or is no JavaScript action.
 */
export function readManifest(directory: string): ActionManifest {
  const { file, content } = readManifestFile(directory);
  const { context, value } = parseAction({ name: file, content }, new NoOperationTraceWriter());
  const template = value === undefined ? undefined : convertActionTemplate(context, value);
  const errors = context.errors.getErrors().map((error) => error.message);
  if (template === undefined || errors.length > 0) {
    throw new StepError([`${file} of ${directory} cannot be taken:`, ...new Set(errors)].join('\n'));
  }
  return parseManifest(directory, file, template);
}
