import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { serializeMarker } from '../../common/ownership-marker.ts';
import type { RoleConfig } from '../../inputs/types.ts';
import { rollBackPreparedTransactions, terminateSessions } from '../../postgres/activity.ts';
import { createScramVerifier } from '../../postgres/password.ts';
import { explainPgError, getSqlState, isDuplicateObject, retryOnConflict } from '../../postgres/pg-errors.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';

/**
 * Creates an application role with its ownership marker. The password is sent as a SCRAM verifier, never in clear text.
 * @returns `adopted` when another job has created the role in the meantime
 * @throws `role-failed`
 */
export async function createRole(
  deps: SqlWriterDeps,
  { name, marker }: RoleConfig,
): Promise<'created' | 'adopted'> {
  const role = pg.escapeIdentifier(name);
  try {
    // PostgreSQL runs the statements of one message in one transaction.
    await deps.reader.session.query(
      `CREATE ROLE ${role} LOGIN PASSWORD ${passwordLiteral(deps)};
       COMMENT ON ROLE ${role} IS ${pg.escapeLiteral(serializeMarker(marker))}`,
    );
    return 'created';
  } catch (error) {
    if (isDuplicateObject(error)) return 'adopted';
    throw toRoleError(name, 'Creating', error);
  }
}

/** Sets the password of an application role and nothing else: a disabled login stays disabled. @throws `role-failed` */
export async function setRolePassword(deps: SqlWriterDeps, name: string): Promise<void> {
  const statement = `ALTER ROLE ${pg.escapeIdentifier(name)} PASSWORD ${passwordLiteral(deps)}`;
  await alterRole(deps, name, statement).catch((error: unknown) => {
    throw toRoleError(name, 'Setting the password of', error);
  });
}

/** Lets an application role log in, and changes nothing else. @throws `role-failed` */
export async function enableRoleLogin(deps: SqlWriterDeps, name: string): Promise<void> {
  await alterRole(deps, name, `ALTER ROLE ${pg.escapeIdentifier(name)} LOGIN`).catch((error: unknown) => {
    throw toRoleError(name, 'Enabling the login of', error);
  });
}

/** Removes the settings that a role has stored with ALTER ROLE … SET, when its database is created again. */
export async function resetRoleSettings(deps: SqlWriterDeps, name: string): Promise<void> {
  await alterRole(deps, name, `ALTER ROLE ${pg.escapeIdentifier(name)} RESET ALL`);
}

/** Ends sessions and prepared transactions of the role that lock its own row, because they may never end otherwise. */
const alterRole = (deps: SqlWriterDeps, name: string, statement: string): Promise<unknown> => {
  const { run, reader } = deps;
  return retryOnConflict(
    run,
    () => reader.session.query(statement),
    async () => {
      const [role] = await reader.session.query<{ oid: string }>(
        'SELECT oid::text AS oid FROM pg_roles WHERE rolname = $1',
        [name],
      );
      if (role === undefined) return;
      await terminateSessions(run, reader.session, 'of the role, with uncommitted changes', role);
      await rollBackPreparedTransactions(deps, 'of the role, with uncommitted changes', role);
    },
  );
};

function passwordLiteral({ appPassword }: SqlWriterDeps): string {
  if (appPassword === undefined) throw new Error('this mode has no password for an application role');
  return pg.escapeLiteral(createScramVerifier(appPassword));
}

function toRoleError(role: string, doing: string, error: unknown): unknown {
  if (getSqlState(error) === '') return error;
  const explained = explainPgError(error, {
    '42501':
      'Grant CREATEROLE to the role in admin-username, or set admin-username to the administrator of the server.',
  });
  return actionError('role-failed', { role, doing, ...explained }, { cause: error });
}
