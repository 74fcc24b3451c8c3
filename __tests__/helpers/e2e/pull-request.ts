import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { EmulatorHarness } from './emulator-harness.ts';
import { defaultInputs, type Inputs, Job, type PhaseResult } from './job.ts';
import { adminLogin, type Login, loginFromOutputs, query } from './postgres-client.ts';
import { type ServerSnapshot, takeSnapshot } from './server-snapshot.ts';

/** A value for `app-password-key`: 32 bytes. */
export const appPasswordKey = Buffer.from('a key of thirty-two bytes, just!').toString('base64');

/** The repository of the tests' jobs by default. */
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

/** A job of a pull request, with a file of the event as GitHub writes it. */
export function pullRequestJob(
  emulator: EmulatorHarness,
  number: number,
  event: PullRequestEvent = {},
  env: Readonly<Record<string, string>> = {},
): Job {
  const { name = 'pull_request', action = 'opened', state = 'open' } = event;
  const { repository: base = repository, head = base, actor = 'octocat' } = event;
  const job = new Job(emulator, {
    GITHUB_EVENT_NAME: name,
    GITHUB_REPOSITORY: base.full_name,
    GITHUB_REPOSITORY_ID: String(base.id),
    GITHUB_ACTOR: actor,
    ...env,
  });
  const path = join(job.tempDirectory, 'event.json');
  mkdirSync(job.tempDirectory, { recursive: true });
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

/** {@link defaultInputs} for a server, with a database and a role for each pull request. */
export const perPullRequestInputs = (server: string, overrides: Inputs = {}): Inputs => ({
  ...defaultInputs,
  'server-name': server,
  'per-pull-request': 'true',
  'app-username': 'relecloud_app',
  'app-password-key': appPasswordKey,
  'github-token': 'ghs_fromthejob',
  ...overrides,
});

/** Sets pull requests, runs, comments and tokens of {@link repository} in the emulated GitHub. */
export const patchGitHub = (
  emulator: EmulatorHarness,
  change: Readonly<Record<string, unknown>>,
): Promise<unknown> => emulator.control('PATCH', 'state', { repository: repository.full_name, ...change });

/** A comment in the emulated GitHub. */
export interface Comment {
  readonly body: string;
  readonly user: { readonly login: string };
}

/** The comments of a pull request, the oldest first. */
export async function listComments(emulator: EmulatorHarness, number: number): Promise<readonly Comment[]> {
  const state = await emulator.control<{
    repositories: Record<string, { comments: Record<string, readonly Comment[]> }>;
  }>('GET', 'state');
  return state.repositories[repository.full_name]?.comments[String(number)] ?? [];
}

/** Creates a server with the base database `relecloud` and a firewall rule for this process. Returns its host. */
export async function createBaseServer(emulator: EmulatorHarness, server: string): Promise<string> {
  const firewallInputs = { 'allowed-ip-ranges': '198.51.100.7' };
  const created = await new Job(emulator).step({
    ...defaultInputs,
    'server-name': server,
    ...firewallInputs,
  });
  if (created.exitCode !== 0) throw new Error(created.log);
  return created.outputs['db-host'] ?? '';
}

/**
 * A server with an application role and a firewall rule for this process, on which the tests of a file create databases of
 * pull requests.
 */
export class PullRequestServer {
  readonly emulator: EmulatorHarness;
  readonly name: string;
  readonly host: string;

  constructor(emulator: EmulatorHarness, name: string, host: string) {
    this.emulator = emulator;
    this.name = name;
    this.host = host;
  }

  /** Creates the server with the action. */
  static async create(
    emulator: EmulatorHarness,
    name: string,
    overrides: Inputs = {},
  ): Promise<{ readonly server: PullRequestServer; readonly app: Login }> {
    const created = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': name,
      'allowed-ip-ranges': '198.51.100.7',
      'app-username': 'relecloud_app',
      'app-password': 'Of-the-application-1',
      ...overrides,
    });
    if (created.exitCode !== 0) throw new Error(created.log);
    const app = loginFromOutputs(created.outputs);
    return { server: new PullRequestServer(emulator, name, app.host), app };
  }

  /** Runs a step in a job of a pull request. */
  runStep(number: number, overrides: Inputs = {}): Promise<PhaseResult> {
    return pullRequestJob(this.emulator, number).step(perPullRequestInputs(this.name, overrides));
  }

  /** Runs a step in a job of a pull request, and expects that it succeeds. */
  async runSuccessfulStep(number: number, overrides: Inputs = {}): Promise<PhaseResult> {
    const result = await this.runStep(number, overrides);
    expect(result.exitCode, result.log).toBe(0);
    return result;
  }

  /** Ensures the database of a pull request, and returns its login. */
  async ensureDatabase(number: number, overrides: Inputs = {}): Promise<Login> {
    return loginFromOutputs((await this.runSuccessfulStep(number, overrides)).outputs);
  }

  /** Drops the database and the roles of a pull request. */
  async dropDatabase(number: number, overrides: Inputs = {}): Promise<void> {
    await this.runSuccessfulStep(number, { mode: 'drop', ...overrides });
  }

  /** Runs a sweep of this server. */
  sweep(): Promise<PhaseResult> {
    const inputs = { ...defaultInputs, 'server-name': this.name, 'github-token': 'ghs_fromthejob' };
    return new Job(this.emulator).step({ ...inputs, mode: 'sweep' });
  }

  adminLogin(database = 'postgres'): Login {
    return adminLogin(this.host, database);
  }

  queryAsAdmin(sql: string, database?: string): Promise<readonly Record<string, unknown>[]> {
    return query(this.emulator, this.adminLogin(database), sql);
  }

  /** A snapshot of the server without the named databases and roles. */
  snapshot(...excluded: string[]): Promise<ServerSnapshot> {
    return takeSnapshot(this.emulator, this.host, excluded);
  }

  /** Sets the state of pull requests in the emulated GitHub. */
  setPullRequestState(state: 'open' | 'closed', ...numbers: number[]): Promise<unknown> {
    const pulls = Object.fromEntries(numbers.map((number) => [number, { state }]));
    return patchGitHub(this.emulator, { pulls });
  }
}
