import { describe, expect, test } from 'vitest';
import type { Config } from '../../../../src/inputs/types.ts';
import type { WorkflowEvent } from '../../../../src/inputs/workflow-event.ts';
import {
  exampleGuid,
  exampleKey,
  type InputValues,
  inputErrorsOf,
  parseWithConfigFile,
  pullRequestEvent,
  pushEvent,
} from '../../../helpers/unit/test-configs.ts';

const base = `
subscription-id: ${exampleGuid}
server-name: demo-relecloud
admin-username: relecloud_admin
database: relecloud
app-username: relecloud_app
`;

/** Every input that only some modes or steps use, declared for those. */
const sharedInputs = `${base}
template: relecloud
reset: true
expires-in: 14d
comment: true
skip-without-credentials: true
on-drift: fix, fail
drift-report: drift.sarif
drift-issue: true
extensions: pgcrypto
formats: [url, pg]
migration-command: npm run migrate
migrate-as: app
migration-timeout-minutes: 5
env-file: .env
keep-firewall-rule: true
start-if-stopped: false
`;

const steps: Readonly<Record<string, readonly [step: InputValues, event: WorkflowEvent]>> = {
  'ensure on a push': [{}, pushEvent],
  'ensure for a pull request': [{ 'per-pull-request': 'true' }, pullRequestEvent()],
  'check on a schedule': [{ mode: 'check' }, { ...pushEvent, name: 'schedule' }],
  'check for a pull request': [{ mode: 'check', 'per-pull-request': 'true' }, pullRequestEvent()],
  'check of the base in a pull request': [{ mode: 'check' }, pullRequestEvent()],
  drop: [{ mode: 'drop' }, pullRequestEvent(42, { state: 'closed' })],
  sweep: [{ mode: 'sweep' }, pushEvent],
};

function parseShared(text: string, step: InputValues, event: WorkflowEvent): Config {
  const parsed = parseWithConfigFile(text, { 'app-password-key': exampleKey, ...step }, event);
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed;
}

describe('one config-file for the steps of all modes', () => {
  test.each(Object.entries(steps))(
    'the inputs that belong to other steps are no error: %s',
    (_, [step, event]) => {
      expect(() => parseShared(sharedInputs, step, event)).not.toThrow();
    },
  );

  test.each([
    ['fix, fail', 'fix', 'fail'],
    ['[fix, warn]', 'fix', 'warn'],
    ['[warn, fail]', 'warn', 'fail'],
    ['fix', 'fix', 'fail'],
    ['fail', 'warn', 'fail'],
    ['warn', 'warn', 'warn'],
  ])('on-drift: %s means %s in ensure and %s in check', (value, inEnsure, inCheck) => {
    const text = `${base}on-drift: ${value}\n`;
    expect(parseShared(text, {}, pushEvent)).toMatchObject({ mode: 'ensure', onDrift: inEnsure });
    expect(parseShared(text, { mode: 'check' }, pushEvent)).toMatchObject({ onDrift: inCheck });
  });

  test('on-drift in a step can hold both values, and the value of the other mode alone is an error', () => {
    expect(inputErrorsOf({ 'on-drift': 'fix, fail' })).toEqual([]);
    expect(inputErrorsOf({ mode: 'check', 'on-drift': 'fail\nfix' })).toEqual([]);
    expect(inputErrorsOf({ mode: 'check', 'on-drift': 'fix' })).toEqual([
      "on-drift is 'fix', which is for mode ensure, but mode check takes one of: warn, fail",
    ]);
    expect(inputErrorsOf({ 'on-drift': 'warn, fix, fail' })).toEqual([
      expect.stringMatching(/^on-drift has the three values warn, fix and fail/),
    ]);
  });

  test('a base database is neither reset nor expires, and gets no comment, whatever the file declares for pull requests', () => {
    const config = parseShared(sharedInputs, {}, pushEvent);
    expect(config).toMatchObject({
      comment: false,
      database: { name: 'relecloud', reset: false, expiresInMs: undefined, template: undefined },
    });
    const forPullRequest = parseShared(sharedInputs, { 'per-pull-request': 'true' }, pullRequestEvent());
    expect(forPullRequest).toMatchObject({
      comment: true,
      database: { name: 'relecloud_pr_42', reset: true, expiresInMs: 14 * 86_400_000, template: 'relecloud' },
    });
  });

  test('another template of a base database is used', () => {
    const text = `${base}template: seed\n`;
    expect(parseShared(text, {}, pushEvent)).toMatchObject({ database: { template: 'seed' } });
  });

  test.each(['template: relecloud', 'reset: true', 'expires-in: 14d', 'comment: true'])(
    'in an ensure for a pull request without per-pull-request, which would use the base database, it is an error: %s',
    (line) => {
      const parsed = parseWithConfigFile(
        `${base}${line}\n`,
        { 'app-password-key': exampleKey },
        pullRequestEvent(),
      );
      expect('errors' in parsed && parsed.errors).toEqual([
        expect.stringContaining(line.split(':')[0] ?? ''),
      ]);
    },
  );

  test('dry-run is ignored by check, and rejected by ensure, which would change something', () => {
    const text = `${base}dry-run: true\n`;
    expect(parseShared(text, { mode: 'check' }, pushEvent).mode).toBe('check');
    expect(() => parseShared(text, {}, pushEvent)).toThrow(
      /dry-run is for mode drop and sweep, and mode ensure would/,
    );
  });
});
