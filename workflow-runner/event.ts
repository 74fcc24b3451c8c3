import { readFileSync } from 'node:fs';
import { asObject, asString, isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import { exampleRepository } from '../emulator/services/github/accounts.ts';
import { type Workflow, WorkflowError } from './workflow.ts';

/** The event that started a run: its name and its webhook payload. */
export interface RunEvent {
  readonly name: string;
  readonly payload: JsonObject;
}

const sender = { login: 'octocat', id: 583_231, type: 'User' };
const ZERO_SHA = '0'.repeat(40);

function push(): JsonObject {
  const payload = { ref: 'refs/heads/main', before: ZERO_SHA, created: false, deleted: false, forced: false };
  return { ...payload, repository: exampleRepository, sender };
}

function pullRequestPayload(): JsonObject {
  const repo = { ...exampleRepository, fork: false };
  return {
    action: 'opened',
    number: 1,
    pull_request: {
      id: 1_900_000_001,
      number: 1,
      state: 'open',
      title: 'Fly to Mars',
      body: null,
      draft: false,
      merged: false,
      user: sender,
      head: { ref: 'fly-to-mars', sha: ZERO_SHA, repo },
      base: { ref: 'main', sha: ZERO_SHA, repo },
    },
    repository: exampleRepository,
    sender,
  };
}

/** Payloads for a run without --event. The first one whose event the workflow has is used. */
const DEFAULT_PAYLOADS: Readonly<Record<string, () => JsonObject>> = {
  push,
  workflow_dispatch: () => ({ ref: 'refs/heads/main', inputs: {}, repository: exampleRepository, sender }),
  pull_request: pullRequestPayload,
  pull_request_target: pullRequestPayload,
  schedule: () => ({ schedule: '0 3 * * *', repository: exampleRepository }),
};

// If both events start the workflow, GitHub starts two runs; this runner starts the one on pull_request.
const PULL_REQUEST_EVENTS = ['pull_request', 'pull_request_target'];

/** The activity types of an event that start the workflow; undefined if all do. */
function activityTypes(name: string, workflow: Workflow): readonly unknown[] | undefined {
  const types = asObject(workflow.events[name])['types'];
  if (Array.isArray(types)) return types;
  // GitHub's default types; other activities start a workflow only if `types` names them.
  return PULL_REQUEST_EVENTS.includes(name) ? ['opened', 'synchronize', 'reopened'] : undefined;
}

function startsWorkflow(name: string, payload: JsonObject, workflow: Workflow): boolean {
  const action = asString(payload['action']);
  return action === undefined || (activityTypes(name, workflow)?.includes(action) ?? true);
}

function inferEventName(payload: JsonObject, workflow: Workflow): string {
  const events = Object.keys(workflow.events);
  if ('pull_request' in payload) {
    const candidates = PULL_REQUEST_EVENTS.filter((name) => events.includes(name));
    return (
      candidates.find((name) => startsWorkflow(name, payload, workflow)) ?? candidates[0] ?? 'pull_request'
    );
  }
  if ('schedule' in payload) return 'schedule';
  if ('inputs' in payload) return 'workflow_dispatch';
  if ('ref' in payload) return 'push';
  return events[0] ?? 'push';
}

function checkTriggersWorkflow(event: RunEvent, workflow: Workflow): RunEvent {
  if (workflow.events[event.name] === undefined) {
    const names = Object.keys(workflow.events).join(', ');
    throw new WorkflowError(
      `${workflow.file} runs on ${names}, not on ${event.name}: GitHub would not start it. Pass another --event.`,
    );
  }
  if (!startsWorkflow(event.name, event.payload, workflow)) {
    const types = activityTypes(event.name, workflow)?.join(', ');
    throw new WorkflowError(
      `${workflow.file} runs on ${event.name} of the types ${types}, not '${event.payload['action']}': ` +
        "GitHub would not start it. Pass another --event, or add the type to the workflow's 'types'.",
    );
  }
  return event;
}

function readPayload(path: string): JsonObject {
  let payload: unknown;
  try {
    payload = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorkflowError(
      `The event file ${path} cannot be read: ${reason}. Pass a file with the event's payload as JSON.`,
    );
  }
  if (isJsonObject(payload)) return payload;
  throw new WorkflowError(
    `The event file ${path} must contain a JSON object: the payload that GitHub sends to webhooks.`,
  );
}

/**
 * Reads the event of a run. The file has the payload of GitHub's webhook, or `{event_name, event}` as in
 * `toJSON(github)`. Without a file, the event is an example for the workflow's first event.
 * @param name the event's name; by default it is derived from the payload.
 * @throws {WorkflowError} if the file cannot be read, or if GitHub would not start the workflow for the event.
 */
export function readEvent(workflow: Workflow, path: string | undefined, name: string | undefined): RunEvent {
  if (path === undefined) {
    const eventName = name ?? Object.keys(DEFAULT_PAYLOADS).find((each) => each in workflow.events) ?? 'push';
    return checkTriggersWorkflow(
      { name: eventName, payload: DEFAULT_PAYLOADS[eventName]?.() ?? { repository: exampleRepository } },
      workflow,
    );
  }
  const file = readPayload(path);
  const payload = isJsonObject(file['event']) ? file['event'] : file;
  const eventName = name ?? asString(file['event_name']);
  return checkTriggersWorkflow({ name: eventName ?? inferEventName(payload, workflow), payload }, workflow);
}

/** Events of a pull request from a fork that run the fork's workflow file. */
const FORK_EVENTS = ['pull_request', 'pull_request_review', 'pull_request_review_comment'];

/** Events on which a run of Dependabot is treated as one of a fork ("Dependabot on GitHub Actions"). */
const DEPENDABOT_EVENTS = ['push', 'create', 'deployment', 'deployment_status', 'pull_request_target'];

/**
 * Because of whom GitHub gives the run no Actions secrets, no OIDC token and a read-only GITHUB_TOKEN; undefined if it does
 * not. A fork's run gets no variables either. Other events run the workflow of the base repository.
 */
export function untrustedSource({ name, payload }: RunEvent): 'fork' | 'dependabot' | undefined {
  const pull = asObject(payload['pull_request']);
  const repository = (side: string) => asObject(asObject(pull[side])['repo'])['full_name'];
  if (FORK_EVENTS.includes(name) && repository('head') !== repository('base')) return 'fork';
  const isByDependabot = asObject(payload['sender'])['login'] === 'dependabot[bot]';
  return isByDependabot && [...FORK_EVENTS, ...DEPENDABOT_EVENTS].includes(name) ? 'dependabot' : undefined;
}
