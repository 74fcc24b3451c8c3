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
    meaning: `PostgreSQL did not create the database, or does not let the action use it. The message has PostgreSQL's message and SQLSTATE.`,
    causes: [
      'the storage of the server is full',
      'the charset and the collation do not fit each other',
      'admin-username may not create databases',
      'another job dropped the database during the run',
    ],
    remedies: ['Follow the advice for the SQLSTATE.', 'If another job was the cause, run the step again.'],
    text: (p: { database: string; reason: string; hint: string }): ErrorText => ({
      summary: `Database '${p.database}' could not be created or used: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'extension-failed': {
    meaning: 'An extension that the input `extensions` names could not be created.',
    causes: [
      'the name is not the one of PostgreSQL, such as `pgvector` instead of `vector`',
      'Azure does not offer the extension for this version',
      'the extension has to be loaded at the start of the server (`shared_preload_libraries`)',
      'admin-username is not the administrator of the server',
      'the extension is not trusted, and the application role owns the schema of an existing database',
    ],
    remedies: [
      'Correct the name. The message lists what Azure offers, or similar names.',
      'For an extension that has to be loaded at the start: add it to `shared_preload_libraries` in `server-parameters`, restart the server, and run the step again.',
    ],
    text: (p: { extension: string; reason: string; hint: string }): ErrorText => ({
      summary: `Extension '${p.extension}' could not be created: ${p.reason}`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/concepts-extensions`,
    }),
  },
  'role-failed': {
    meaning: 'PostgreSQL did not create or change the application role, or its rights.',
    causes: [
      'admin-username is not the administrator of the server, or may not create roles (CREATEROLE)',
      'another role owns the database or the schema, and only it can grant the rights',
    ],
    remedies: [
      'Set `admin-username` to the administrator of the server.',
      'Otherwise run the statements in the message as the role that it names.',
    ],
    text: (p: { role: string; doing: string; reason: string; hint: string }): ErrorText => ({
      summary: `${p.doing} role '${p.role}' failed: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'template-differs': {
    meaning:
      'A clone has the charset and the collation of its template. The inputs declare others. No database was changed.',
    causes: [
      '`charset` or `collation` is declared for the base database, and `template` names another database',
    ],
    remedies: [
      'Remove `charset` and `collation`, or set them to the values of the template.',
      'Or choose another `template`, or none.',
    ],
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
    meaning:
      'The database to clone has active connections, and PostgreSQL clones only a database without any. The action waited, and ends only sessions of roles that it created for pull requests.',
    causes: ['the application uses the template', 'a developer or a tool has an open session in it'],
    remedies: [
      'End the sessions that the message lists.',
      'Better: clone a database that only migrations use: [pull-requests.md](pull-requests.md#what-a-clone-is).',
    ],
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
    meaning: 'The server refuses to write. `drop` and `sweep` still work on a server without free storage.',
    causes: [
      'the storage is 95 % full, and Azure has made the server read-only',
      'the server is a read replica',
      'the database or the role presets default_transaction_read_only',
    ],
    remedies: [
      'For full storage: set a larger `storage-size-gb` and `on-drift: fix`, or free space with `mode: sweep`.',
      'For a replica: set `server-name` to its primary server.',
      'For a preset: run the statement in the message.',
    ],
    text: (p: { host: string; reason: string; cause: string; hint: string }): ErrorText => ({
      summary: `${p.host} refuses to write: ${p.reason}. ${p.cause}`,
      hint: p.hint,
    }),
  },
  'sql-failed': {
    meaning: `PostgreSQL did not execute a statement of the action. The message names the statement, and has PostgreSQL's detail, hint and SQLSTATE.`,
    causes: [
      'an event trigger, a policy or a limit of the server forbids the statement',
      'admin-username lacks a right',
    ],
    remedies: ['Correct what PostgreSQL reports, then run the step again.'],
    text: (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
      summary: `PostgreSQL did not execute ${describeStatement(p)}: ${p.reason}`,
      hint: p.hint,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
