import { shellQuote } from '../shell-quote.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the sign-in to Azure. */
export const signInErrors = {
  'sign-in-failed': {
    text: (p: {
      method: string;
      reason: string;
      hint: string;
      /** A command that the hint ends with, as words. */
      command?: readonly string[];
    }): ErrorText => ({
      summary: `Signing in to Azure by ${p.method} failed: ${p.reason}`,
      hint: [p.hint, p.command?.map(shellQuote).join(' ')].filter(Boolean).join('\n'),
      url: 'https://learn.microsoft.com/azure/developer/github/connect-from-azure-openid-connect',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
