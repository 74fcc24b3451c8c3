import type { Change, Finding } from '../reconcile/findings.ts';

/** A change in one line. */
export const formatChange = ({ resource, name, action, details }: Change): string =>
  `${action} ${resource} ${name}${details === '' ? '' : ` (${details})`}`;

/** A finding in one line. */
export function formatFinding({ resource, name, property, expected, actual, kind }: Finding): string {
  const subject = [kind, resource, name, property].filter(Boolean).join(' ');
  return kind === 'unknown'
    ? `${subject}: ${actual}`
    : `${subject}: declared ${expected}, actually ${actual}`;
}

/** A time in UTC, to the minute: `2026-02-03 04:05 UTC`. */
export const formatUtc = (time: Date): string => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
