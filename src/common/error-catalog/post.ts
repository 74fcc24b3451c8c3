import { shellQuote } from '../shell-quote.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the part of the action that runs at the end of the job. */
export const postErrors = {
  'rule-not-removed': {
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
    text: (p: { key: string; reason: string }): ErrorText => ({
      summary: `The state of this step was not saved by its main part, or was changed afterwards: ${p.key} ${p.reason}.`,
      hint: 'Check which step of this job writes the state of other steps. Delete the firewall rules of ended runs, whose names begin with gha-temporary- (mode: sweep does this).',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
