import type { Config } from '../inputs/types.ts';
import type { Diff } from './findings.ts';
import { alwaysReconciled } from './remedy.ts';

/**
 * Which differences a plan mends: what is missing is made, what is stopped is woken, and what differs is updated only
 * with `on-drift: fix`. Nothing is ever replaced; deleted is only what bears a pull request's mark, by `drop`, `sweep`
 * and `reset`, and what one of them began to drop. (`check` has no writer, so its plan is only read.)
 */
export function isAllowed(config: Config, diff: Diff): boolean {
  const { change } = diff;
  switch (change?.action) {
    case undefined:
      return false;
    case 'create':
      return config.mode === 'ensure' || config.mode === 'check';
    case 'start':
      return config.startIfStopped;
    case 'update':
      return config.mode === 'ensure' && (config.onDrift === 'fix' || isAlwaysReconciled(diff));
    case 'delete':
      return config.mode === 'drop' || (config.mode === 'ensure' && config.pullRequest !== undefined);
  }
}

const isAlwaysReconciled = (diff: Diff): boolean =>
  alwaysReconciled.includes(diff.change?.resource ?? '') && !('requiresFix' in diff && diff.requiresFix);
