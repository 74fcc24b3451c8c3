import type { DiffWithFinding } from './findings.ts';

/** What resolves a finding, or why nothing does; a phrase for users. */
export function describeRemedy({ finding, change, remedy, requiresFix }: DiffWithFinding): string {
  if (remedy !== undefined) return remedy;
  switch (change?.action) {
    case 'create':
      return 'run mode: ensure to create it';
    case 'start':
      return 'run mode: ensure to start it';
    case 'update':
      return alwaysReconciled.includes(change.resource) && !requiresFix
        ? 'run mode: ensure to fix it'
        : FIX_HINT;
    case 'delete':
      return 'run mode: drop to delete it';
    case undefined:
      return finding.kind === 'unexpected' ? 'declare it, or delete it' : IMMUTABLE_HINT;
  }
}

/** The remedy of a property that is changed only on request. */
export const FIX_HINT = 'run mode: ensure with on-drift: fix to change it in place';

/** The remedy of a property that Azure or PostgreSQL cannot change in place. */
export const IMMUTABLE_HINT =
  'cannot be changed in place, and the action never replaces a resource: declare the actual value, or migrate to a new resource manually';

/**
 * Resource types that `mode: ensure` updates regardless of `on-drift`: a role that carries this action's marker, and a
 * list that is only added to. Such an update cannot undo what another owner has set.
 */
export const alwaysReconciled: readonly string[] = ['role', 'extension allow-list'];
