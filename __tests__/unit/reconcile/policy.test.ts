import { describe, expect, test } from 'vitest';
import type { Change, ResourceType } from '../../../src/reconcile/findings.ts';
import { isAllowed } from '../../../src/reconcile/policy.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  perPullRequestInputs,
  pullRequestConfig,
  pullRequestEvent,
  sweepConfig,
} from '../../helpers/unit/test-configs.ts';

const configsByName = {
  ensure: ensureConfig(),
  'ensure, fix': ensureConfig({ 'on-drift': 'fix' }),
  'ensure, pull request': pullRequestConfig(),
  'ensure, not started': ensureConfig({ 'start-if-stopped': 'false' }),
  check: checkConfig(),
  'check, pull request': checkConfig(perPullRequestInputs, pullRequestEvent()),
  drop: dropConfig(),
  'drop, not started': dropConfig({ 'start-if-stopped': 'false' }),
  sweep: sweepConfig(),
} as const;
type ConfigName = keyof typeof configsByName;

const persistentTypes: readonly ResourceType[] = [
  'resource group',
  'server',
  'server parameter',
  'firewall rule',
  'database',
  'extension',
];
const extendableTypes: readonly ResourceType[] = ['role', 'extension allow-list'];

/** In which modes each action is permitted on these things. */
const allowedIn = (resources: readonly ResourceType[], action: Change['action']): readonly ConfigName[] => {
  const hows = Object.keys(configsByName) as ConfigName[];
  const answers = resources.map((resource) =>
    hows.filter((how) =>
      isAllowed(configsByName[how], { change: { resource, name: 'x', action, details: '' } }),
    ),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  return answers[0] ?? [];
};

describe('one path for every mode: which changes a plan may hold', () => {
  test('what is missing is made where something is ensured, and a check plans it', () => {
    expect(allowedIn([...persistentTypes, ...extendableTypes], 'create')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
      'ensure, not started',
      'check',
      'check, pull request',
    ]);
  });

  test('on-drift: what differs is changed only with fix', () => {
    expect(allowedIn(persistentTypes, 'update')).toEqual(['ensure, fix']);
  });

  test('what bears our mark, or is only added to, is kept right by every ensure, and by nothing else', () => {
    expect(allowedIn(extendableTypes, 'update')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
      'ensure, not started',
    ]);
  });

  test('what somebody may have meant is changed only with fix, also where it is ours', () => {
    const thing = { resource: 'role', name: 'app' } as const;
    const finding = {
      ...thing,
      property: 'login',
      expected: 'LOGIN',
      actual: 'NOLOGIN',
      kind: 'changed',
    } as const;
    const mend = { ...thing, action: 'update', details: '' } as const;
    const hows = Object.entries(configsByName).filter(([, config]) =>
      isAllowed(config, { finding, change: mend, requiresFix: true }),
    );
    expect(hows.map(([how]) => how)).toEqual(['ensure, fix']);
  });

  test('a difference that nothing can mend is never mended', () => {
    const finding = {
      resource: 'server',
      name: 'x',
      property: 'region',
      expected: 'a',
      actual: 'b',
      kind: 'changed',
    } as const;
    for (const config of Object.values(configsByName)) expect(isAllowed(config, { finding })).toBe(false);
  });

  test('deleted is only of a pull request: by drop, and by the ensure of one (reset)', () => {
    expect(allowedIn([...persistentTypes, ...extendableTypes], 'delete')).toEqual([
      'ensure, pull request',
      'drop',
      'drop, not started',
    ]);
  });

  test('start-if-stopped', () => {
    const hows = Object.keys(configsByName).filter((how) => !how.endsWith('not started'));
    expect(allowedIn(['server'], 'start')).toEqual(hows);
  });
});
