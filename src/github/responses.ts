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
export class UnexpectedResponseError extends Error {
  override readonly name = 'UnexpectedResponseError';

  /** @param missing what the answer should have */
  constructor(missing: string) {
    super(`the answer has no ${missing}, so it is not one of GitHub's API`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

const asFields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

function readId(value: unknown, name: string): number {
  const id = asFields(value)[name];
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return id;
  throw new UnexpectedResponseError(name);
}

function readText(value: unknown, name: string): string {
  const text = asFields(value)[name];
  if (typeof text === 'string' && text !== '') return text;
  throw new UnexpectedResponseError(name);
}

function readState(value: unknown): 'open' | 'closed' {
  const state = readText(value, 'state');
  if (state === 'open' || state === 'closed') return state;
  throw new UnexpectedResponseError('state that is open or closed');
}

/** GitHub leaves an empty body out, or gives null. */
function readBody(value: unknown): string {
  const { body = null } = asFields(value);
  if (typeof body === 'string') return body;
  if (body === null) return '';
  throw new UnexpectedResponseError('body that is text');
}

function readAuthor(value: unknown): string {
  const { user = null } = asFields(value);
  return user === null ? '' : readText(user, 'login');
}

/** @throws `UnexpectedResponseError`, as all of these */
export const parsePullRequest = (value: unknown): PullRequest => ({
  number: readId(value, 'number'),
  state: readState(value),
});

export function parseWorkflowRun(value: unknown): WorkflowRun {
  const { run_attempt: attempt = 1 } = asFields(value);
  if (!Number.isSafeInteger(attempt)) throw new UnexpectedResponseError('run_attempt');
  return { id: readId(value, 'id'), status: readText(value, 'status'), attempt: Number(attempt) };
}

export const parseComment = (value: unknown): Comment => ({
  id: readId(value, 'id'),
  body: readBody(value),
  author: readAuthor(value),
});

/** @returns undefined for a pull request, which is an issue to GitHub, and for one that is not open or of another author */
export function parseOpenIssue(value: unknown, author: string): Issue | undefined {
  const issue = { number: readId(value, 'number'), title: readText(value, 'title'), body: readBody(value) };
  const isOurs = readState(value) === 'open' && readAuthor(value) === author;
  return isOurs && asFields(value)['pull_request'] === undefined ? issue : undefined;
}

export const parseViewerLogin = (answer: unknown): string => readText(asFields(answer)['viewer'], 'login');

export const parseCreatedId = (value: unknown): number => readId(value, 'id');

export const parseCreatedNumber = (value: unknown): number => readId(value, 'number');

/** The entries of one page of a list. */
export function parseList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnexpectedResponseError('list');
}
