import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { serializeMarker } from '../../common/ownership-marker.ts';
import type { RoleConfig } from '../../inputs/types.ts';
import { terminateSessions } from '../../postgres/activity.ts';
import { createScramVerifier } from '../../postgres/password.ts';
import { formatPgError, getSqlState, isDuplicateObject, retryOnConflict } from '../../postgres/pg-errors.ts';
import { type AdminSessionDeps, rollBackPreparedTransactions } from '../../postgres/prepared-transactions.ts';
import type { Session } from '../../postgres/session.ts';

/**
 * Creates an application role with its mark, both or neither; its password goes as a verifier, never in clear.
 * @returns `adopted` where another made it in the meantime
 * @throws `role-failed`
 */
export async function createRole(
  session: Session,
  { name, marker }: RoleConfig,
  password: string,
): Promise<'created' | 'adopted'> {
  const role = pg.escapeIdentifier(name);
  try {
    // Statements of one message are one transaction.
    await session.query(
      `CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(createScramVerifier(password))};
       COMMENT ON ROLE ${role} IS ${pg.escapeLiteral(serializeMarker(marker))}`,
    );
    return 'created';
  } catch (error) {
    if (isDuplicateObject(error)) return 'adopted';
    throw toRoleError(name, 'Creating', error);
  }
}

/** Gives an application role of ours its password, and the right to log in, where it has shown to have another or none. */
export async function setRolePassword(deps: AdminSessionDeps, name: string, password: string): Promise<void> {
  const statement = `ALTER ROLE ${pg.escapeIdentifier(name)} LOGIN PASSWORD ${pg.escapeLiteral(createScramVerifier(password))}`;
  await alterRole(deps, name, statement).catch((error: unknown) => {
    throw toRoleError(name, 'Setting the password of', error);
  });
}

/** Takes back what a role has set for its own sessions, when its database is made anew. */
export async function resetRoleSettings(deps: AdminSessionDeps, name: string): Promise<void> {
  await alterRole(deps, name, `ALTER ROLE ${pg.escapeIdentifier(name)} RESET ALL`);
}

/** A session, or a prepared transaction, of the role itself that is at its own row is ended: it may never end by itself. */
const alterRole = (deps: AdminSessionDeps, name: string, statement: string): Promise<unknown> => {
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
      await terminateSessions(run, reader.session, 'of the role, in the midst of a change', role);
      await rollBackPreparedTransactions(deps, 'of the role, in the midst of a change', role);
    },
  );
};

function toRoleError(role: string, doing: string, error: unknown): unknown {
  if (getSqlState(error) === '') return error;
  const hint =
    getSqlState(error) === '42501'
      ? 'Give admin-username the right CREATEROLE, or let it be the administrator of the server.'
      : 'Correct what PostgreSQL names, and run the step again.';
  return actionError('role-failed', { role, doing, reason: formatPgError(error), hint }, { cause: error });
}
