import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEvent } from '../../../src/github/parse-event.ts';
import { runsForkWithSecrets, secretsWithheldFrom } from '../../../src/inputs/workflow-event.ts';
import { pullRequestEvent, pushEvent } from '../../helpers/unit/test-configs.ts';

const env = {
  GITHUB_EVENT_NAME: 'pull_request',
  GITHUB_REPOSITORY_ID: '123456789',
  GITHUB_REPOSITORY: 'relecloud/tours',
  GITHUB_ACTOR: 'ada',
};
const ownRepository = { id: 123456789, full_name: 'relecloud/tours', fork: false };
const forkRepository = { id: 987654321, full_name: 'ada/tours', fork: true };
const createPayload = (head: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  repository: ownRepository,
  pull_request: { number: 42, state: 'open', head, base: { repo: ownRepository }, ...more },
});
const isFromFork = (head: unknown, more = {}): boolean | undefined =>
  parseEvent(createPayload(head, more), env).pullRequest?.fromFork;

describe('the event that triggered the workflow', () => {
  test('a pull request of a branch of this repository', () => {
    expect(parseEvent(createPayload({ repo: ownRepository }), env)).toEqual({
      name: 'pull_request',
      repository: { id: '123456789', name: 'relecloud/tours' },
      actor: 'ada',
      pullRequest: { number: 42, state: 'open', fromFork: false },
    });
  });

  test('a closed pull request', () => {
    const closed = createPayload({ repo: ownRepository }, { state: 'closed', merged: true });
    expect(parseEvent(closed, env).pullRequest).toEqual({ number: 42, state: 'closed', fromFork: false });
  });

  test('an unknown state is undefined', () => {
    expect(
      parseEvent(createPayload({ repo: ownRepository }, { state: 'OPEN' }), env).pullRequest?.state,
    ).toBeUndefined();
  });

  test('a comment on a pull request has the pull request; a comment on an issue has none', () => {
    const issue = { number: 42, state: 'open', pull_request: { url: 'https://api.github.com/…/pulls/42' } };
    const commented = { ...env, GITHUB_EVENT_NAME: 'issue_comment' };
    expect(parseEvent({ repository: ownRepository, issue }, commented).pullRequest).toMatchObject({
      number: 42,
      state: 'open',
    });
    const { pull_request: _, ...plain } = issue;
    expect(parseEvent({ repository: ownRepository, issue: plain }, commented).pullRequest).toBeUndefined();
  });

  test('a push or a schedule has no pull request', () => {
    for (const name of ['push', 'schedule', 'workflow_dispatch'])
      expect(parseEvent({ repository: ownRepository }, { ...env, GITHUB_EVENT_NAME: name })).toMatchObject({
        name,
        pullRequest: undefined,
      });
    expect(parseEvent({}, { GITHUB_EVENT_NAME: 'schedule' })).toEqual({
      name: 'schedule',
      repository: { id: '', name: '' },
      actor: '',
      pullRequest: undefined,
    });
  });

  test('the repository comes from GitHub’s variables, else from the payload; an id that is not a number is empty', () => {
    expect(parseEvent({ repository: forkRepository }, env).repository).toEqual({
      id: '123456789',
      name: 'relecloud/tours',
    });
    expect(parseEvent({ repository: forkRepository }, {}).repository).toEqual({
      id: '987654321',
      name: 'ada/tours',
    });
    for (const id of ['', '-1', '1e3', 'x', '9'.repeat(21)])
      expect(parseEvent({}, { GITHUB_REPOSITORY_ID: id }).repository.id).toBe('');
  });

  test('any payload is parsed without an error, and the number is a number or undefined', () => {
    const any = fc.jsonValue();
    const pullRequest = fc.record(
      { number: fc.oneof(fc.integer(), any), state: any, head: any, base: any },
      { requiredKeys: [] },
    );
    const payloads = fc.record(
      { repository: any, pull_request: fc.oneof(pullRequest, any), issue: fc.oneof(pullRequest, any) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(payloads, (anything) => {
        const { pullRequest: parsed } = parseEvent(anything as Parameters<typeof parseEvent>[0], env);
        expect(['undefined', 'number']).toContain(typeof parsed?.number);
      }),
      { numRuns: 500, examples: [[{ pull_request: { number: 42, head: null } }]] },
    );
  });
});

describe('whether a pull request comes from a fork', () => {
  test.each([
    ['by the ids', { repo: forkRepository }, true],
    ['by the ids, also under the same name', { repo: { ...ownRepository, id: 7 } }, true],
    [
      'by the ids, also where a repository was renamed',
      { repo: { ...ownRepository, full_name: 'old/name' } },
      false,
    ],
    ['by the names, where ids are missing', { repo: { full_name: 'ada/tours' } }, true],
    ['by the names, where ids are missing', { repo: { full_name: 'relecloud/tours' } }, false],
    ['by the flag, where both are missing', { repo: { fork: true } }, true],
    ['by the flag, where both are missing', { repo: {} }, false],
    ['a head without a repository is from a deleted fork', { repo: null }, true],
    ['a head without a repository is from a deleted fork', {}, true],
  ] as const)('%s: %j: %s', (_, head, expected) => {
    expect(isFromFork(head)).toBe(expected);
  });

  test('without a base in the payload, the base is the workflow’s repository', () => {
    expect(isFromFork({ repo: forkRepository }, { base: undefined })).toBe(true);
    expect(isFromFork({ repo: ownRepository }, { base: undefined })).toBe(false);
  });

  test('a branch of a repository that is itself a fork is not from a fork', () => {
    const repository = { ...ownRepository, fork: true };
    expect(isFromFork({ repo: repository }, { base: { repo: repository } })).toBe(false);
  });
});

describe('whether GitHub withholds secrets from the run', () => {
  const dependabot = 'dependabot[bot]';
  const pullRequestEvents = ['pull_request', 'pull_request_review', 'pull_request_review_comment'];
  const otherEvents = ['push', 'create', 'deployment', 'deployment_status'];
  const eventsWithSecrets = [
    ...['workflow_dispatch', 'schedule', 'workflow_run', 'issue_comment', 'merge_group', 'release', 'status'],
  ];

  test.each([...pullRequestEvents, 'pull_request_target', ...otherEvents, ...eventsWithSecrets, ''])(
    'on the event %s, as GitHub documents it',
    (name) => {
      const isWithheldFromFork = pullRequestEvents.includes(name);
      const isWithheldFromDependabot = !eventsWithSecrets.includes(name) && name !== '';
      expect(secretsWithheldFrom(pullRequestEvent(42, { name }))).toBeUndefined();
      expect(secretsWithheldFrom({ ...pushEvent, name })).toBeUndefined();
      expect(secretsWithheldFrom(pullRequestEvent(42, { name, fromFork: true }))).toBe(
        isWithheldFromFork ? 'fork' : undefined,
      );
      for (const event of [
        pullRequestEvent(42, { name, actor: dependabot }),
        { ...pushEvent, name, actor: dependabot },
      ])
        expect(secretsWithheldFrom(event)).toBe(isWithheldFromDependabot ? 'dependabot' : undefined);
    },
  );

  test('not for a user with a name similar to Dependabot', () => {
    expect(secretsWithheldFrom(pullRequestEvent(42, { actor: 'dependabot' }))).toBeUndefined();
  });
});

describe('whether a fork’s code would run with the repository’s secrets', () => {
  test.each([
    [
      'a fork on pull_request_target',
      pullRequestEvent(42, { name: 'pull_request_target', fromFork: true }),
      true,
    ],
    ['a branch on pull_request_target', pullRequestEvent(42, { name: 'pull_request_target' }), false],
    ['a fork on pull_request, which has no secrets', pullRequestEvent(42, { fromFork: true }), false],
    ['a push', pushEvent, false],
  ])('%s: %j', (_, event, expected) => {
    expect(runsForkWithSecrets(event)).toBe(expected);
  });
});
