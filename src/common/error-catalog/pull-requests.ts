import { count } from '../count.ts';
import type { ErrorEntry, ErrorText } from './error-entry.ts';
import { formatErrors, longList, shortList, truncateList } from './lists.ts';

/** Errors of databases for pull requests: creating, dropping and sweeping them. */
export const pullRequestErrors = {
  'no-credentials': {
    meaning:
      'GitHub gives no secrets to runs of forks, and only Dependabot secrets to runs of Dependabot, so this run cannot sign in.',
    causes: ['a pull request from a fork', 'a run that Dependabot started'],
    remedies: [
      'Set `skip-without-credentials: true` to end such runs with a notice.',
      'For Dependabot, add the secrets under the same names to the Dependabot secrets of the repository.',
      '[pull-requests.md](pull-requests.md) describes forks.',
    ],
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
    meaning:
      "A fork's pull request on `pull_request_target` would run its code with the secrets of this repository.",
    causes: ['a workflow on `pull_request_target` uses `mode: ensure`'],
    remedies: [
      'Use `mode: ensure` on `pull_request`, with `skip-without-credentials: true`.',
      'Use `pull_request_target` only for `mode: drop`.',
    ],
    text: (p: { number: number }): ErrorText => ({
      summary: `Pull request #${p.number} comes from a fork, but this workflow runs on pull_request_target, where the fork’s migrations and scripts would run with this repository’s secrets.`,
      hint: 'Run mode: ensure on pull_request, which gives forks no secrets (with skip-without-credentials: true). Use pull_request_target only for mode: drop.',
      url: 'https://docs.github.com/actions/reference/security/secure-use',
    }),
  },
  'pull-request-closed': {
    meaning: 'The pull request is closed, so it gets no database, even if an old job is run again.',
    causes: [
      'a job of the pull request was re-run after the pull request was closed',
      'the pull request was closed while the job waited',
    ],
    remedies: [
      'Reopen the pull request if it needs the database.',
      'Otherwise run `mode: drop`, if that has not happened.',
    ],
    text: (p: { number: number; repository: string }): ErrorText => ({
      summary: `Pull request #${p.number} of ${p.repository} is closed, so no database is created for it.`,
      hint: 'Reopen the pull request, or run mode: drop to remove its database and role. Re-running an old job does not re-create them.',
    }),
  },
  'not-owned': {
    meaning:
      'A database or a role of this name exists, and it is not one that the action created for this purpose with this administrator. It was not changed or dropped.',
    causes: [
      'earlier runs used another admin-username',
      'another repository uses the same server and the same names',
      'somebody created the database or the role manually, or has removed its comment',
    ],
    remedies: [
      'If earlier runs used another administrator, use the same `admin-username` and `admin-password` in this step.',
      'For `ensure`, choose another `database` or `app-username`.',
      'For `drop`, check `database`, `app-username` and `pull-request-number`; another repository drops its own databases.',
      'If nobody needs it any more, drop it manually.',
    ],
    text: (p: { what: string; outcome: string; reason: string; hint: string }): ErrorText => ({
      summary: `${p.what} ${p.outcome}: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'drop-failed': {
    meaning: `A database or a role could not be dropped. The message lists what prevents it, and the statements that remove the obstacle. Objects of a role outside the pull request's database are never dropped.`,
    causes: [
      'the role owns objects, or has a prepared transaction, elsewhere on the server',
      'the database has prepared transactions, subscriptions or replication slots of others',
      'a session holds a lock on the database',
    ],
    remedies: ['Run the statements in the message, as the role that it names.', 'Then run the step again.'],
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
    meaning:
      'Several roles of the pull request could not be dropped. The message has one [drop-failed](#drop-failed) for each.',
    causes: [`the roles own objects outside the pull request's database`],
    remedies: ['Follow the advice for each role, and run the step again.'],
    text: (p: { failures: readonly Error[] }): ErrorText => ({
      summary: `${p.failures.length} roles could not be dropped:${longList(formatErrors(p.failures))}`,
      hint: 'Follow the hint for each role, and run the step again.',
    }),
  },
  renewed: {
    meaning:
      'The database of an open pull request had expired, and another run extended its expiry before the sweep dropped it.',
    causes: ['a job of the pull request ran at the same time as the sweep'],
    remedies: ['No action is needed. The next sweep checks the database again.'],
    text: (p: { database: string }): ErrorText => ({
      summary: `Database '${p.database}' was renewed by another run and has not expired.`,
      hint: 'No action is needed. The next sweep checks it again.',
    }),
  },
  'sweep-unchecked': {
    meaning:
      'The sweep could not open or keep a session, so it could not check the databases and roles that the message lists. It dropped none of them.',
    causes: ['the server restarted', 'all connections are in use'],
    remedies: ['Follow the advice of the message. The next sweep checks them.'],
    text: (p: { names: readonly string[]; reason: string; hint: string }): ErrorText => ({
      summary: `${p.names.length} of the databases and roles could not be checked, because the sweep could not open or keep a session: ${p.reason}\nNot checked:${shortList(p.names)}`,
      hint: p.hint,
    }),
  },
  'sweep-incomplete': {
    meaning:
      'The sweep checked everything, and failed for some databases, roles or firewall rules. The message has an error for each.',
    causes: [
      'a [drop-failed](#drop-failed)',
      'the token may not read pull requests or runs (`pull-requests: read`, `actions: read`)',
      'GitHub or Azure failed',
    ],
    remedies: ['Correct the cause of each failure. The next sweep tries again.'],
    text: (p: { failures: readonly Error[] }): ErrorText => ({
      summary: `The sweep checked everything, but failed in ${count(p.failures.length, 'case')}:${longList(formatErrors(p.failures))}`,
      hint: 'Correct the cause of each failure. The next sweep tries again.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
