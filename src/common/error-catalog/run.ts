import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the run as a whole. */
export const runErrors = {
  'timed-out': {
    text: (p: {
      /** Undefined for the limit of the whole run: the wait that it ended is added to the summary. */
      waitingFor?: string;
      after: string;
      hint: string;
    }): ErrorText => ({
      summary: `Timed out after ${p.after}${p.waitingFor === undefined ? '' : ` waiting for ${p.waitingFor}`}.`,
      hint: p.hint,
    }),
  },
  cancelled: {
    text: (p: { signal: string }): ErrorText => ({
      summary: `The run was cancelled (${p.signal}).`,
      hint: 'Run the workflow again: it continues with what this run has done.',
    }),
  },
  unexpected: {
    text: (p: { reason: string }): ErrorText => ({
      summary: `Unexpected error: ${p.reason}`,
      hint: 'Run the workflow again with debug logging enabled. If the error persists, open an issue with the log.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
