import { describe, expect, test } from 'vitest';
import type { Change, Diff, ResourceType } from '../../../src/reconcile/findings.ts';
import {
  type ChangePolicy,
  ensurePolicy,
  isAllowed,
  READ_ONLY_POLICY,
  TEARDOWN_POLICY,
} from '../../../src/reconcile/policy.ts';
import { ensureConfig, pullRequestConfig } from '../../helpers/unit/test-configs.ts';

const policies: Readonly<Record<string, ChangePolicy>> = {
  ensure: ensurePolicy(ensureConfig()),
  'ensure, fix': ensurePolicy(ensureConfig({ 'on-drift': 'fix' })),
  'ensure, pull request': ensurePolicy(pullRequestConfig()),
  'ensure, not started': ensurePolicy(ensureConfig({ 'start-if-stopped': 'false' })),
  check: READ_ONLY_POLICY,
  'drop, sweep': TEARDOWN_POLICY,
};
const policiesAllowing = (diff: Diff): readonly string[] =>
  Object.keys(policies).filter((name) => isAllowed(policies[name] ?? READ_ONLY_POLICY, diff));

const ordinaryTypes: readonly ResourceType[] = [
  'resource group',
  'server',
  'server parameter',
  'firewall rule',
  'database',
  'extension',
];
const alwaysReconciledTypes: readonly ResourceType[] = ['role', 'extension allow-list'];

/** The policies that allow an action, which must be the same for all these types. */
function policiesAllowingAction(types: readonly ResourceType[], action: Change['action']): readonly string[] {
  const results = types.map((resource) =>
    policiesAllowing({ change: { resource, name: 'x', action, details: '' } }),
  );
  for (const result of results) expect(result).toEqual(results[0]);
  return results[0] ?? [];
}

describe('which changes a mode allows', () => {
  test('every ensure, and no other mode, creates missing resources', () => {
    expect(policiesAllowingAction([...ordinaryTypes, ...alwaysReconciledTypes], 'create')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
      'ensure, not started',
    ]);
  });

  test('only on-drift: fix updates resources', () => {
    expect(policiesAllowingAction(ordinaryTypes, 'update')).toEqual(['ensure, fix']);
  });

  test('every ensure, and no other mode, updates roles and the extension allow-list', () => {
    expect(policiesAllowingAction(alwaysReconciledTypes, 'update')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
      'ensure, not started',
    ]);
  });

  test('only on-drift: fix updates a role if the difference may be intended', () => {
    const role = { resource: 'role', name: 'app' } as const;
    const finding = {
      ...role,
      property: 'login',
      expected: 'LOGIN',
      actual: 'NOLOGIN',
      kind: 'changed',
    } as const;
    const change = { ...role, action: 'update', details: '' } as const;
    expect(policiesAllowing({ finding, change, requiresFix: true })).toEqual(['ensure, fix']);
  });

  test('no mode changes a difference that has no change', () => {
    const finding = {
      resource: 'server',
      name: 'x',
      property: 'region',
      expected: 'a',
      actual: 'b',
      kind: 'changed',
    } as const;
    expect(policiesAllowing({ finding })).toEqual([]);
  });

  test('only drop, sweep and the ensure of a pull request (reset) delete', () => {
    expect(policiesAllowingAction([...ordinaryTypes, ...alwaysReconciledTypes], 'delete')).toEqual([
      'ensure, pull request',
      'drop, sweep',
    ]);
  });

  test('an ensure starts a stopped server, unless start-if-stopped is false', () => {
    expect(policiesAllowingAction(['server'], 'start')).toEqual([
      'ensure',
      'ensure, fix',
      'ensure, pull request',
    ]);
  });
});
