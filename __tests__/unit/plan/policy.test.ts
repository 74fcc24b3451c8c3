import { describe, expect, test } from 'vitest';
import { permitted } from '../../../src/plan/policy.ts';
import type { Change, ResourceType } from '../../../src/plan/types.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  perPullRequest,
  pullRequestConfig,
  pullRequestEvent,
  sweepConfig,
} from '../../helpers/unit/inputs.ts';

const configs = {
  ensure: ensureConfig(),
  'ensure, fix': ensureConfig({ 'on-drift': 'fix' }),
  'ensure, pull request': pullRequestConfig(),
  'ensure, not started': ensureConfig({ 'start-if-stopped': 'false' }),
  check: checkConfig(),
  'check, pull request': checkConfig(perPullRequest, pullRequestEvent()),
  drop: dropConfig(),
  'drop, not started': dropConfig({ 'start-if-stopped': 'false' }),
  sweep: sweepConfig(),
} as const;
type How = keyof typeof configs;

const kept: readonly ResourceType[] = [
  'resource group',
  'server',
  'server parameter',
  'firewall rule',
  'database',
  'extension',
];
const addedTo: readonly ResourceType[] = ['role', 'extension allow-list'];

/** In which modes each action is permitted on these things. */
const may = (resources: readonly ResourceType[], action: Change['action']): readonly How[] => {
  const hows = Object.keys(configs) as How[];
  const answers = resources.map((resource) =>
    hows.filter((how) => permitted(configs[how], { mend: { resource, name: 'x', action, details: '' } })),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  return answers[0] ?? [];
};

describe('one path for every mode: which changes a plan may hold', () => {
  test('what is missing is made where something is ensured, and a check plans it', () => {
    expect(may([...kept, ...addedTo], 'create')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
      'ensure, not started',
      'check',
      'check, pull request',
    ]);
  });

  test('on-drift: what differs is changed only with fix', () => {
    expect(may(kept, 'update')).toEqual(['ensure, fix']);
  });

  test('what bears our mark, or is only added to, is kept right by every ensure, and by nothing else', () => {
    expect(may(addedTo, 'update')).toEqual([
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
    const hows = Object.entries(configs).filter(([, config]) =>
      permitted(config, { finding, mend, deliberate: true }),
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
    for (const config of Object.values(configs)) expect(permitted(config, { finding })).toBe(false);
  });

  test('deleted is only of a pull request: by drop, and by the ensure of one (reset)', () => {
    expect(may([...kept, ...addedTo], 'delete')).toEqual([
      'ensure, pull request',
      'drop',
      'drop, not started',
    ]);
  });

  test('start-if-stopped', () => {
    const hows = Object.keys(configs).filter((how) => !how.endsWith('not started'));
    expect(may(['server'], 'start')).toEqual(hows);
  });
});
