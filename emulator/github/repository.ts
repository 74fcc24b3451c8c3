import { type Account, octocat, stableId } from './accounts.ts';

/** One side of a pull request. */
export interface Branch {
  readonly ref: string;
  readonly sha: string;
}

/** A repository as a pull request's side names it. */
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
  /** `same` for a branch of the repository itself, null where the fork has been deleted. */
  readonly headRepository: RepositoryReference | 'same' | null;
  readonly head: Branch;
  readonly base: Branch;
  /** Times are in GitHub's form, `2031-07-20T20:17:40Z`. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly closedAt: string | null;
}

export interface Comment {
  readonly id: number;
  /** Number of the pull request that it stands under. */
  readonly pull: number;
  readonly body: string;
  readonly user: Account;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Run {
  readonly id: number;
  readonly name: string;
  /** Path of the workflow file in its repository. */
  readonly path: string;
  readonly event: string;
  readonly headBranch: string;
  readonly headSha: string;
  readonly status: string;
  /** Null until it is completed. */
  readonly conclusion: string | null;
  readonly attempt: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The present time as GitHub writes it: UTC, to the second. */
export function gitHubTime(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** An open pull request of which nothing but its number is known, with a branch of the repository itself. */
export function newPull(number: number): PullRequest {
  const now = gitHubTime();
  return {
    number,
    state: 'open',
    title: `Pull request ${number}`,
    body: null,
    draft: false,
    merged: false,
    user: octocat,
    headRepository: 'same',
    head: { ref: `topic-${number}`, sha: commitOf(`head ${number}`) },
    base: { ref: 'main', sha: commitOf('base') },
    createdAt: now,
    updatedAt: now,
    closedAt: null,
  };
}

function newRun(id: number): Run {
  const now = gitHubTime();
  return {
    id,
    name: 'deploy',
    path: '.github/workflows/deploy.yml',
    event: 'push',
    headBranch: 'main',
    headSha: commitOf('base'),
    status: 'in_progress',
    conclusion: null,
    attempt: 1,
    createdAt: now,
    updatedAt: now,
  };
}

function commitOf(text: string): string {
  return stableId(text).toString(16).padStart(8, '0').repeat(5);
}

// Ids of comments are GitHub's own, unlike numbers: one sequence for all repositories.
let lastComment = 3_000_000_000;

/** A repository with its pull requests, the comments under them, and its workflow runs. */
export class Repository {
  readonly owner: string;
  readonly name: string;
  id: number;
  readonly pulls = new Map<number, PullRequest>();
  readonly comments = new Map<number, Comment>();
  readonly runs = new Map<number, Run>();

  constructor(fullName: string, id: number) {
    const [owner = '', name = ''] = fullName.split('/');
    this.owner = owner;
    this.name = name;
    this.id = id;
  }

  get fullName(): string {
    return `${this.owner}/${this.name}`;
  }

  /** Change a pull request, or make one, see {@link newPull}. */
  setPull(number: number, changes: Partial<PullRequest>): void {
    const before = this.pulls.get(number) ?? newPull(number);
    const after = { ...before, updatedAt: gitHubTime(), ...changes };
    const closedAt = after.state === 'open' ? null : (after.closedAt ?? gitHubTime());
    this.pulls.set(number, { ...after, closedAt });
  }

  /** Forget a pull request and what stands under it. */
  removePull(number: number): void {
    this.pulls.delete(number);
    for (const { id } of this.commentsOf(number)) this.comments.delete(id);
  }

  /** The comments under a pull request, ascending by id. */
  commentsOf(pull: number): Comment[] {
    return [...this.comments.values()].filter((comment) => comment.pull === pull);
  }

  addComment(pull: number, body: string, user: Account, createdAt = gitHubTime()): Comment {
    lastComment += 1;
    const comment = { id: lastComment, pull, body, user, createdAt, updatedAt: createdAt };
    this.comments.set(comment.id, comment);
    return comment;
  }

  /** Change a workflow run, or make one that is in progress. */
  setRun(id: number, changes: Partial<Run>): void {
    const before = this.runs.get(id) ?? newRun(id);
    this.runs.set(id, { ...before, updatedAt: gitHubTime(), ...changes });
  }
}
