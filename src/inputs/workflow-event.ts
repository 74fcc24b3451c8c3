import type { RepositoryConfig } from './types.ts';

/** The event that started the workflow, as far as the configuration depends on it. */
export interface WorkflowEvent {
  /** Such as `pull_request` or `push`; empty if it is unknown. */
  readonly name: string;
  /** The repository of the workflow; its id is empty if it is unknown. */
  readonly repository: RepositoryConfig;
  readonly actor: string;
  /** The pull request of the event, if it has one. */
  readonly pullRequest: EventPullRequest | undefined;
}

export interface EventPullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed' | undefined;
  /** Whether its commits come from another repository, even a deleted one. */
  readonly fromFork: boolean;
}

export const NO_EVENT: WorkflowEvent = {
  name: '',
  repository: { id: '', name: '' },
  actor: '',
  pullRequest: undefined,
};

/** Events whose runs get no secrets if the pull request comes from a fork; see docs/azure-behavior.md#runs-without-secrets. */
const FORK_EVENTS = ['pull_request', 'pull_request_review', 'pull_request_review_comment'];

/** Events whose runs get no Actions secrets if Dependabot triggers them. */
const DEPENDABOT_EVENTS = [
  ...FORK_EVENTS,
  'pull_request_target',
  'push',
  'create',
  'deployment',
  'deployment_status',
];

/**
 * Because of whom GitHub withholds this repository's secrets from the run; undefined if it does not. A run of Dependabot can
 * have Dependabot secrets instead. `actor` is the one who triggered the first attempt, so a re-run changes nothing.
 */
export function secretsWithheldFrom({
  name,
  pullRequest,
  actor,
}: WorkflowEvent): 'fork' | 'dependabot' | undefined {
  if (FORK_EVENTS.includes(name) && pullRequest?.fromFork === true) return 'fork';
  return DEPENDABOT_EVENTS.includes(name) && actor === 'dependabot[bot]' ? 'dependabot' : undefined;
}

/** Whether this run has the secrets of the base repository, but runs for a pull request of a fork. */
export const runsForkWithSecrets = ({ name, pullRequest }: WorkflowEvent): boolean =>
  name === 'pull_request_target' && pullRequest?.fromFork === true;
