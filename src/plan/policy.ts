import type { Config } from '../config/config.ts';
import type { Change } from './types.ts';

/**
 * Which changes a plan may hold: what is missing is made, what is stopped is woken, and what differs is updated only
 * with `on-drift: fix`. Nothing is ever replaced or deleted. (`check` has no writer, so its plan is only read.)
 */
export function permitted(config: Config, change: Change): boolean {
  switch (change.action) {
    case 'create':
      return true;
    case 'start':
      return config.startIfStopped;
    case 'update':
      return config.mode === 'ensure' && config.onDrift === 'fix';
    case 'delete':
      return false;
  }
}
