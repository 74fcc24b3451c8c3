import type { EnsureConfig } from '../inputs/types.ts';
import type { Diff } from './findings.ts';
import { alwaysReconciled } from './remedy.ts';

/** Which changes a plan may contain. No policy allows a replacement: a property that cannot be changed stays. */
export interface ChangePolicy {
  readonly create: boolean;
  readonly start: boolean;
  /** `managed`: only resources that are reconciled regardless of `on-drift`, see {@link alwaysReconciled}. */
  readonly update: 'none' | 'managed' | 'all';
  readonly delete: boolean;
}

/** `mode: check`: findings only. */
export const READ_ONLY_POLICY: ChangePolicy = { create: false, start: false, update: 'none', delete: false };

/** `mode: drop` and `mode: sweep`. */
export const TEARDOWN_POLICY: ChangePolicy = { ...READ_ONLY_POLICY, delete: true };

/**
 * `mode: ensure`. It deletes only a pull request's database, to create it again (`reset`, or a drop that was interrupted).
 */
export const ensurePolicy = ({ startIfStopped, onDrift, pullRequest }: EnsureConfig): ChangePolicy => ({
  create: true,
  start: startIfStopped,
  update: onDrift === 'fix' ? 'all' : 'managed',
  delete: pullRequest !== undefined,
});

export function isAllowed(policy: ChangePolicy, diff: Diff): boolean {
  const { change } = diff;
  switch (change?.action) {
    case undefined:
      return false;
    case 'create':
      return policy.create;
    case 'start':
      return policy.start;
    case 'update':
      return policy.update === 'all' || (policy.update === 'managed' && isAlwaysReconciled(diff));
    case 'delete':
      return policy.delete;
  }
}

const isAlwaysReconciled = (diff: Diff): boolean =>
  alwaysReconciled.includes(diff.change?.resource ?? '') && !('requiresFix' in diff && diff.requiresFix);
