import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pullRequestName } from '../../../../src/common/resource-names.ts';
import { NO_EVENT } from '../../../../src/inputs/workflow-event.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  type InputValues,
  inputErrorsOf,
  parsedConfig,
  perPullRequestInputs,
  pullRequestConfig,
  pullRequestEvent,
  pushEvent,
  repository,
  sweepConfig,
} from '../../../helpers/unit/test-configs.ts';

const eventWithoutRepository = { ...pushEvent, repository: { id: '', name: '' } };

describe('per-pull-request: the database is <database>_pr_<number> and the role <app-username>_pr_<number>', () => {
  test('the number comes from the event', () => {
    const { pullRequest, database, appRole } = pullRequestConfig();
    expect(pullRequest).toEqual({ number: 42, repository, state: 'open' });
    expect(database).toMatchObject({ name: 'relecloud_pr_42', base: 'relecloud' });
    expect(appRole).toMatchObject({ name: 'relecloud_app_pr_42', base: 'relecloud_app' });
  });

  test('database and role have ownership markers', () => {
    const { database, appRole } = pullRequestConfig();
    const marker = { kind: 'pull-request', repositoryId: repository.id, pullRequest: 42 };
    expect(database.marker).toEqual({ ...marker, base: 'relecloud' });
    expect(appRole?.marker).toEqual({ ...marker, base: 'relecloud_app', database: 'relecloud' });
  });

  test('pull-request-number overrides the number of the event, whose state is then unknown', () => {
    const given = { ...perPullRequestInputs, 'pull-request-number': '7' };
    expect(ensureConfig(given, {}, pullRequestEvent(42)).pullRequest).toMatchObject({
      number: 7,
      state: undefined,
    });
    expect(ensureConfig(given, {}, pullRequestEvent(7)).pullRequest?.state).toBe('open');
    expect(ensureConfig(given, {}, pushEvent).database.name).toBe('relecloud_pr_7');
  });

  test.each(['ensure', 'check', 'drop'])(
    'a missing number is an error and never means the base database: mode %s',
    (mode) => {
      const given = { ...perPullRequestInputs, mode };
      expect(inputErrorsOf(given, {}, pushEvent)).toEqual([
        expect.stringMatching(/^pull-request-number is missing: the event push/),
      ]);
      expect(inputErrorsOf(given)).toEqual([
        expect.stringMatching(/^pull-request-number is missing/),
        expect.stringContaining('GITHUB_REPOSITORY_ID'),
      ]);
    },
  );

  test('an invalid number is the only error, and the number of the event is not used instead', () => {
    const given = { ...perPullRequestInputs, 'pull-request-number': '#42' };
    expect(inputErrorsOf(given, {}, pullRequestEvent())).toEqual([
      expect.stringMatching(/^pull-request-number is '#42'/),
    ]);
  });

  test.each(['ensure', 'check', 'drop', 'sweep'])(
    'an unknown repository is an error, because the ownership marker needs it: mode %s',
    (mode) => {
      const given = { ...perPullRequestInputs, mode, 'pull-request-number': mode === 'sweep' ? '' : '1' };
      expect(inputErrorsOf(given, {}, eventWithoutRepository)).toEqual([
        expect.stringContaining('GITHUB_REPOSITORY_ID'),
      ]);
    },
  );

  test('per-pull-request never results in the base database or role, for any inputs and event', () => {
    const bases = fc
      .stringMatching(/^[a-zA-Z_][\w-]{0,62}$/)
      .filter((base) => !inputErrorsOf({ database: base })[0]);
    const roles = fc.stringMatching(/^[a-z][a-z_]{0,62}$/).filter((role) => !role.startsWith('pg_'));
    const number = fc.oneof(
      fc.integer({ min: 1, max: 2_147_483_647 }).map(String),
      fc.constantFrom('', ' ', '0', '-1', '1e3', 'abc', '007'),
    );
    const events = fc.oneof(
      fc.constantFrom(pushEvent, NO_EVENT),
      fc.integer({ min: 1 }).map((n) => pullRequestEvent(n)),
    );
    const modes = fc.constantFrom('ensure', 'check', 'drop');
    fc.assert(
      fc.property(modes, bases, roles, number, events, (mode, database, role, given, event) => {
        const inputs: InputValues = {
          ...perPullRequestInputs,
          mode,
          database,
          'app-username': role,
          'pull-request-number': given,
        };
        if (inputErrorsOf(inputs, {}, event).length > 0) return;
        const config = parsedConfig(inputs, {}, event);
        if (config.mode === 'sweep') throw new Error('unexpected mode');
        const pullRequest = config.pullRequest?.number ?? Number.NaN;
        expect(config.database?.name).not.toBe(database);
        expect(config.appRole?.name).not.toBe(role);
        expect(config.database?.name).toBe(pullRequestName(database, pullRequest));
        expect(config.appRole?.name).toBe(pullRequestName(role, pullRequest));
        expect(config.database?.marker?.pullRequest).toBe(pullRequest);
      }),
      { numRuns: 300 },
    );
  });

  test('without per-pull-request, the base database and role are used even for a pull request event', () => {
    const { pullRequest, database, appRole } = ensureConfig(
      { ...perPullRequestInputs, 'per-pull-request': 'false' },
      {},
      pullRequestEvent(),
    );
    expect(pullRequest).toBeUndefined();
    expect(database).toMatchObject({ name: 'relecloud', base: 'relecloud', marker: undefined });
    expect(appRole).toMatchObject({
      name: 'relecloud_app',
      marker: { kind: 'base', repositoryId: repository.id, base: 'relecloud_app', database: 'relecloud' },
    });
  });
});

describe('inputs that only apply to the database of a pull request', () => {
  const pullRequestInputs: readonly (readonly [input: string, value: string])[] = [
    ['reset', 'true'],
    ['expires-in', '7d'],
    ['comment', 'true'],
    ['pull-request-number', '42'],
  ];

  test.each(pullRequestInputs)('%s: %s is an error without per-pull-request', (input, value) => {
    for (const mode of ['ensure', 'check'])
      expect(inputErrorsOf({ mode, [input]: value }, {}, pullRequestEvent())).toEqual([
        expect.stringMatching(new RegExp(`^${input} needs per-pull-request: true`)),
      ]);
  });

  test.each(pullRequestInputs)(
    '%s: %s is valid with per-pull-request, and in mode drop, which implies it',
    (input, value) => {
      const given = { ...perPullRequestInputs, [input]: value };
      expect(inputErrorsOf(given, {}, pullRequestEvent())).toEqual([]);
      expect(inputErrorsOf({ mode: 'drop', [input]: value }, {}, pullRequestEvent())).toEqual([]);
    },
  );

  test.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['72h', 259_200_000],
    [' 7 D ', 604_800_000],
    ['2w', 1_209_600_000],
    ['3650d', 315_360_000_000],
  ])('expires-in: %s is %d ms', (text, milliseconds) => {
    expect(pullRequestConfig({ 'expires-in': text }).database.expiresInMs).toBe(milliseconds);
  });

  test('defaults: no expiry, no reset, no template, no comment', () => {
    const { database, comment } = pullRequestConfig();
    expect(database).toMatchObject({ template: undefined, reset: false, expiresInMs: undefined });
    expect(comment).toBe(false);
    expect(pullRequestConfig({ reset: 'true', comment: 'true' })).toMatchObject({
      database: { reset: true },
      comment: true,
    });
  });

  test('template is any database, even a template of PostgreSQL, but not the database itself', () => {
    for (const template of ['relecloud', 'template0', 'template1'])
      expect(pullRequestConfig({ template }).database.template).toBe(template);
    const itself = expect.stringMatching(/^template is .*the database itself/);
    expect(inputErrorsOf({ template: 'relecloud' })).toEqual([itself]);
    expect(
      inputErrorsOf({ ...perPullRequestInputs, template: 'relecloud_pr_42' }, {}, pullRequestEvent()),
    ).toEqual([itself]);
  });
});

describe('mode drop', () => {
  test('needs only the names of database and role: no password of the role, no per-pull-request', () => {
    const config = dropConfig({ 'app-username': 'relecloud_app' });
    const { database, appRole } = pullRequestConfig();
    const { secret: _, ...role } = appRole ?? { secret: undefined };
    expect(config).toMatchObject({ pullRequest: { number: 42 }, comment: false, dryRun: false });
    expect(config.database).toEqual(database);
    expect(config.appRole).toEqual(role);
  });

  test('accepts a closed pull request, and dry-run', () => {
    const config = dropConfig({ 'dry-run': 'true' }, pullRequestEvent(42, { state: 'closed' }));
    expect(config).toMatchObject({ dryRun: true, pullRequest: { state: 'closed' } });
  });

  test('needs the base of the database and the administrator', () => {
    const none = { mode: 'drop', database: '', 'admin-username': '', 'admin-password': '' };
    expect(inputErrorsOf(none, {}, pullRequestEvent())).toEqual([
      expect.stringMatching(/^admin-username is missing/),
      expect.stringMatching(/^admin-password is missing/),
      expect.stringMatching(/^database is missing/),
    ]);
  });
});

describe('mode sweep', () => {
  test('needs a repository, but neither database nor pull request', () => {
    expect(sweepConfig({ database: '', 'dry-run': 'true', comment: 'true' })).toMatchObject({
      repository,
      dryRun: true,
      comment: true,
    });
    expect(sweepConfig({ database: '' })).toMatchObject({ dryRun: false, comment: false });
  });

  test('needs the administrator', () => {
    expect(inputErrorsOf({ mode: 'sweep', 'admin-password': '' }, {}, pushEvent)).toEqual([
      expect.stringMatching(/^admin-password is missing/),
    ]);
  });
});

describe('dry-run', () => {
  test.each(['ensure', 'check'])('is an error in mode %s, unless it is false', (mode) => {
    expect(inputErrorsOf({ mode, 'dry-run': 'true' })).toEqual([
      expect.stringMatching(/^dry-run is for mode drop/),
    ]);
    expect(inputErrorsOf({ mode, 'dry-run': 'false' })).toEqual([]);
  });
});

test('mode check accepts the database of a pull request without the password of its role', () => {
  const { 'app-password-key': _, ...given } = perPullRequestInputs;
  expect(checkConfig(given, pullRequestEvent())).toMatchObject({
    database: { name: 'relecloud_pr_42' },
    appRole: { name: 'relecloud_app_pr_42' },
  });
});

describe('extensions and a declared azure.extensions', () => {
  const listed = { 'server-parameters': 'azure.extensions=PGCRYPTO,hstore' };

  test('an extension that the declared allow-list lacks is an error, because every run would change the list twice', () => {
    expect(inputErrorsOf({ ...listed, extensions: 'citext' })).toEqual([
      'server-parameters: azure.extensions lacks citext, which extensions needs',
    ]);
  });

  test('an allow-list with all extensions is valid, in any case and order', () => {
    expect(inputErrorsOf({ ...listed, extensions: 'hstore, pgcrypto' })).toEqual([]);
  });

  test('the name of the parameter counts in any case', () => {
    const inAnyCase = { 'server-parameters': 'Azure.Extensions=hstore', extensions: 'citext' };
    expect(inputErrorsOf(inAnyCase)).toEqual([expect.stringContaining('lacks citext')]);
  });
});
