import { shellQuote } from '../shell-quote.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';

/** Errors of the sign-in to Azure. */
export const signInErrors = {
  'sign-in-failed': {
    meaning: `Microsoft Entra did not accept the sign-in, or could not be asked. A number that begins with AADSTS is Entra's reason. Without such a number, Entra did not answer: the message names the host, the proxy in use and the cause.`,
    causes: [
      'no federated credential has the subject of this job (AADSTS700213), or one has it in another case (AADSTS7002138): the message quotes the subject, issuer and audience, and has the command that registers them',
      'the job has no `id-token: write`',
      'client-id is the object id instead of the application id (AADSTS700016), or tenant-id is wrong (AADSTS90002)',
      'the client secret is wrong (AADSTS7000215) or has expired (AADSTS7000222)',
      'a firewall or a proxy blocks login.microsoftonline.com',
    ],
    remedies: [
      'Run the command that the message contains, or follow its advice for the AADSTS number.',
      '[setup.md](setup.md#4-federated-credential) has the subject of each kind of job, and the commands.',
    ],
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
