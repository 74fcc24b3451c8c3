import { isObject, type JsonObject } from '../json.ts';
import type { RunEvent } from './event.ts';
import type { GitHubChange, GitHubControl } from './git-hub.ts';
import type { Permissions } from './permissions.ts';

/** What GitHub knows of a run by itself and an emulated one has to be told, in the order of the run. */
export interface Tidings {
  runStarts(): Promise<void>;
  jobStarts(token: string, permissions: Permissions): Promise<void>;
  /** From here on the job's token is worth nothing. */
  jobEnds(token: string): Promise<void>;
  runEnds(conclusion: string): Promise<void>;
}

const nobody: Tidings = {
  runStarts: async () => {},
  jobStarts: async () => {},
  jobEnds: async () => {},
  runEnds: async () => {},
};

/** The pull request of the event, as its payload has it; `closed` says that it is, whatever the payload's state. */
function pullOf({ payload }: RunEvent): Record<string, JsonObject> {
  const pull = payload['pull_request'];
  if (!isObject(pull) || typeof pull['number'] !== 'number') return {};
  const state = payload['action'] === 'closed' ? 'closed' : (pull['state'] ?? 'open');
  return { [pull['number']]: { ...pull, state } };
}

function runOf(github: JsonObject): JsonObject {
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
export function tidingsOf(gitHub: GitHubControl | undefined, event: RunEvent, github: JsonObject): Tidings {
  if (gitHub === undefined) return nobody;
  const repository = String(github['repository']);
  const id = String(github['run_id']);
  const tell = (change: Omit<GitHubChange, 'repository'>) => gitHub.tell({ repository, ...change });
  return {
    runStarts: () =>
      tell({
        repositoryId: Number(github['repository_id']),
        pulls: pullOf(event),
        runs: { [id]: { ...runOf(github), status: 'in_progress' } },
      }),
    jobStarts: (token, permissions) => tell({ tokens: { [token]: { permissions } } }),
    jobEnds: (token) => tell({ tokens: { [token]: { revoked: true } } }),
    runEnds: (conclusion) => tell({ runs: { [id]: { status: 'completed', conclusion } } }),
  };
}
