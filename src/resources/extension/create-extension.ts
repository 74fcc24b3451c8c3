import pg from 'pg';
import { actionError, getErrorMessage } from '../../common/errors.ts';
import { retry } from '../../common/polling.ts';
import {
  explainPgError,
  formatPgError,
  getPgHint,
  getSqlState,
  retryOnConflict,
} from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';

/** Milliseconds for a changed allow-list to take effect, also when another job overwrites it. */
const ALLOW_LIST_TIMEOUT_MS = 60_000;

interface AvailableExtension {
  /** The schema that the extension requires. */
  readonly schema: string | null;
  /** Whether PostgreSQL considers its script safe in a schema with objects of other roles. */
  readonly trusted: boolean;
}

/**
 * Creates an extension in schema `public`, or in the schema that it requires.
 * @param session of the administrator, in the database itself
 * @param requiresTrusted whether untrusted code could write to the database. The script of an extension has more
 *   privileges, and can run objects that the application role has put into the schema. Trusted extensions are safe then;
 *   others are refused (docs/azure-behavior.md#extensions)
 * @throws `extension-failed`
 */
export async function createExtension(
  { run, allowExtensions }: Pick<SqlWriterDeps, 'run' | 'allowExtensions'>,
  session: Session,
  name: string,
  requiresTrusted: boolean,
): Promise<void> {
  const installed = await session.query('SELECT FROM pg_extension WHERE extname = $1', [name]);
  // From the template, or from an interrupted run.
  if (installed.length > 0) return;
  const available = await findAvailableExtension(session, name);
  if (available === undefined) {
    const hint =
      'Check its name: SELECT name FROM pg_available_extensions lists the extensions that the server offers.';
    throw actionError('extension-failed', {
      extension: name,
      reason: 'the server does not offer it.',
      hint,
    });
  }
  const { schema, trusted } = available;
  const owner =
    requiresTrusted && !trusted ? await findUntrustedSchemaOwner(session, schema ?? 'public') : undefined;
  if (owner !== undefined) {
    const reason = `it is not a trusted extension, so its script must not run in schema ${schema ?? 'public'}, in which role '${owner}' may have created objects.`;
    const hint = 'Run the step once with reset: true to create the database again with this extension.';
    throw actionError('extension-failed', { extension: name, reason, hint });
  }
  const schemaClause = schema === null ? ' WITH SCHEMA public' : '';
  const statement = `CREATE EXTENSION IF NOT EXISTS ${pg.escapeIdentifier(name)}${schemaClause}`;
  await retryUntilAllowListed({ run, allowExtensions }, name, () =>
    retryOnConflict(run, () => session.query(statement)),
  );
}

async function findAvailableExtension(
  session: Session,
  name: string,
): Promise<AvailableExtension | undefined> {
  const [row] = await session.query<AvailableExtension & pg.QueryResultRow>(
    // As JSON, because PostgreSQL 12 does not have the column `trusted`.
    `SELECT v.schema, coalesce((to_jsonb(v) ->> 'trusted')::bool, false) AS trusted FROM pg_available_extensions a
     JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
     WHERE a.name = $1`,
    [name],
  );
  return row;
}

/** The owner of a schema; undefined for the administrator and for roles of the server itself. */
async function findUntrustedSchemaOwner(session: Session, schema: string): Promise<string | undefined> {
  const [row] = await session.query<{ owner: string }>(
    `SELECT r.rolname AS owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
     WHERE n.nspname = $1 AND NOT r.rolsuper
       AND r.rolname NOT IN ('azure_pg_admin', 'pg_database_owner', current_user)`,
    [schema],
  );
  return row?.owner;
}

const ALLOW_LIST_HINT =
  'The action has added it to the server parameter azure.extensions. Check whether another job or a policy overwrites this parameter, then run the step again.';

/** The library of the extension has to be loaded at the start of the server, as PostgreSQL’s message or hint says. */
const needsPreload = (error: unknown): boolean =>
  /shared_preload_libraries|must be preloaded/.test(`${getErrorMessage(error)} ${getPgHint(error)}`);

const preloadHint = (extension: string): string =>
  `Add ${extension} to the value of shared_preload_libraries in server-parameters, with on-drift: fix, restart the server, then run the step again.`;

/** Adds the extension to the allow-list when Azure refuses it, because another job may have overwritten the list. */
async function retryUntilAllowListed(
  { run, allowExtensions }: Pick<SqlWriterDeps, 'run' | 'allowExtensions'>,
  extension: string,
  create: () => Promise<unknown>,
): Promise<void> {
  const getRetryReason = async (error: unknown, elapsedMs: number): Promise<string | undefined> => {
    if (getSqlState(error) === '') return undefined;
    const isNotAllowListed = /allow-listed/i.test(getErrorMessage(error));
    if (!isNotAllowListed || elapsedMs > ALLOW_LIST_TIMEOUT_MS) {
      const explained = explainPgError(error, {
        ...(isNotAllowListed ? { [getSqlState(error)]: ALLOW_LIST_HINT } : {}),
        ...(needsPreload(error) ? { [getSqlState(error)]: preloadHint(extension) } : {}),
        '42501':
          'Set admin-username to the administrator of the server, who is a member of azure_pg_admin. In a database of another owner, the owner has to grant CREATE on the database to it.',
      });
      throw actionError('extension-failed', { extension, ...explained }, { cause: error });
    }
    await allowExtensions([extension]);
    return formatPgError(error);
  };
  await retry(run, `extension '${extension}' to be allowed on the server`, create, getRetryReason, {
    log: 'debug',
  });
}
