import type { ErrorEntry, ErrorText } from './error-entry.ts';
import { formatErrors, longList, shortList, truncateList } from './lists.ts';

/** Errors of databases for pull requests: creating, dropping and sweeping them. */
export const pullRequestErrors = {
  'no-credentials': {
    text: (p: {
      withheld: string;
      why: string;
      /** What to do to have credentials in such a run, or no such run. */
      alternative: string;
    }): ErrorText => ({
      summary: `This run has no credentials: GitHub does not give ${p.withheld} to ${p.why}.`,
      hint: `Set skip-without-credentials: true to end such runs with a notice instead of this error, or ${p.alternative}.`,
      url: 'https://docs.github.com/actions/reference/security/secure-use',
    }),
  },
  'fork-not-allowed': {
    text: (p: { number: number }): ErrorText => ({
      summary: `Pull request #${p.number} comes from a fork, but this workflow runs on pull_request_target, where the fork’s migrations and scripts would run with this repository’s secrets.`,
      hint: 'Run mode: ensure on pull_request, which gives forks no secrets (with skip-without-credentials: true). Use pull_request_target only for mode: drop.',
      url: 'https://docs.github.com/actions/reference/security/secure-use',
    }),
  },
  'pull-request-closed': {
    text: (p: { number: number; repository: string }): ErrorText => ({
      summary: `Pull request #${p.number} of ${p.repository} is closed, so no database is created for it.`,
      hint: 'Reopen the pull request, or run mode: drop to remove its database and role. Re-running an old job does not re-create them.',
    }),
  },
  'not-owned': {
    text: (p: { what: string; outcome: string; reason: string; hint: string }): ErrorText => ({
      summary: `${p.what} ${p.outcome}: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'drop-failed': {
    text: (p: {
      what: string;
      reason: string;
      /** The objects that the reason refers to. */
      lines?: readonly string[];
      /** Text after the lines. */
      rest?: string;
      hint: string;
      /** The statements that the hint asks the user to run. */
      statements?: readonly string[];
    }): ErrorText => ({
      summary: `${p.what} could not be dropped: ${p.reason}${truncateList(p.lines ?? [], 40)}${p.rest ?? ''}`,
      hint: `${p.hint}${truncateList(p.statements ?? [], 40)}`,
    }),
  },
  'roles-failed': {
    text: (p: { failures: readonly Error[] }): ErrorText => ({
      summary: `${p.failures.length} roles could not be dropped:${longList(formatErrors(p.failures))}`,
      hint: 'Follow the hint for each role, and run the step again.',
    }),
  },
  renewed: {
    text: (p: { database: string }): ErrorText => ({
      summary: `Database '${p.database}' was renewed by another run and has not expired.`,
      hint: 'No action is needed. The next sweep checks it again.',
    }),
  },
  'sweep-unchecked': {
    text: (p: { names: readonly string[]; reason: string; hint: string }): ErrorText => ({
      summary: `${p.names.length} of the databases and roles could not be checked, because the sweep could not open or keep a session: ${p.reason}\nNot checked:${shortList(p.names)}`,
      hint: p.hint,
    }),
  },
  'sweep-incomplete': {
    text: (p: { failures: readonly Error[] }): ErrorText => ({
      summary: `The sweep checked everything, but failed in ${p.failures.length} case${p.failures.length === 1 ? '' : 's'}:${longList(formatErrors(p.failures))}`,
      hint: 'Correct the cause of each failure. The next sweep tries again.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
