import { execFileSync } from 'node:child_process';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { arch } from 'node:os';
import { dirname } from 'node:path';
import { asObject, asString, type JsonObject } from '../emulator/core/json.ts';
import { exampleRepository } from '../emulator/services/github/accounts.ts';
import type { RunEvent } from './event.ts';
import type { Workflow } from './workflow.ts';

/** The folders of a run. All but the last two, and an existing checkout, are removed after the run. */
export interface RunnerFolders {
  /** Where the steps run; empty at the start, as on GitHub, unless it is an existing checkout. */
  readonly workspace: string;
  readonly temporary: string;
  readonly toolCache: string;
  /** What actions/checkout copies to the workspace; undefined if the workspace is an existing checkout. */
  readonly repository: string | undefined;
  /** The folder of the action of this repository. */
  readonly action: string;
}

function headCommit(workspace: string): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: workspace,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  } catch {
    // The workspace can be a folder without Git, but `github.sha` always has a value.
    return createHash('sha1').update(workspace).digest('hex');
  }
}

function gitReferences(event: RunEvent): { ref: string; headRef: string; baseRef: string } {
  const pull = asObject(event.payload['pull_request']);
  const branch = (side: string) => asString(asObject(pull[side])['ref']) ?? '';
  if (event.name === 'pull_request' || event.name === 'pull_request_target') {
    // Contexts reference, github.ref: the merge branch, or for a merged pull request the base branch.
    const onBase = event.name === 'pull_request_target' || pull['merged'] === true;
    const ref = onBase ? `refs/heads/${branch('base')}` : `refs/pull/${pull['number']}/merge`;
    return { ref, headRef: branch('head'), baseRef: branch('base') };
  }
  const ref = asString(event.payload['ref']) ?? 'refs/heads/main';
  return { ref: ref.startsWith('refs/') ? ref : `refs/heads/${ref}`, headRef: '', baseRef: '' };
}

/** A random token in GitHub's form since April 2026 (about 520 characters, with dots). Only the emulator accepts it. */
export function generateToken(): string {
  const part = (): string => randomBytes(189).toString('base64url');
  return `ghs_${randomInt(1e8, 1e9)}.${part()}.${part()}`;
}

/**
 * The `github` context without what belongs to one job or step, such as the token.
 * @param endpoints environment variables; GITHUB_*_URL replace github.com's URLs.
 */
export function createGitHubContext(
  workflow: Workflow,
  event: RunEvent,
  folders: RunnerFolders,
  endpoints: Readonly<Record<string, string>>,
): JsonObject {
  const repository = { ...exampleRepository, ...asObject(event.payload['repository']) };
  const owner = asObject(repository.owner);
  const sender = asObject(event.payload['sender']);
  const { ref, headRef, baseRef } = gitReferences(event);
  const apiUrl = endpoints['GITHUB_API_URL'] ?? 'https://api.github.com';
  const sha = headCommit(folders.repository ?? folders.workspace);
  const actor = asString(sender['login']) ?? 'octocat';
  return {
    actor,
    actor_id: String(sender['id'] ?? 583_231),
    triggering_actor: actor,
    event_name: event.name,
    event: event.payload,
    repository: repository.full_name,
    repository_id: String(repository.id),
    repository_owner: asString(owner['login']) ?? '',
    repository_owner_id: String(owner['id'] ?? ''),
    ref,
    ref_name: ref.replace(/^refs\/(heads|tags|pull)\//, ''),
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    ref_protected: 'false',
    head_ref: headRef,
    base_ref: baseRef,
    sha,
    run_id: String(randomInt(10_000_000_000, 20_000_000_000)),
    run_number: '1',
    run_attempt: '1',
    retention_days: '90',
    server_url: endpoints['GITHUB_SERVER_URL'] ?? 'https://github.com',
    api_url: apiUrl,
    graphql_url: endpoints['GITHUB_GRAPHQL_URL'] ?? `${apiUrl}/graphql`,
    workflow: workflow.name,
    workflow_ref: `${repository.full_name}/.github/workflows/${workflow.file}@${ref}`,
    workflow_sha: sha,
    workspace: folders.workspace,
  };
}

/** The `runner` context. */
export function createRunnerContext(folders: RunnerFolders): Record<string, string> {
  return {
    name: 'emulated-runner',
    os: 'Linux',
    arch: arch() === 'arm64' ? 'ARM64' : 'X64',
    environment: 'github-hosted',
    temp: folders.temporary,
    tool_cache: folders.toolCache,
    workspace: dirname(folders.workspace),
  };
}

// The properties of the github context that GitHub's runner also sets as GITHUB_* variables.
const GITHUB_VARIABLE_NAMES = [
  'action',
  'action_ref',
  'action_repository',
  'actor',
  'actor_id',
  'api_url',
  'base_ref',
  'event_name',
  'event_path',
  'graphql_url',
  'head_ref',
  'job',
  'ref',
  'ref_name',
  'ref_protected',
  'ref_type',
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'retention_days',
  'run_attempt',
  'run_id',
  'run_number',
  'server_url',
  'sha',
  'triggering_actor',
  'workflow',
  'workflow_ref',
  'workflow_sha',
  'workspace',
];

/** The GITHUB_* and RUNNER_* variables; a step cannot change them. */
export function contextVariables(
  github: JsonObject,
  runner: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of GITHUB_VARIABLE_NAMES)
    variables[`GITHUB_${name.toUpperCase()}`] = String(github[name] ?? '');
  for (const [name, value] of Object.entries(runner)) variables[`RUNNER_${name.toUpperCase()}`] = value;
  return variables;
}

const INHERITED_VARIABLES = /^(PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|USER|LOGNAME|SHELL|TMPDIR|TZ)$/;

// npm puts these folders in front of PATH for its scripts; GitHub's machines do not have them.
function removeNpmFolders(path: string): string {
  const npmFolder = /\/node_modules\/\.bin$|\/node-gyp-bin$/;
  return path
    .split(':')
    .filter((folder) => !npmFolder.test(folder))
    .join(':');
}

/** The part of this process's environment that steps inherit: nothing from npm or an editor. */
export function inheritedEnvironment(): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && INHERITED_VARIABLES.test(name))
      inherited[name] = name === 'PATH' ? removeNpmFolders(value) : value;
  }
  return inherited;
}
