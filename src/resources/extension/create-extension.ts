import pg from 'pg';
import { actionError, getErrorMessage } from '../../common/errors.ts';
import { type RunContext, waitFor } from '../../common/polling.ts';
import { formatPgError, getSqlState, retryOnConflict } from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';

/** Milliseconds for a changed allow-list to work, and to survive what other jobs write over it. */
const ALLOW_LIST_TIMEOUT_MS = 60_000;

/** What creating takes beside a session. */
export interface ExtensionDeps {
  readonly run: RunContext;
  /** Puts extensions on the server's allow-list, where they are missing. */
  readonly allowExtensions: (extensions: readonly string[]) => Promise<unknown>;
}

interface AvailableExtension {
  /** The schema that the extension insists on. */
  readonly schema: string | null;
  /** Whether PostgreSQL lets everybody with CREATE on the database make it: its script is safe beside anybody's objects. */
  readonly trusted: boolean;
}

/**
 * Creates an extension in schema `public`, or in the one that it insists on.
 * @param session the administrator's, in the database itself
 * @param requiresTrusted whether the code in this database is a stranger's. An extension's script runs with more rights, beside
 *   what the application role may have put into `public` (PostgreSQL's documentation, Extension Security): trusted
 *   extensions are written for that, others are refused then
 * @throws `extension-failed`
 */
export async function createExtension(
  { run, allowExtensions }: ExtensionDeps,
  session: Session,
  name: string,
  requiresTrusted: boolean,
): Promise<void> {
  const installed = await session.query('SELECT FROM pg_extension WHERE extname = $1', [name]);
  // It came along with a clone, or an interrupted run has made it.
  if (installed.length > 0) return;
  const available = await findAvailableExtension(session, name);
  if (available === undefined) {
    const hint = 'Check its name: SELECT name FROM pg_available_extensions lists what the server offers.';
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
    const reason = `its script is not trusted to run beside what role '${owner}' may have put into schema ${schema ?? 'public'}.`;
    const hint = 'Run the step once with reset: true, which makes the database anew with this extension.';
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
    // As JSON, since PostgreSQL 12 knows no trusted extensions.
    `SELECT v.schema, coalesce((to_jsonb(v) ->> 'trusted')::bool, false) AS trusted FROM pg_available_extensions a
     JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
     WHERE a.name = $1`,
    [name],
  );
  return row;
}

/** The owner of a schema, where that is neither us nor one of the server's own roles. */
async function findUntrustedSchemaOwner(session: Session, schema: string): Promise<string | undefined> {
  const [row] = await session.query<{ owner: string }>(
    `SELECT r.rolname AS owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
     WHERE n.nspname = $1 AND NOT r.rolsuper
       AND r.rolname NOT IN ('azure_pg_admin', 'pg_database_owner', current_user)`,
    [schema],
  );
  return row?.owner;
}

/** Azure's own refusal; the list may just have been changed, or another job's write have overtaken ours. */
async function retryUntilAllowListed(
  { run, allowExtensions }: ExtensionDeps,
  extension: string,
  create: () => Promise<unknown>,
): Promise<void> {
  const start = performance.now();
  await waitFor(run, `extension '${extension}' to be allowed on the server`, async (setReason) => {
    try {
      await create();
      return true;
    } catch (error) {
      if (getSqlState(error) === '') throw error;
      const isNotAllowListed = /allow-listed/i.test(getErrorMessage(error));
      if (!isNotAllowListed || performance.now() - start > ALLOW_LIST_TIMEOUT_MS) {
        const hint = isNotAllowListed
          ? 'Add it to the server parameter azure.extensions.'
          : 'Correct what PostgreSQL names; create manually what only the owner of the server may create.';
        throw actionError(
          'extension-failed',
          { extension, reason: formatPgError(error), hint },
          { cause: error },
        );
      }
      setReason(formatPgError(error));
      await allowExtensions([extension]);
      return undefined;
    }
  });
}
