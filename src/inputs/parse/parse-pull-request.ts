import type { InputReader } from '../input-reader.ts';
import type { InputName } from '../schema.ts';
import type { Config, PullRequestConfig } from '../types.ts';
import type { WorkflowEvent } from '../workflow-event.ts';

/** Replaces a missing number after its error was added, so that the other inputs can be checked too. */
const PLACEHOLDER_NUMBER = 1;

/** The pull request of `pull-request-number` or else of the event. A missing one is an error, never the base database. */
export function parsePullRequest(inputs: InputReader, event: WorkflowEvent): PullRequestConfig {
  const number = inputs.get('pull-request-number') ?? event.pullRequest?.number;
  if (number === undefined && !inputs.isSet('pull-request-number')) {
    inputs.addMissingError(
      'pull-request-number',
      `the event ${event.name || '(unknown)'} has no pull request, so set the number`,
    );
  }
  if (event.repository.id === '')
    inputs.addError(
      'per-pull-request needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow',
    );
  const state = number === event.pullRequest?.number ? event.pullRequest?.state : undefined;
  return { number: number ?? PLACEHOLDER_NUMBER, repository: event.repository, state };
}

/** The run of a step, by which an input of its config-file can belong to another step. */
export interface StepContext {
  readonly mode: Config['mode'];
  readonly event: WorkflowEvent;
}

/**
 * Whether the config-file sets this input for steps that handle pull requests, and a step without `per-pull-request` ignores
 * it. In an `ensure` for a pull request's event it is not ignored, because there `per-pull-request` was probably forgotten,
 * and the pull request would use the base database.
 */
export const isForPullRequestSteps = (
  inputs: InputReader,
  name: InputName,
  { mode, event }: StepContext,
): boolean => inputs.isFromFile(name) && (mode === 'check' || event.pullRequest === undefined);

/** Rejects the inputs that need `per-pull-request`. */
export function rejectWithoutPullRequest(inputs: InputReader, step: StepContext): void {
  const isSet = {
    reset: inputs.get('reset') ?? false,
    'expires-in': inputs.isSet('expires-in'),
    comment: inputs.get('comment') ?? false,
  };
  // An invalid value may have meant true, and has its own error.
  if (inputs.get('per-pull-request') ?? inputs.isSet('per-pull-request')) return;
  const reject = (name: keyof typeof isSet, reason: string): void => {
    if (isSet[name] && !isForPullRequestSteps(inputs, name, step))
      inputs.addError(`${name} needs per-pull-request: true, because ${reason}`);
  };
  reject('reset', 'a base database is never dropped');
  reject('expires-in', 'a base database never expires');
  reject('comment', 'the comment is on a pull request');
  if (inputs.isSet('pull-request-number'))
    inputs.addError(
      'pull-request-number needs per-pull-request: true; without it, the base database is used',
    );
}
