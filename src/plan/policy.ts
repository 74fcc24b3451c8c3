import type { Config } from '../config/config.ts';
import type { Change, ResourceType } from './types.ts';

/**
 * What bears our mark, or is only added to, is kept right in any case: there is nothing of anybody's that an update
 * could undo.
 */
const ours: readonly ResourceType[] = ['role', 'extension allow-list'];

/**
 * Which changes a plan may hold: what is missing is made, what is stopped is woken, and what differs is updated only
 * with `on-drift: fix`. Nothing is ever replaced; deleted is only what bears a pull request's mark, by `drop`, `sweep`
 * and `reset`, and what one of them began to drop. (`check` has no writer, so its plan is only read.)
 */
export function permitted(config: Config, change: Change): boolean {
  switch (change.action) {
    case 'create':
      return config.mode === 'ensure' || config.mode === 'check';
    case 'start':
      return config.startIfStopped;
    case 'update':
      return config.mode === 'ensure' && (config.onDrift === 'fix' || ours.includes(change.resource));
    case 'delete':
      return config.mode === 'drop' || (config.mode === 'ensure' && config.pullRequest !== undefined);
  }
}
