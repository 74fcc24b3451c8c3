import type { Change } from '../reconcile/findings.ts';

const PAST_TENSES = { create: 'Created', update: 'Updated', start: 'Started', delete: 'Deleted' } as const;

/** An applied change: `Created server demo-relecloud`. */
export const formatApplied = ({ resource, name, action }: Change): string =>
  `${PAST_TENSES[action]} ${resource} ${name}`;

/** A time in UTC, to the minute: `2026-02-03 04:05 UTC`. */
export const formatUtc = (time: Date): string => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
