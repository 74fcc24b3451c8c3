import type { ErrorEntry, ErrorText } from './error-entry.ts';
import { shortList } from './lists.ts';

/** Results and errors of the drift check. */
export const driftErrors = {
  drifted: {
    text: (p: { findings: readonly string[] }): ErrorText => ({
      summary: `Drift detected:${shortList(p.findings)}`,
      hint: 'The annotations and the summary name for each difference what resolves it: mode: ensure (with on-drift: fix for what it may change), other inputs, or a change outside the action. With on-drift: warn, drift does not fail the step.',
    }),
  },
  'check-incomplete': {
    text: (p: { reasons: readonly string[]; hint: string; findings: readonly string[] }): ErrorText => ({
      summary: `The check is incomplete, because some declared resources could not be read:${shortList(p.reasons)}${
        p.findings.length === 0 ? '' : `\nDrift detected in the other resources:${shortList(p.findings)}`
      }`,
      hint: `${p.hint} Resources that could not be read do not count as drift.`,
    }),
  },
  'report-not-written': {
    text: (p: { reason: string }): ErrorText => ({
      summary: `A file of drift-report could not be written: ${p.reason}`,
      hint: 'Set paths in the workspace that this job can write to.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
