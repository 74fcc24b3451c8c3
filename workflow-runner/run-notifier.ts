import { isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import type { RunEvent } from './event.ts';
import type { GitHubChange, GitHubControl } from './github-control.ts';
import type { Permissions } from './permissions.ts';

/** What GitHub knows of a run by itself and an emulated one has to be told, in the order of the run. */
export interface RunNotifier {
  onRunStart(): Promise<void>;
  onJobStart(token: string, permissions: Permissions): Promise<void>;
  /** From here on the job's token is worth nothing. */
  onJobEnd(token: string): Promise<void>;
  onRunEnd(conclusion: string): Promise<void>;
}

const NO_NOTIFIER: RunNotifier = {
  onRunStart: async () => {},
  onJobStart: async () => {},
  onJobEnd: async () => {},
  onRunEnd: async () => {},
};

/** The pull request of the event, as its payload has it; `closed` says that it is, whatever the payload's state. */
function eventPullRequest({ payload }: RunEvent): Record<string, JsonObject> {
  const pull = payload['pull_request'];
  if (!isJsonObject(pull) || typeof pull['number'] !== 'number') return {};
  const state = payload['action'] === 'closed' ? 'closed' : (pull['state'] ?? 'open');
  return { [pull['number']]: { ...pull, state } };
}

function toWorkflowRun(github: JsonObject): JsonObject {
  const workflowPath = String(github['workflow_ref']).split('@')[0]?.split('/').slice(2).join('/');
  return {
    name: github['workflow'],
    path: workflowPath,
    event: github['event_name'],
    head_branch: String(github['head_ref']) || github['ref_name'],
    head_sha: github['sha'],
    run_attempt: Number(github['run_attempt']),
  };
}

/**
 * Tells an emulated GitHub of one run.
 * @param gitHub undefined where nobody wants to know.
 * @param github the run's `github` context.
 */
export function createRunNotifier(
  gitHub: GitHubControl | undefined,
  event: RunEvent,
  github: JsonObject,
): RunNotifier {
  if (gitHub === undefined) return NO_NOTIFIER;
  const repository = String(github['repository']);
  const id = String(github['run_id']);
  const patch = (change: Omit<GitHubChange, 'repository'>) => gitHub.patchState({ repository, ...change });
  return {
    onRunStart: () =>
      patch({
        repositoryId: Number(github['repository_id']),
        pulls: eventPullRequest(event),
        runs: { [id]: { ...toWorkflowRun(github), status: 'in_progress' } },
      }),
    onJobStart: (token, permissions) => patch({ tokens: { [token]: { permissions } } }),
    onJobEnd: (token) => patch({ tokens: { [token]: { revoked: true } } }),
    onRunEnd: (conclusion) => patch({ runs: { [id]: { status: 'completed', conclusion } } }),
  };
}
