import type { RepositoryConfig } from './types.ts';

/** What started the workflow, as far as the configuration depends on it. */
export interface WorkflowEvent {
  /** `pull_request`, `push` and so on; empty where nothing tells it. */
  readonly name: string;
  /** The repository that the workflow belongs to; an empty id where nothing tells it. */
  readonly repository: RepositoryConfig;
  readonly actor: string;
  /** The pull request that the event is about. */
  readonly pullRequest: EventPullRequest | undefined;
}

export interface EventPullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed' | undefined;
  /** Whether its commits come from another repository (one that is gone counts too). */
  readonly fromFork: boolean;
}

export const NO_EVENT: WorkflowEvent = {
  name: '',
  repository: { id: '', name: '' },
  actor: '',
  pullRequest: undefined,
};

/** Whether GitHub gives this run no secrets and no OIDC token: a fork's or Dependabot's `pull_request`. */
export function isUntrustedPullRequest({ name, pullRequest, actor }: WorkflowEvent): boolean {
  if (name !== 'pull_request') return false;
  return pullRequest?.fromFork === true || actor === 'dependabot[bot]';
}

/** Whether this run has the base repository's secrets while the pull request's code is a stranger's. */
export const runsForkWithSecrets = ({ name, pullRequest }: WorkflowEvent): boolean =>
  name === 'pull_request_target' && pullRequest?.fromFork === true;
