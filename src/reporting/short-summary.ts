import { type ErrorCode, getErrorMessage } from '../common/errors.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import { blockquote, code, renderPhrase } from './markdown.ts';

/** The verdict and what remains, for the ends of a run that has no facts to report. */
const SHORT_ENDS = {
  skipped: { verdict: '⏭️ Skipped', effect: 'Nothing was requested or changed.' },
  'failed at start': { verdict: '❌ Not started', effect: 'Nothing was requested or changed.' },
  'post failed': { verdict: '❌ The end of the job failed', effect: 'Something of this run may remain.' },
} as const;

type ShortEnd = keyof typeof SHORT_ENDS;

/**
 * The job summary of a run that ended before its first request, or of a post part that failed.
 * @param reason the notice, or the message of the error
 * @param errorCode of the error
 */
export function renderShortSummary(end: ShortEnd, reason: string, errorCode?: ErrorCode): string {
  const { verdict, effect } = SHORT_ENDS[end];
  const title = errorCode === undefined ? verdict : `${verdict}: ${renderPhrase([code(errorCode)])}`;
  return `### ${title}\n\n${effect}\n\n${blockquote(reason)}\n`;
}

/** The last line of the log of such a run. */
export function shortLastLine(end: ShortEnd, errorCode?: ErrorCode): string {
  const { verdict, effect } = SHORT_ENDS[end];
  return `${verdict}${errorCode === undefined ? '' : `: ${errorCode}`}. ${effect}`;
}

/** Adds to the job's summary. A failure is only a line of the debug log, because it must not hide the run's result. */
export function writeSummary(runtime: ActionsRuntime, markdown: string): void {
  try {
    runtime.appendSummary(markdown);
  } catch (error) {
    runtime.debug(`The summary could not be written: ${getErrorMessage(error)}`);
  }
}
