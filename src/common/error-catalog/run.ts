import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the run as a whole. */
export const runErrors = {
  'timed-out': {
    meaning:
      'The run reached timeout-minutes, or Azure did not finish something in time. The message names what the run was waiting for, for how long and why.',
    causes: [
      'the creation of a server takes 5 to 10 minutes, and timeout-minutes is shorter',
      'the migration takes longer than the run may',
      'another job holds the migration lock',
      'Azure is slow, or an operation does not end',
    ],
    remedies: [
      'Increase `timeout-minutes` if the work was still in progress.',
      'Run the workflow again: it continues with what exists.',
    ],
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
    meaning: 'GitHub cancelled the job.',
    causes: [
      'somebody cancelled the workflow',
      'a newer run of the same `concurrency` group replaced it',
      'the job reached its `timeout-minutes`',
    ],
    remedies: ['Run the workflow again: it continues with what this run has done.'],
    text: (p: { signal: string }): ErrorText => ({
      summary: `The run was cancelled (${p.signal}).`,
      hint: 'Run the workflow again: it continues with what this run has done.',
    }),
  },
  unexpected: {
    meaning: 'An error that the action does not know.',
    causes: ['a mistake in the action, or a situation that it does not know'],
    remedies: [
      'Run the workflow again with debug logging (*Re-run jobs*, *Enable debug logging*).',
      'If it happens again, open an issue with the log. Secrets are masked in it.',
    ],
    text: (p: { reason: string }): ErrorText => ({
      summary: `Unexpected error: ${p.reason}`,
      hint: 'Run the workflow again with debug logging (Re-run jobs, Enable debug logging). If the error happens again, open an issue with the log.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
