import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Azure } from './emulator-harness.ts';
import { type Inputs, Job, tutorial } from './job.ts';

/** 32 bytes that nobody would use. */
export const someKey = Buffer.from('a key of thirty-two bytes, just!').toString('base64');

/** The repository of the jobs in these tests, unless another is named. */
export const repository = { id: 4711, full_name: 'relecloud/space-travel' } as const;
export const otherRepository = { id: 815, full_name: 'relecloud/time-travel' } as const;

interface Repository {
  readonly id: number;
  readonly full_name: string;
}

export interface PullRequestEvent {
  readonly name?: string;
  readonly action?: string;
  readonly number?: number;
  readonly state?: 'open' | 'closed';
  readonly repository?: Repository;
  readonly head?: Repository | null;
  readonly actor?: string;
}

/** A job of a pull request, with the event's file as GitHub writes it. */
export function pullRequestJob(
  azure: Azure,
  number: number,
  event: PullRequestEvent = {},
  env: Readonly<Record<string, string>> = {},
): Job {
  const { name = 'pull_request', action = 'opened', state = 'open' } = event;
  const { repository: base = repository, head = base, actor = 'octocat' } = event;
  const job = new Job(azure, {
    GITHUB_EVENT_NAME: name,
    GITHUB_REPOSITORY: base.full_name,
    GITHUB_REPOSITORY_ID: String(base.id),
    GITHUB_ACTOR: actor,
    ...env,
  });
  const path = join(job.temp, 'event.json');
  mkdirSync(job.temp, { recursive: true });
  const pull_request = {
    number,
    state,
    head: { ref: 'topic', repo: head },
    base: { ref: 'main', repo: base },
  };
  writeFileSync(path, JSON.stringify({ action, number, pull_request, repository: base }));
  job.env['GITHUB_EVENT_PATH'] = path;
  return job;
}

/** The tutorial's server with a database and a role for each pull request. */
export const perPullRequest = (server: string, more: Inputs = {}): Inputs => ({
  ...tutorial,
  'server-name': server,
  'per-pull-request': 'true',
  'app-username': 'relecloud_app',
  'app-password-key': someKey,
  'github-token': 'ghs_fromthejob',
  ...more,
});

/** Tells the emulated GitHub about pull requests, runs and comments. */
export const tellGitHub = (azure: Azure, change: Readonly<Record<string, unknown>>): Promise<unknown> =>
  azure.control('PATCH', 'state', { repository: repository.full_name, ...change });

/** A comment as the emulated GitHub keeps it. */
export interface Comment {
  readonly body: string;
  readonly user: { readonly login: string };
}

/** The comments of a pull request, the oldest first. */
export async function commentsOn(azure: Azure, number: number): Promise<readonly Comment[]> {
  const state = await azure.control<{
    repositories: Record<string, { comments: Record<string, readonly Comment[]> }>;
  }>('GET', 'state');
  return state.repositories[repository.full_name]?.comments[String(number)] ?? [];
}

/** The administrator's login, beside the action. */
export const administratorAt = (host: string, database = 'postgres') => ({
  host,
  database,
  user: tutorial['admin-username'] ?? '',
  password: tutorial['admin-password'] ?? '',
});

/** Makes a server with the tutorial's base database, whose rules let this process in; its host. */
export async function hostOfServer(azure: Azure, server: string): Promise<string> {
  const letIn = { 'allowed-ip-ranges': '198.51.100.7' };
  const made = await new Job(azure).step({ ...tutorial, 'server-name': server, ...letIn });
  if (made.exitCode !== 0) throw new Error(made.log);
  return made.outputs['db-host'] ?? '';
}
