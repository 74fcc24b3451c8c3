import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exposesSecretsToFork, withholdsSecrets } from '../../../src/config/event.ts';
import { eventOf } from '../../../src/github/event.ts';
import { pullRequestEvent, push } from '../../helpers/unit/inputs.ts';

const env = {
  GITHUB_EVENT_NAME: 'pull_request',
  GITHUB_REPOSITORY_ID: '123456789',
  GITHUB_REPOSITORY: 'relecloud/tours',
  GITHUB_ACTOR: 'ada',
};
const own = { id: 123456789, full_name: 'relecloud/tours', fork: false };
const fork = { id: 987654321, full_name: 'ada/tours', fork: true };
const payload = (head: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  repository: own,
  pull_request: { number: 42, state: 'open', head, base: { repo: own }, ...more },
});
const fromFork = (head: unknown, more = {}): boolean | undefined =>
  eventOf(payload(head, more), env).pullRequest?.fromFork;

describe('what started the workflow', () => {
  test('a pull request of a branch of this repository', () => {
    expect(eventOf(payload({ repo: own }), env)).toEqual({
      name: 'pull_request',
      repository: { id: '123456789', name: 'relecloud/tours' },
      actor: 'ada',
      pullRequest: { number: 42, state: 'open', fromFork: false },
    });
  });

  test('a closed one, as teardown sees it', () => {
    const closed = payload({ repo: own }, { state: 'closed', merged: true });
    expect(eventOf(closed, env).pullRequest).toEqual({ number: 42, state: 'closed', fromFork: false });
  });

  test('a state that GitHub has not told is none', () => {
    expect(eventOf(payload({ repo: own }, { state: 'OPEN' }), env).pullRequest?.state).toBeUndefined();
  });

  test('a comment on a pull request is about that; one on an issue is not', () => {
    const issue = { number: 42, state: 'open', pull_request: { url: 'https://api.github.com/…/pulls/42' } };
    const commented = { ...env, GITHUB_EVENT_NAME: 'issue_comment' };
    expect(eventOf({ repository: own, issue }, commented).pullRequest).toMatchObject({
      number: 42,
      state: 'open',
    });
    const { pull_request: _, ...plain } = issue;
    expect(eventOf({ repository: own, issue: plain }, commented).pullRequest).toBeUndefined();
  });

  test('a push or a schedule is about none', () => {
    for (const name of ['push', 'schedule', 'workflow_dispatch'])
      expect(eventOf({ repository: own }, { ...env, GITHUB_EVENT_NAME: name })).toMatchObject({
        name,
        pullRequest: undefined,
      });
    expect(eventOf({}, { GITHUB_EVENT_NAME: 'schedule' })).toEqual({
      name: 'schedule',
      repository: { id: '', name: '' },
      actor: '',
      pullRequest: undefined,
    });
  });

  test('the repository is GitHub’s variable, else the payload’s; an id that is no number is none', () => {
    expect(eventOf({ repository: fork }, env).repository).toEqual({
      id: '123456789',
      name: 'relecloud/tours',
    });
    expect(eventOf({ repository: fork }, {}).repository).toEqual({ id: '987654321', name: 'ada/tours' });
    for (const id of ['', '-1', '1e3', 'x', '9'.repeat(21)])
      expect(eventOf({}, { GITHUB_REPOSITORY_ID: id }).repository.id).toBe('');
  });

  test('whatever the payload holds, reading it does not fail, and a number is a number', () => {
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
        const { pullRequest: about } = eventOf(anything as Parameters<typeof eventOf>[0], env);
        expect(['undefined', 'number']).toContain(typeof about?.number);
      }),
      { numRuns: 500, examples: [[{ pull_request: { number: 42, head: null } }]] },
    );
  });
});

describe('whether a pull request comes from a fork', () => {
  test.each([
    ['by the ids', { repo: fork }, true],
    ['by the ids, also under the same name', { repo: { ...own, id: 7 } }, true],
    ['by the ids, also where a repository was renamed', { repo: { ...own, full_name: 'old/name' } }, false],
    ['by the names, where ids are missing', { repo: { full_name: 'ada/tours' } }, true],
    ['by the names, where ids are missing', { repo: { full_name: 'relecloud/tours' } }, false],
    ['by the flag, where both are missing', { repo: { fork: true } }, true],
    ['by the flag, where both are missing', { repo: {} }, false],
    ['one whose repository is gone was a fork', { repo: null }, true],
    ['one whose repository is gone was a fork', {}, true],
  ] as const)('%s: %j: %s', (_, head, expected) => {
    expect(fromFork(head)).toBe(expected);
  });

  test('without a base in the payload, the workflow’s repository is it', () => {
    expect(fromFork({ repo: fork }, { base: undefined })).toBe(true);
    expect(fromFork({ repo: own }, { base: undefined })).toBe(false);
  });

  test('a repository that is itself a fork of another is its own pull requests’ home', () => {
    const home = { ...own, fork: true };
    expect(fromFork({ repo: home }, { base: { repo: home } })).toBe(false);
  });
});

describe('skip-without-credentials: a fork’s or Dependabot’s pull_request run has no secrets', () => {
  test.each([
    ['a branch of this repository', pullRequestEvent(), false],
    ['a fork', pullRequestEvent(42, { fromFork: true }), true],
    ['Dependabot', pullRequestEvent(42, { actor: 'dependabot[bot]' }), true],
    ['somebody who is called like Dependabot', pullRequestEvent(42, { actor: 'dependabot' }), false],
    ['a fork’s, with secrets', pullRequestEvent(42, { name: 'pull_request_target', fromFork: true }), false],
    ['a push', push, false],
    ['a push of Dependabot’s', { ...push, actor: 'dependabot[bot]' }, false],
  ])('%s: %j', (_, event, expected) => {
    expect(withholdsSecrets(event)).toBe(expected);
  });
});

describe('what this guards against: a stranger’s code beside the repository’s secrets', () => {
  test.each([
    [
      'a fork on pull_request_target',
      pullRequestEvent(42, { name: 'pull_request_target', fromFork: true }),
      true,
    ],
    ['a branch on pull_request_target', pullRequestEvent(42, { name: 'pull_request_target' }), false],
    ['a fork on pull_request, which has no secrets', pullRequestEvent(42, { fromFork: true }), false],
    ['a push', push, false],
  ])('%s: %j', (_, event, expected) => {
    expect(exposesSecretsToFork(event)).toBe(expected);
  });
});
