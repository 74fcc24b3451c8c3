import { readFileSync } from 'node:fs';
import { asObject, asString, isJsonObject, type JsonObject } from '../emulator/core/json.ts';
import { exampleRepository } from '../emulator/services/github/accounts.ts';
import { type Workflow, WorkflowError } from './workflow.ts';

/** What started a run: the event's name and its webhook payload. */
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

/** Payloads for a run without --event, in the order in which a workflow's events are tried. */
const DEFAULT_PAYLOADS: Readonly<Record<string, () => JsonObject>> = {
  push,
  workflow_dispatch: () => ({ ref: 'refs/heads/main', inputs: {}, repository: exampleRepository, sender }),
  pull_request: pullRequestPayload,
  pull_request_target: pullRequestPayload,
  schedule: () => ({ schedule: '0 3 * * *', repository: exampleRepository }),
};

// Where both would start, GitHub starts the workflow twice; here the run of the pull request's own code comes first.
const PULL_REQUEST_EVENTS = ['pull_request', 'pull_request_target'];

/** The activities that start the workflow on this event, undefined for any. */
function activityTypes(name: string, workflow: Workflow): readonly unknown[] | undefined {
  const types = asObject(workflow.events[name])['types'];
  if (Array.isArray(types)) return types;
  // A pull request's other activities start a workflow only where its `types` name them.
  return PULL_REQUEST_EVENTS.includes(name) ? ['opened', 'synchronize', 'reopened'] : undefined;
}

function startsWorkflow(name: string, payload: JsonObject, workflow: Workflow): boolean {
  const action = asString(payload['action']);
  return action === undefined || (activityTypes(name, workflow)?.includes(action) ?? true);
}

function inferEventName(payload: JsonObject, workflow: Workflow): string {
  const events = Object.keys(workflow.events);
  if ('pull_request' in payload) {
    const possible = PULL_REQUEST_EVENTS.filter((name) => events.includes(name));
    return possible.find((name) => startsWorkflow(name, payload, workflow)) ?? possible[0] ?? 'pull_request';
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
      `${workflow.file} runs on ${names}, not on ${event.name}: GitHub would not start it; pass another --event.`,
    );
  }
  if (!startsWorkflow(event.name, event.payload, workflow)) {
    const types = activityTypes(event.name, workflow)?.join(', ');
    throw new WorkflowError(
      `${workflow.file} runs on ${event.name} of the types ${types}, not '${event.payload['action']}': ` +
        "GitHub would not start it; pass another --event or add the type to the workflow's 'types'.",
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
      `The event ${path} cannot be read: ${reason}. Pass a file with the event's JSON.`,
    );
  }
  if (isJsonObject(payload)) return payload;
  throw new WorkflowError(
    `The event ${path} must be a JSON object: the payload as GitHub sends it to webhooks.`,
  );
}

/**
 * The event of a run: a payload as GitHub's webhooks send it (or `{event_name, event}`, as `toJSON(github)`
 * shows both), whose kind is told by what it holds; without a file, an example for the workflow's first event.
 * @param name overrides the kind.
 * @throws {WorkflowError} where GitHub would not start the workflow for it.
 */
export function readEvent(workflow: Workflow, path: string | undefined, name: string | undefined): RunEvent {
  if (path === undefined) {
    const chosen = name ?? Object.keys(DEFAULT_PAYLOADS).find((each) => each in workflow.events) ?? 'push';
    return checkTriggersWorkflow(
      { name: chosen, payload: DEFAULT_PAYLOADS[chosen]?.() ?? { repository: exampleRepository } },
      workflow,
    );
  }
  const file = readPayload(path);
  const payload = isJsonObject(file['event']) ? file['event'] : file;
  const eventName = name ?? asString(file['event_name']);
  return checkTriggersWorkflow({ name: eventName ?? inferEventName(payload, workflow), payload }, workflow);
}

/**
 * True for a pull request from a fork or by Dependabot: GitHub then gives the run no secrets (but a read-only
 * GITHUB_TOKEN) and no way to ask for an OIDC token. On `pull_request_target`, which runs the base's workflow, it
 * withholds nothing.
 */
export function isUntrustedPullRequest(event: RunEvent): boolean {
  if (event.name !== 'pull_request') return false;
  const pull = asObject(event.payload['pull_request']);
  const repository = (side: string) => asObject(asObject(pull[side])['repo'])['full_name'];
  const actor = asObject(event.payload['sender'])['login'];
  return repository('head') !== repository('base') || actor === 'dependabot[bot]';
}
