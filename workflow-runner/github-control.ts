import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { asObject, isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import { EmulatorError } from './emulator-process.ts';
import type { RunEvent } from './event.ts';
import type { Permissions } from './permissions.ts';

/** A change of a token at the emulated GitHub. */
export interface TokenChange {
  readonly permissions?: Permissions;
  readonly login?: string;
  readonly revoked?: boolean;
}

/** The body of `PATCH control/state` for a repository; pulls and runs have the form of GitHub's API and webhooks. */
export interface GitHubChange {
  /** `owner/name`. */
  readonly repository: string;
  readonly repositoryId?: number;
  /** By number; null removes. */
  readonly pulls?: Readonly<Record<string, JsonObject | null>>;
  /** By id; null removes. */
  readonly runs?: Readonly<Record<string, JsonObject | null>>;
  /** To add, by the pull request's number. */
  readonly comments?: Readonly<Record<string, readonly JsonObject[]>>;
  readonly tokens?: Readonly<Record<string, TokenChange>>;
}

/** Reads and changes the state of the emulated GitHub. */
export interface GitHubControl {
  /**
   * The response of `GET control/state`, without servers.
   * @throws {EmulatorError} if the emulator cannot be reached.
   */
  readState(): Promise<JsonObject>;
  /** Sets runs, pull requests and tokens, which GitHub itself knows already. */
  /** @throws {EmulatorError} if the emulator rejects the change or cannot be reached. */
  patchState(change: GitHubChange): Promise<void>;
}

interface HttpResult {
  readonly status: number;
  readonly text: string;
}

function send(method: 'GET' | 'PATCH', url: string, ca: string, body = ''): Promise<HttpResult> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResult>();
  const headers = { 'Content-Type': 'application/json' };
  const outgoing = request(url, { method, ca, headers, agent: false }, (incoming) => {
    text(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, text: body }), reject);
  });
  outgoing.on('error', (error) =>
    reject(new EmulatorError(`The emulator cannot be reached: ${String(error)}`)),
  );
  outgoing.end(body);
  return promise;
}

/** A running emulator, from its ready line: the base URL of the control calls, and the path of the root certificate. */
interface ControlledEmulator {
  readonly control: string;
  readonly ca: string;
}

/** Reads the state of an emulator. @throws {EmulatorError} if it cannot be reached */
export async function readEmulatorState({ control, ca }: ControlledEmulator): Promise<JsonObject> {
  // No server has the empty name.
  return asObject(JSON.parse((await send('GET', `${control}/state?server=`, readFileSync(ca, 'utf8'))).text));
}

/**
 * Changes the state of an emulator, see emulator/README.md.
 * @throws {EmulatorError} if the emulator rejects the change or cannot be reached
 */
export async function patchEmulatorState({ control, ca }: ControlledEmulator, change: object): Promise<void> {
  const url = `${control}/state`;
  const response = await send('PATCH', url, readFileSync(ca, 'utf8'), JSON.stringify(change));
  if (response.status !== 200)
    throw new EmulatorError(`The emulator rejected a change of its state: ${response.text}`);
}

/**
 * Connects to the GitHub of a running emulator, over TLS that is verified with the emulator's root certificate.
 */
export const createGitHubControl = (emulator: ControlledEmulator): GitHubControl => ({
  readState: () => readEmulatorState(emulator),
  patchState: (change) => patchEmulatorState(emulator, change),
});

/** Reports a run to the emulated GitHub; its methods are called in this order. */
export interface RunNotifier {
  onRunStart(): Promise<void>;
  onJobStart(token: string, permissions: Permissions): Promise<void>;
  /** Revokes the job's token. */
  onJobEnd(token: string): Promise<void>;
  onRunEnd(conclusion: string): Promise<void>;
}

const NO_NOTIFIER: RunNotifier = {
  onRunStart: async () => {},
  onJobStart: async () => {},
  onJobEnd: async () => {},
  onRunEnd: async () => {},
};

/** The event's pull request by its number. On `closed` its state is closed, regardless of the payload. */
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
 * Reports one run to the emulated GitHub.
 * @param gitHub undefined if no GitHub is emulated: then nothing is reported.
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
  const patchRepository = (change: Omit<GitHubChange, 'repository'>) =>
    gitHub.patchState({ repository, ...change });
  return {
    onRunStart: () =>
      patchRepository({
        repositoryId: Number(github['repository_id']),
        pulls: eventPullRequest(event),
        runs: { [id]: { ...toWorkflowRun(github), status: 'in_progress' } },
      }),
    onJobStart: (token, permissions) => patchRepository({ tokens: { [token]: { permissions } } }),
    onJobEnd: (token) => patchRepository({ tokens: { [token]: { revoked: true } } }),
    onRunEnd: (conclusion) => patchRepository({ runs: { [id]: { status: 'completed', conclusion } } }),
  };
}
