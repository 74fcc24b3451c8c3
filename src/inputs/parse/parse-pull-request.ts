import type { InputReader } from '../input-reader.ts';
import type { PullRequestConfig } from '../types.ts';
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

/** Rejects the inputs that need `per-pull-request`. */
export function rejectWithoutPullRequest(inputs: InputReader): void {
  const [reset, comment] = [inputs.get('reset'), inputs.get('comment')];
  // An invalid value may have meant true, and has its own error.
  if (inputs.get('per-pull-request') ?? inputs.isSet('per-pull-request')) return;
  if (reset) inputs.addError('reset needs per-pull-request: true, because a base database is never dropped');
  if (inputs.isSet('expires-in'))
    inputs.addError('expires-in needs per-pull-request: true, because a base database never expires');
  if (comment)
    inputs.addError('comment needs per-pull-request: true, because the comment is on a pull request');
  if (inputs.isSet('pull-request-number'))
    inputs.addError(
      'pull-request-number needs per-pull-request: true; without it, the base database is used',
    );
}
