import type { Config } from '../config/config.ts';
import { keptRight } from './remedy.ts';
import type { Difference } from './types.ts';

/**
 * Which differences a plan mends: what is missing is made, what is stopped is woken, and what differs is updated only
 * with `on-drift: fix`. Nothing is ever replaced; deleted is only what bears a pull request's mark, by `drop`, `sweep`
 * and `reset`, and what one of them began to drop. (`check` has no writer, so its plan is only read.)
 */
export function permitted(config: Config, difference: Difference): boolean {
  const { mend } = difference;
  switch (mend?.action) {
    case undefined:
      return false;
    case 'create':
      return config.mode === 'ensure' || config.mode === 'check';
    case 'start':
      return config.startIfStopped;
    case 'update':
      return config.mode === 'ensure' && (config.onDrift === 'fix' || isKeptRight(difference));
    case 'delete':
      return config.mode === 'drop' || (config.mode === 'ensure' && config.pullRequest !== undefined);
  }
}

const isKeptRight = (difference: Difference): boolean =>
  keptRight.includes(difference.mend?.resource ?? '') &&
  !('deliberate' in difference && difference.deliberate);
