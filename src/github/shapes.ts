/** A comment as far as it matters here. */
export interface Comment {
  readonly id: number;
  readonly body: string;
  /** A login, of a GitHub App with `[bot]` behind it; empty where the account is gone. */
  readonly author: string;
}

/** An issue as far as it matters here. */
export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
}

/** A pull request as far as it matters here. */
export interface PullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed';
}

/** A workflow run as far as it matters here. */
export interface WorkflowRun {
  readonly id: number;
  /** `completed`, `in_progress`, `queued` and others. */
  readonly status: string;
  readonly attempt: number;
}

/** An answer of GitHub, or of a proxy before it, that is not what the documentation says. */
export class WrongShape extends Error {
  override readonly name = 'WrongShape';

  /** @param missing what the answer should have */
  constructor(missing: string) {
    super(`the answer has no ${missing}, so it is not one of GitHub's API`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

function idOf(value: unknown, name: string): number {
  const id = fieldsOf(value)[name];
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return id;
  throw new WrongShape(name);
}

function textOf(value: unknown, name: string): string {
  const text = fieldsOf(value)[name];
  if (typeof text === 'string' && text !== '') return text;
  throw new WrongShape(name);
}

function stateOf(value: unknown): 'open' | 'closed' {
  const state = textOf(value, 'state');
  if (state === 'open' || state === 'closed') return state;
  throw new WrongShape('state that is open or closed');
}

/** GitHub leaves an empty body out, or gives null. */
function bodyOf(value: unknown): string {
  const { body = null } = fieldsOf(value);
  if (typeof body === 'string') return body;
  if (body === null) return '';
  throw new WrongShape('body that is text');
}

function authorOf(value: unknown): string {
  const { user = null } = fieldsOf(value);
  return user === null ? '' : textOf(user, 'login');
}

/** @throws `WrongShape`, as all of these */
export const pullRequestOf = (value: unknown): PullRequest => ({
  number: idOf(value, 'number'),
  state: stateOf(value),
});

export function workflowRunOf(value: unknown): WorkflowRun {
  const { run_attempt: attempt = 1 } = fieldsOf(value);
  if (!Number.isSafeInteger(attempt)) throw new WrongShape('run_attempt');
  return { id: idOf(value, 'id'), status: textOf(value, 'status'), attempt: Number(attempt) };
}

export const commentOf = (value: unknown): Comment => ({
  id: idOf(value, 'id'),
  body: bodyOf(value),
  author: authorOf(value),
});

/** @returns undefined for a pull request, which is an issue to GitHub, and for one that is not open or of another author */
export function openIssueOf(value: unknown, author: string): Issue | undefined {
  const issue = { number: idOf(value, 'number'), title: textOf(value, 'title'), body: bodyOf(value) };
  const isOurs = stateOf(value) === 'open' && authorOf(value) === author;
  return isOurs && fieldsOf(value)['pull_request'] === undefined ? issue : undefined;
}

export const loginOf = (answer: unknown): string => textOf(fieldsOf(answer)['viewer'], 'login');

export const createdId = (value: unknown): number => idOf(value, 'id');

export const createdNumber = (value: unknown): number => idOf(value, 'number');

/** The entries of one page of a list. */
export function entriesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new WrongShape('list');
}
