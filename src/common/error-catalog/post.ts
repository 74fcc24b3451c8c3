import { shellQuote } from '../shell-quote.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the part of the action that runs at the end of the job. */
export const postErrors = {
  'rule-not-removed': {
    meaning:
      'The end of the job could not remove the temporary firewall rule of this runner, so the address of the runner stays admitted.',
    causes: [
      'the server or its group has a lock',
      'the server was stopped before the job ended',
      'the identity lost its role, or the sign-in failed',
    ],
    remedies: [
      'Do what the message asks for first, such as starting the server, then run its `az resource delete` command.',
      '`mode: sweep` also deletes the rules of ended runs.',
    ],
    text: (p: {
      rule: string;
      ruleId: string;
      reason: string;
      /** What has to be done before anybody can remove it. */
      before?: string;
      /** Why later runs would leave rules too, and how to prevent it. */
      prevention?: string;
    }): ErrorText => ({
      summary: `The temporary firewall rule '${p.rule}' could not be removed: ${p.reason}`,
      hint: `${p.before === undefined ? '' : `${p.before} Then: `}Remove it manually, because it admits this runner's address: az resource delete --ids ${shellQuote(p.ruleId)}${p.prevention === undefined ? '' : `\nFor later runs: ${p.prevention}`}`,
    }),
  },
  'state-invalid': {
    meaning:
      'The end of the job reads what the main part of the step has saved. It is missing or was changed, so the action does not use it.',
    causes: ['another step of the job writes to the file of GITHUB_STATE'],
    remedies: [
      'Check which step of the job writes the state of other steps.',
      'Delete the firewall rules of ended runs, whose names begin with `gha-temporary-`; `mode: sweep` does this.',
    ],
    text: (p: { key: string; reason: string }): ErrorText => ({
      summary: `The main part of this step saves a state for the end of the job. It is missing or was changed: ${p.key} ${p.reason}.`,
      hint: 'Check which other step of this job writes to the file of GITHUB_STATE. Delete the firewall rules of ended runs, whose names begin with gha-temporary- (mode: sweep does this).',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
