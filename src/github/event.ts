import type { EventPullRequest, WorkflowEvent } from '../config/event.ts';

/** The parts of webhook payloads that matter here; whatever is missing or of another type is taken for missing. */
interface Payload {
  readonly repository?: { readonly id?: unknown; readonly full_name?: unknown } | undefined;
  readonly pull_request?: unknown;
  readonly issue?: unknown;
}

interface Repository {
  readonly id?: unknown;
  readonly full_name?: unknown;
  readonly fork?: unknown;
}

interface PayloadPullRequest {
  readonly number?: unknown;
  readonly state?: unknown;
  readonly head?: { readonly repo?: Repository | null };
  readonly base?: { readonly repo?: Repository | null };
}

/**
 * What started the workflow, by its webhook payload and GitHub's variables.
 * @param payload as GitHub wrote it to GITHUB_EVENT_PATH
 */
export function eventOf(payload: Payload, env: NodeJS.ProcessEnv): WorkflowEvent {
  const { repository } = payload;
  return {
    name: env['GITHUB_EVENT_NAME'] ?? '',
    repository: {
      id: numericId(env['GITHUB_REPOSITORY_ID']) ?? numericId(repository?.id) ?? '',
      name: repositoryName(env['GITHUB_REPOSITORY']) ?? repositoryName(repository?.full_name) ?? '',
    },
    actor: env['GITHUB_ACTOR'] ?? '',
    pullRequest: pullRequestOf(payload),
  };
}

/** `owner/name`, which become parts of URLs: of the characters that GitHub takes, and neither `.` nor `..`. */
const repositoryName = (name: unknown): string | undefined =>
  typeof name === 'string' && /^(?!\.\.?\/)[\w.-]+\/(?!\.\.?$)[\w.-]+$/.test(name) ? name : undefined;

const numericId = (id: unknown): string | undefined =>
  /^\d{1,20}$/.test(String(id)) ? String(id) : undefined;

/** The event's own, or the issue that a comment is on, where that is a pull request. */
function pullRequestOf({ pull_request, issue, repository }: Payload): EventPullRequest | undefined {
  const commented = issue as { readonly pull_request?: unknown } | undefined;
  const own = (pull_request ?? (commented?.pull_request ? issue : undefined)) as
    | PayloadPullRequest
    | undefined;
  if (typeof own?.number !== 'number') return undefined;
  const { number, state, head, base } = own;
  return {
    number,
    state: state === 'open' || state === 'closed' ? state : undefined,
    fromFork: head != null && isElsewhere(head.repo, base?.repo ?? repository),
  };
}

/** A head whose repository is gone was a fork's: a branch of this repository cannot lose it. */
function isElsewhere(head: Repository | null | undefined, base: Repository | undefined): boolean {
  if (!head) return true;
  if (head.id !== undefined && base?.id !== undefined) return head.id !== base.id;
  if (head.full_name !== undefined && base?.full_name !== undefined) return head.full_name !== base.full_name;
  return head.fork === true;
}
