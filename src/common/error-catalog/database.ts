import {
  describeStatement,
  type ErrorEntry,
  type ErrorText,
  POSTGRESQL_DOCS_URL,
  type StatementContext,
} from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors of a database and of what is in it. */
export const databaseErrors = {
  'database-failed': {
    text: (p: { database: string; reason: string; hint: string }): ErrorText => ({
      summary: `Database '${p.database}' could not be created or used: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'extension-failed': {
    text: (p: { extension: string; reason: string; hint: string }): ErrorText => ({
      summary: `Extension '${p.extension}' could not be created: ${p.reason}`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/concepts-extensions`,
    }),
  },
  'role-failed': {
    text: (p: { role: string; doing: string; reason: string; hint: string }): ErrorText => ({
      summary: `${p.doing} role '${p.role}' failed: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'template-differs': {
    text: (p: {
      template: string;
      /** The inputs that differ, each with its value and that of the template. */
      differences: readonly string[];
    }): ErrorText => ({
      summary: `A clone has the charset and the collation of its template, and template '${p.template}' has others than the inputs declare:${longList(p.differences)}`,
      hint: 'Remove these inputs or set them to the values of the template, or choose another template, or none. No database was changed.',
    }),
  },
  'template-in-use': {
    text: (p: {
      template: string;
      after: string;
      sessions: readonly string[];
      /** How many times the action ended sessions of pull requests' roles; more than once means that they reconnected. */
      timesEnded: number;
      /** How to prevent these sessions. */
      hint: string;
    }): ErrorText => ({
      summary: `Database '${p.template}' could not be cloned within ${p.after}, because the template has active connections:${longList(p.sessions)}${p.timesEnded > 1 ? `\nSessions of pull requests’ roles were ended ${p.timesEnded} times and reconnected.` : ''}`,
      hint: `${p.timesEnded > 1 ? `${p.hint} End the other sessions` : 'End these sessions'} (SELECT pg_terminate_backend(PID); with the number of the process), or clone a database that only migrations use. The action ends only sessions of roles that it created for pull requests.`,
    }),
  },
  'server-read-only': {
    text: (p: { host: string; reason: string; cause: string; hint: string }): ErrorText => ({
      summary: `${p.host} refuses to write: ${p.reason}. ${p.cause}`,
      hint: p.hint,
    }),
  },
  'sql-failed': {
    text: (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
      summary: `PostgreSQL did not execute ${describeStatement(p)}: ${p.reason}`,
      hint: p.hint,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
