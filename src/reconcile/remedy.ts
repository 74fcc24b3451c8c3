import type { DiffWithFinding } from './findings.ts';

/** What would end a finding: how it would be mended, or why it is not. */
export function describeRemedy({ finding, change, remedy, requiresFix }: DiffWithFinding): string {
  if (remedy !== undefined) return remedy;
  switch (change?.action) {
    case 'create':
      return 'mode: ensure creates it';
    case 'start':
      return 'mode: ensure starts it';
    case 'update':
      return alwaysReconciled.includes(change.resource) && !requiresFix ? 'mode: ensure does it' : FIX_HINT;
    case 'delete':
      return 'mode: drop removes it';
    case undefined:
      return finding.kind === 'unexpected' ? 'declare it, or remove it' : IMMUTABLE_HINT;
  }
}

/** Of what is changed in place only where that is asked for. */
export const FIX_HINT = 'mode: ensure with on-drift: fix changes it in place';

/** Of a property that Azure or PostgreSQL cannot change where it is. */
export const IMMUTABLE_HINT =
  'cannot be changed in place, and nothing is ever replaced: declare what is there, or move to a new one by hand';

/**
 * What bears our mark, or is only added to, is kept right in any case: there is nothing of anybody's that an update
 * could undo.
 */
export const alwaysReconciled: readonly string[] = ['role', 'extension allow-list'];
