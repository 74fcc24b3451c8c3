import { count } from '../count.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';
import { shortList } from './lists.ts';

/** Results and errors of the drift check. */
export const driftErrors = {
  drifted: {
    meaning:
      'The server, its firewall, the database or the role differ from what the inputs declare. This is the result of `mode: check` with `on-drift: fail`, not a failure of the action.',
    causes: [
      'somebody changed the server in the Azure portal or with another tool',
      'the declaration was changed, and `mode: ensure` has not run since',
    ],
    remedies: [
      'Run `mode: ensure`, with `on-drift: fix` for what can be changed in place, or change the declaration.',
      'To be only informed, set `on-drift: warn`.',
      '[drift.md](drift.md) describes what is compared.',
    ],
    /** @param p.findings number of the differences, each of which is reported before the error */
    text: (p: { findings: number }): ErrorText => ({
      summary: `The check found ${count(p.findings, 'difference')}.`,
      hint: 'The lines above and the summary name for each difference what resolves it: mode: ensure (with on-drift: fix for what it may change), other inputs, or a change outside the action. With on-drift: warn, drift does not fail the step.',
    }),
  },
  'check-incomplete': {
    meaning:
      'A declared resource could not be read, so the check says nothing about it. This does not count as drift. The lines above the message list the drift of the other resources.',
    causes: [
      'the identity has no role that can read the resource',
      'the server is stopped or not Ready',
      'the login failed',
    ],
    remedies: [
      'Follow the advice for the first cause.',
      'The identity needs the role *Reader* on the resource group.',
    ],
    /** @param p.findings number of the differences in the other resources */
    text: (p: { reasons: readonly string[]; hint: string; findings: number }): ErrorText => ({
      summary: `The check is incomplete, because some declared resources could not be read:${shortList(p.reasons)}${
        p.findings === 0 ? '' : `\nThe check found ${count(p.findings, 'difference')} in the other resources.`
      }`,
      hint: `${p.hint} Resources that could not be read do not count as drift.`,
    }),
  },
  'report-not-written': {
    meaning: 'A file of drift-report could not be written.',
    causes: [
      'the path is outside the workspace, or a symbolic link leads out of it',
      'the folder belongs to another user, or the disk is full',
    ],
    remedies: ['Set `drift-report` to paths in the workspace that the job can write to.'],
    text: (p: { reason: string }): ErrorText => ({
      summary: `A file of drift-report could not be written: ${p.reason}`,
      hint: 'Set drift-report to paths in the workspace that this job can write to.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
