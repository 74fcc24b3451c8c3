import type { EventPullRequest, WorkflowEvent } from '../inputs/workflow-event.ts';

/** The fields of webhook payloads that the action reads. A field of another type is treated as missing. */
interface Payload {
  readonly repository?: { readonly id?: unknown; readonly full_name?: unknown } | undefined;
  readonly pull_request?: unknown;
  readonly issue?: unknown;
}

interface PayloadRepository {
  readonly id?: unknown;
  readonly full_name?: unknown;
  readonly fork?: unknown;
}

interface PayloadPullRequest {
  readonly number?: unknown;
  readonly state?: unknown;
  readonly head?: { readonly repo?: PayloadRepository | null };
  readonly base?: { readonly repo?: PayloadRepository | null };
}

/**
 * The event that triggered the workflow.
 * @param payload content of GITHUB_EVENT_PATH
 * @param env GitHub's variables; these take precedence over the payload
 */
export function parseEvent(payload: Payload, env: NodeJS.ProcessEnv): WorkflowEvent {
  const { repository } = payload;
  return {
    name: env['GITHUB_EVENT_NAME'] ?? '',
    repository: {
      id: parseNumericId(env['GITHUB_REPOSITORY_ID']) ?? parseNumericId(repository?.id) ?? '',
      name: parseRepositoryName(env['GITHUB_REPOSITORY']) ?? parseRepositoryName(repository?.full_name) ?? '',
    },
    actor: env['GITHUB_ACTOR'] ?? '',
    pullRequest: parsePullRequest(payload),
  };
}

/** `owner/name`, limited to GitHub's characters and without `.` and `..`, because both become segments of URLs. */
const parseRepositoryName = (name: unknown): string | undefined =>
  typeof name === 'string' && /^(?!\.\.?\/)[\w.-]+\/(?!\.\.?$)[\w.-]+$/.test(name) ? name : undefined;

const parseNumericId = (id: unknown): string | undefined =>
  /^\d{1,20}$/.test(String(id)) ? String(id) : undefined;

/** The pull request of the event, or the commented issue if that is a pull request. */
function parsePullRequest({ pull_request, issue, repository }: Payload): EventPullRequest | undefined {
  const commentedIssue = issue as { readonly pull_request?: unknown } | undefined;
  const pullRequest = (pull_request ?? (commentedIssue?.pull_request ? issue : undefined)) as
    | PayloadPullRequest
    | undefined;
  if (typeof pullRequest?.number !== 'number') return undefined;
  const { number, state, head, base } = pullRequest;
  return {
    number,
    state: state === 'open' || state === 'closed' ? state : undefined,
    fromFork: head != null && isOtherRepository(head.repo, base?.repo ?? repository),
  };
}

/** A head without a repository comes from a deleted fork: a branch of this repository always has one. */
function isOtherRepository(
  head: PayloadRepository | null | undefined,
  base: PayloadRepository | undefined,
): boolean {
  if (!head) return true;
  if (head.id !== undefined && base?.id !== undefined) return head.id !== base.id;
  if (head.full_name !== undefined && base?.full_name !== undefined) return head.full_name !== base.full_name;
  return head.fork === true;
}
