import { stripVTControlCharacters } from 'node:util';

/** What the advice depends on. */
export interface MigrationContext {
  /** The login of the command. */
  readonly user: string;
  readonly database: string;
  readonly runAs: 'app' | 'admin';
  /** The database that this one was cloned from, if it is a clone. */
  readonly template: string | undefined;
  /** The input `env-prefix`, with which the names of the variables begin. */
  readonly envPrefix: string;
  /** Whether a new session of the login can write; undefined if this is not known. */
  readonly canWrite: boolean | undefined;
}

/** A cause that the output of a failed migration shows. */
export interface MigrationCause {
  /** A sentence that names the cause. */
  readonly cause: string;
  /** What to do. */
  readonly advice: string;
}

/** A name of the output as an identifier of SQL. */
const quoteIdentifier = (name = ''): string => `"${name.replaceAll('"', '""')}"`;

interface KnownCause {
  /** Matches one or two lines of the output. */
  readonly pattern: RegExp;
  /** The groups of the match are texts of the output. They are quoted, and cut to {@link MAX_QUOTE_LENGTH} characters. */
  readonly explain: (
    match: readonly (string | undefined)[],
    context: MigrationContext,
  ) => MigrationCause | undefined;
}

const MAX_QUOTE_LENGTH = 100;

/** What to do about an object that the login of the command must not change. */
const ownerAdvice = ({ runAs, user }: MigrationContext): string =>
  runAs === 'app'
    ? 'If the administrator owns it, set adopt-objects: true, which hands the objects of the administrator in this database to the application role. If another role owns it, that role has to grant the privilege or to hand the object over; the warnings of the run that created or adopted the database name the statements.'
    : `The role that owns it has to grant the privilege to '${user}', or to hand the object over. If that is the application role, set app-username, so that the migration can change what this role owns.`;

/**
 * Known causes, the more specific ones first. The patterns follow the messages of PostgreSQL and of the tools; lines of a
 * program's own log before them do not matter.
 */
const KNOWN_CAUSES: readonly KnownCause[] = [
  {
    pattern: /\bP1002\b/,
    explain: () => ({
      cause: 'Prisma reached the server, but did not get its advisory lock in time (P1002).',
      advice:
        'Another session holds the lock, often one that an earlier run has left; the sessions with advisory locks are listed above. If none is listed, run the step again.',
    }),
  },
  {
    pattern:
      /Only members of "?azure_pg_admin"? are allowed to use CREATE EXTENSION|permission denied to create extension "([^"\n]+)"/i,
    explain: ([, name], { runAs, user }) => {
      const extension = name === undefined ? 'an extension' : `the extension '${name}'`;
      return runAs === 'app'
        ? {
            cause: `The migration creates ${extension}, which only the administrator may do, also with IF NOT EXISTS.`,
            advice:
              'Declare the extension in the input extensions: the action creates it before the migration. Remove CREATE EXTENSION from the migration, or run the migration with migrate-as: admin.',
          }
        : {
            cause: `The migration creates ${extension}, which '${user}' may not do.`,
            advice:
              'Set admin-username to the administrator of the server, who is a member of azure_pg_admin. In a database of another owner, the owner has to grant CREATE on the database to it.',
          };
    },
  },
  {
    pattern: /extension "?([\w-]+)"? is not allow-listed/i,
    explain: ([, name]) => ({
      cause: `The server does not allow the extension '${name}'.`,
      advice: `Add ${name} to the input extensions: the action adds it to azure.extensions and creates it.`,
    }),
  },
  {
    pattern: /server version: (\d+)[^;\n]*; pg_(dump|restore|dumpall) version: (\d+)/,
    explain: ([, server, tool, client]) => ({
      cause: `pg_${tool} ${client} of the runner is older than the server, which is PostgreSQL ${server}.`,
      advice: `Install the client of the server's version in a step before this one: sudo apt-get install -y postgresql-common && sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && sudo apt-get install -y postgresql-client-${server}`,
    }),
  },
  {
    pattern: /cannot execute ([A-Z][A-Z ]+) in a read-only transaction/,
    explain: ([, statement], { canWrite }) =>
      // The error names then what makes the sessions read-only.
      canWrite === false
        ? undefined
        : {
            cause: `The server refuses ${statement} in a read-only transaction.`,
            advice:
              canWrite === true
                ? 'A new session of this login can write, so the migration or its tool has set its transaction to read-only (BEGIN READ ONLY, default_transaction_read_only, PGOPTIONS). Remove that.'
                : 'Check whether the server, the database, the role or the tool sets default_transaction_read_only (SHOW default_transaction_read_only in a new session).',
          },
  },
  {
    pattern: /too many connections for (role|database) "([^"\n]+)"/,
    explain: ([, type, name]) => ({
      cause: `The connection limit of ${type} '${name}' is reached.`,
      advice: `Let the tool open fewer connections, or run as the administrator: ALTER ${type?.toUpperCase()} ${quoteIdentifier(name)} CONNECTION LIMIT -1;`,
    }),
  },
  {
    pattern: /remaining connection slots are reserved|sorry, too many clients already/,
    explain: () => ({
      cause: 'The server has no free connection.',
      advice: 'Run fewer jobs at once, let the tool open fewer connections, or choose a larger sku-name.',
    }),
  },
  {
    pattern: /permission denied to create database/,
    explain: () => ({
      cause: 'The migration creates a database, which its login may not do.',
      advice:
        'Use a command that needs no second database, for example prisma migrate deploy instead of prisma migrate dev.',
    }),
  },
  {
    pattern: /permission denied for schema "?([^"\s]+)"?/,
    explain: ([, schema], context) => ({
      cause: `'${context.user}' may not create or use objects in schema '${schema}', which belongs to another role.`,
      advice: ownerAdvice(context),
    }),
  },
  {
    pattern:
      /must be owner of (?:[a-z]+ )*"?([^"\s]+)"?|permission denied for (?:table|relation|sequence|view|materialized view|function|type) "?([^"\s]+)"?/,
    explain: ([, owned, denied], context) => ({
      cause: `'${owned ?? denied}' belongs to another role than '${context.user}'.`,
      advice: ownerAdvice(context),
    }),
  },
  {
    pattern: /\bP3005\b/,
    explain: (_, { database }) => ({
      cause: `Database '${database}' has tables, but no migrations of Prisma (P3005).`,
      advice:
        'Create a baseline once: prisma migrate resolve --applied NAME for each migration that the tables contain.',
    }),
  },
  {
    pattern: /\bP3009\b/,
    explain: (_, { template }) => ({
      cause: 'An earlier migration of Prisma has failed and is recorded as such (P3009).',
      advice: `Resolve it once: prisma migrate resolve --rolled-back NAME, or --applied NAME if it is complete.${template === undefined ? '' : ' If the template does not have it, reset: true clones the template again.'}`,
    }),
  },
  {
    pattern: /Dirty database version (\d+)/,
    explain: ([, version]) => ({
      cause: `An earlier migration has failed, and the database is marked dirty at version ${version}.`,
      advice: `Correct what the migration has left, then run: migrate force VERSION, with the last complete version.`,
    }),
  },
  {
    pattern:
      /(?:relation|table|type|constraint|index|schema|sequence|view|function|column|trigger|policy) "?([^"\s]+)"?(?: of relation "?[^"\s]+"?)?(?: for (?:relation|table) "?[^"\s]+"?)? already exists(?!, skipping)/i,
    explain: ([, name], { template }) =>
      template === undefined
        ? {
            cause: `'${name}' already exists, but the tool has not recorded the migration that creates it.`,
            advice:
              'Mark the migration as applied with the tool (Django: migrate --fake), or make the migration tolerate what exists.',
          }
        : {
            cause: `'${name}' already exists in the clone of '${template}': the template has migrations that this branch does not know, or an earlier migration of this branch failed halfway.`,
            advice: `If the template has it, merge the base branch into this branch, and let only the base branch migrate '${template}'. If it does not, or if the clone is older than the template, run the step once with reset: true, which clones the template again.`,
          },
  },
  {
    pattern: /no pg_hba\.conf entry for host "([^"\n]+)"[^\n]*no encryption/,
    explain: (_, { envPrefix }) => ({
      cause: 'The tool connects without TLS, which the server refuses.',
      advice: `Pass ${envPrefix}SSLMODE to the tool, or use DATABASE_URL, which contains it. docs/connections.md of this action lists the clients.`,
    }),
  },
  {
    pattern: /password authentication failed for user "([^"\n]+)"/,
    explain: ([, used], { user, envPrefix }) => ({
      cause: `The tool logs in as '${used}', and the server refuses its password.`,
      advice:
        used === user
          ? `Use ${envPrefix}PASSWORD as it is, or DATABASE_URL, where it is percent-encoded. If another job changed it, run the step again.`
          : `The connection of this step is for '${user}': let the tool read ${envPrefix}USER and ${envPrefix}PASSWORD, or DATABASE_URL.`,
    }),
  },
  {
    pattern: /(?:FATAL|ERROR|error):\s+database "([^"\n]+)" does not exist/,
    explain: ([, used], { database, envPrefix }) => ({
      cause: `The tool connects to database '${used}', which does not exist.`,
      advice: `Let it read ${envPrefix}NAME or DATABASE_URL, which name '${database}'.`,
    }),
  },
  {
    pattern: /role "([^"\n]+)" does not exist(?!, skipping)/,
    explain: ([, role]) => ({
      cause: `The migration names the role '${role}', which does not exist on this server.`,
      advice: 'If it restores a dump, use pg_restore --no-owner --no-privileges.',
    }),
  },
  {
    pattern:
      /certificate verify failed|self[- ]signed certificate|root certificate file "([^"\n]+)" does not exist/i,
    explain: (_, { envPrefix }) => ({
      cause: 'The tool could not verify the certificate of the server.',
      advice: `Set ssl-mode: verify-full, and pass ${envPrefix}SSLROOTCERT to the tool. docs/connections.md of this action lists the clients.`,
    }),
  },
  {
    pattern: /deadlock detected|canceling statement due to (lock|statement) timeout/,
    explain: ([, kind]) => ({
      cause:
        kind === 'statement'
          ? 'A statement exceeded statement_timeout.'
          : 'Another session holds a lock that the migration needs.',
      advice:
        kind === 'statement'
          ? 'Set a longer statement_timeout in the migration.'
          : 'Migrate when the application does not use these tables, or run the step again.',
    }),
  },
  {
    pattern: /No module named '([^'\n]+)'|Cannot find (?:module|package) '([^'\n]+)'/,
    explain: ([, python, node]) => ({
      cause: `A package is not installed: ${python ?? node}.`,
      advice: `Install the dependencies in a step before this one (${python === undefined ? 'npm ci' : 'pip install -r requirements.txt'}), and check working-directory.`,
    }),
  },
  {
    pattern: /(?:^|\n)[^\n]*: line \d+: ([^\n:]+): command not found/,
    explain: ([, command]) => ({
      cause: `The command '${command}' is not installed on the runner.`,
      advice: 'Install it in a step before this one. The image of the runner lists what is installed.',
    }),
  },
];

/**
 * The first known cause that the end of a failed migration's output shows.
 * @param output the last lines; untrusted
 */
export function findKnownCause(output: string, context: MigrationContext): MigrationCause | undefined {
  const text = stripVTControlCharacters(output);
  for (const { pattern, explain } of KNOWN_CAUSES) {
    const match = pattern.exec(text);
    if (match !== null)
      return explain(
        match.map((group) => group?.slice(0, MAX_QUOTE_LENGTH)),
        context,
      );
  }
  return undefined;
}
