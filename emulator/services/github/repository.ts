import { type Account, exampleRepository, OCTOCAT, stableId } from './accounts.ts';

/** The head or the base of a pull request. */
export interface BranchReference {
  readonly ref: string;
  readonly sha: string;
}

/** The repository of a pull request's head or base. */
export interface RepositoryReference {
  readonly id: number;
  readonly fullName: string;
}

export interface PullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly title: string;
  readonly body: string | null;
  readonly draft: boolean;
  readonly merged: boolean;
  readonly user: Account;
  /** Names of labels. */
  readonly labels: readonly string[];
  /** `same` for a branch of the repository itself, null for a deleted fork. */
  readonly headRepository: RepositoryReference | 'same' | null;
  readonly head: BranchReference;
  readonly base: BranchReference;
  /** Times have the form `2031-07-20T20:17:40Z`. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly closedAt: string | null;
}

export const STATE_REASONS = ['completed', 'not_planned', 'duplicate', 'reopened'] as const;

/** The reason of an issue's state: `reopened` for an open issue, the others for a closed one. */
export type StateReason = (typeof STATE_REASONS)[number];

export interface Issue {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly stateReason: StateReason | null;
  readonly title: string;
  readonly body: string | null;
  readonly user: Account;
  /** Names of labels. */
  readonly labels: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly closedAt: string | null;
  readonly closedBy: Account | null;
}

export interface IssueComment {
  readonly id: number;
  /** Number of the issue or the pull request. */
  readonly issue: number;
  readonly body: string;
  readonly user: Account;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface WorkflowRun {
  readonly id: number;
  readonly name: string;
  /** Path of the workflow file in the repository. */
  readonly path: string;
  readonly event: string;
  readonly headBranch: string;
  readonly headSha: string;
  readonly status: string;
  /** Null until the run is completed. */
  readonly conclusion: string | null;
  readonly attempt: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The current time in GitHub's form: UTC, in seconds. */
export function currentGitHubTime(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** An open pull request from a branch of the repository itself, with default values. */
export function defaultPull(number: number): PullRequest {
  const now = currentGitHubTime();
  return {
    number,
    state: 'open',
    title: `Pull request ${number}`,
    body: null,
    draft: false,
    merged: false,
    user: OCTOCAT,
    labels: [],
    headRepository: 'same',
    head: { ref: `topic-${number}`, sha: fakeCommitSha(`head ${number}`) },
    base: { ref: 'main', sha: fakeCommitSha('base') },
    createdAt: now,
    updatedAt: now,
    closedAt: null,
  };
}

/** An open issue with default values. */
export function defaultIssue(number: number): Issue {
  const now = currentGitHubTime();
  return {
    number,
    state: 'open',
    stateReason: null,
    title: `Issue ${number}`,
    body: null,
    user: OCTOCAT,
    labels: [],
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    closedBy: null,
  };
}

/** Derive the fields that depend on the state of an issue. `previous` shows whether the issue was reopened. */
function alignStateFields(issue: Issue, previous: Issue): Issue {
  const { state, stateReason } = issue;
  if (state === 'open') {
    const reopened = previous.state === 'closed' || stateReason === 'reopened';
    // Inferred: a reopened issue has no `closed_by`.
    return { ...issue, stateReason: reopened ? 'reopened' : null, closedAt: null, closedBy: null };
  }
  return {
    ...issue,
    stateReason: stateReason === null || stateReason === 'reopened' ? 'completed' : stateReason,
    closedAt: issue.closedAt ?? currentGitHubTime(),
    closedBy: issue.closedBy ?? OCTOCAT,
  };
}

function defaultRun(id: number): WorkflowRun {
  const now = currentGitHubTime();
  return {
    id,
    name: 'deploy',
    path: '.github/workflows/deploy.yml',
    event: 'push',
    headBranch: 'main',
    headSha: fakeCommitSha('base'),
    status: 'in_progress',
    conclusion: null,
    attempt: 1,
    createdAt: now,
    updatedAt: now,
  };
}

function fakeCommitSha(text: string): string {
  return stableId(text).toString(16).padStart(8, '0').repeat(5);
}

/** The form of a repository's OIDC subjects; `claims` names the claims of a customized one. */
export type OidcSubjectForm = 'name' | 'immutable' | { readonly claims: readonly string[] };

// One sequence for all repositories, as at GitHub.
let lastCommentId = 3_000_000_000;

/** A repository with its pull requests, issues, comments and workflow runs. */
export class Repository {
  readonly owner: string;
  readonly name: string;
  id: number;
  /** Id of its owner. */
  readonly ownerId: number;
  /** The form of the subjects of its OIDC tokens. */
  oidcSubject: OidcSubjectForm = 'name';
  /** The issuer of its OIDC tokens; undefined for that of github.com. */
  oidcIssuer: string | undefined;
  /** The negation of GitHub's `has_issues`. */
  issuesDisabled = false;
  readonly pulls = new Map<number, PullRequest>();
  readonly issues = new Map<number, Issue>();
  /** Numbers of deleted issues. GitHub answers 410 for them, and does not use the numbers again. */
  readonly deletedIssues = new Set<number>();
  readonly comments = new Map<number, IssueComment>();
  readonly runs = new Map<number, WorkflowRun>();

  constructor(fullName: string, id: number) {
    const [owner = '', name = ''] = fullName.split('/');
    this.owner = owner;
    this.name = name;
    this.id = id;
    this.ownerId = owner === exampleRepository.owner.login ? exampleRepository.owner.id : stableId(owner);
  }

  get fullName(): string {
    return `${this.owner}/${this.name}`;
  }

  /** The number of the next issue or pull request. They share one sequence. */
  get nextNumber(): number {
    return Math.max(0, ...this.pulls.keys(), ...this.issues.keys(), ...this.deletedIssues) + 1;
  }

  /** Change a pull request, or create one from {@link defaultPull}. */
  setPull(number: number, changes: Partial<PullRequest>): void {
    const current = this.pulls.get(number) ?? defaultPull(number);
    const updated = { ...current, updatedAt: currentGitHubTime(), ...changes };
    const closedAt = updated.state === 'open' ? null : (updated.closedAt ?? currentGitHubTime());
    this.pulls.set(number, { ...updated, closedAt });
  }

  /** Remove a pull request and its comments. */
  removePull(number: number): void {
    this.pulls.delete(number);
    this.#removeComments(number);
  }

  /** Change an issue, or create one from {@link defaultIssue}. The fields that depend on its state follow the state. */
  setIssue(number: number, changes: Partial<Issue>): Issue {
    const current = this.issues.get(number) ?? defaultIssue(number);
    const updated = alignStateFields({ ...current, updatedAt: currentGitHubTime(), ...changes }, current);
    this.issues.set(number, updated);
    this.deletedIssues.delete(number);
    return updated;
  }

  /** Delete an issue and its comments. */
  removeIssue(number: number): void {
    if (this.issues.delete(number)) this.deletedIssues.add(number);
    this.#removeComments(number);
  }

  /** The comments of an issue or a pull request, in ascending order of their ids. */
  listComments(issue: number): IssueComment[] {
    return [...this.comments.values()].filter((comment) => comment.issue === issue);
  }

  addComment(issue: number, body: string, user: Account, createdAt = currentGitHubTime()): IssueComment {
    lastCommentId += 1;
    const comment = { id: lastCommentId, issue, body, user, createdAt, updatedAt: createdAt };
    this.comments.set(comment.id, comment);
    const commented = this.issues.get(issue);
    // A comment updates its issue, for `since` and `sort=updated`.
    if (commented && commented.updatedAt < createdAt) {
      this.issues.set(issue, { ...commented, updatedAt: createdAt });
    }
    return comment;
  }

  /** Change a workflow run, or create one that is in progress. */
  setRun(id: number, changes: Partial<WorkflowRun>): void {
    const current = this.runs.get(id) ?? defaultRun(id);
    this.runs.set(id, { ...current, updatedAt: currentGitHubTime(), ...changes });
  }

  #removeComments(issue: number): void {
    for (const { id } of this.listComments(issue)) this.comments.delete(id);
  }
}
