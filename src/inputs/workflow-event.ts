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

/**
 * Whether GitHub withholds secrets and OIDC tokens from this run: a `pull_request` event of a fork or of Dependabot.
 */
export function isUntrustedPullRequest({ name, pullRequest, actor }: WorkflowEvent): boolean {
  if (name !== 'pull_request') return false;
  return pullRequest?.fromFork === true || actor === 'dependabot[bot]';
}

/** Whether this run has the secrets of the base repository, but runs for a pull request of a fork. */
export const runsForkWithSecrets = ({ name, pullRequest }: WorkflowEvent): boolean =>
  name === 'pull_request_target' && pullRequest?.fromFork === true;
