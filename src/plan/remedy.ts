import type { FoundDifference } from './types.ts';

/** What would end a finding: how it would be mended, or why it is not. */
export function remedyOf({ finding, mend, remedy, deliberate }: FoundDifference): string {
  if (remedy !== undefined) return remedy;
  switch (mend?.action) {
    case 'create':
      return 'mode: ensure creates it';
    case 'start':
      return 'mode: ensure starts it';
    case 'update':
      return keptRight.includes(mend.resource) && !deliberate ? 'mode: ensure does it' : byFix;
    case 'delete':
      return 'mode: drop removes it';
    case undefined:
      return finding.kind === 'unexpected' ? 'declare it, or remove it' : immutable;
  }
}

/** Of what is changed in place only where that is asked for. */
export const byFix = 'mode: ensure with on-drift: fix changes it in place';

/** Of a property that Azure or PostgreSQL cannot change where it is. */
export const immutable =
  'cannot be changed in place, and nothing is ever replaced: declare what is there, or move to a new one by hand';

/**
 * What bears our mark, or is only added to, is kept right in any case: there is nothing of anybody's that an update
 * could undo.
 */
export const keptRight: readonly string[] = ['role', 'extension allow-list'];
