import pg from 'pg';
import type { RoleConfig } from '../config/config.ts';
import { markText } from '../config/marks.ts';
import { fail } from '../errors.ts';
import { againOnCollision, lostRace, said, sqlStateOf } from './errors.ts';
import { scramVerifier } from './password.ts';
import { type Entering, rollBackPrepared } from './prepared.ts';
import type { Session } from './session.ts';
import { endSessions } from './sessions.ts';

/**
 * Creates an application role with its mark, both or neither; its password goes as a verifier, never in clear.
 * @returns `adopted` where another made it in the meantime
 * @throws `role-refused`
 */
export async function createRole(
  session: Session,
  { name, mark }: RoleConfig,
  password: string,
): Promise<'created' | 'adopted'> {
  const role = pg.escapeIdentifier(name);
  try {
    // Statements of one message are one transaction.
    await session.query(
      `CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(scramVerifier(password))};
       COMMENT ON ROLE ${role} IS ${pg.escapeLiteral(markText(mark))}`,
    );
    return 'created';
  } catch (error) {
    if (lostRace(error)) return 'adopted';
    throw refused(name, 'Creating', error);
  }
}

/** Gives an application role of ours its password, and the right to log in, where it has shown to have another or none. */
export async function setPassword(entering: Entering, name: string, password: string): Promise<void> {
  const statement = `ALTER ROLE ${pg.escapeIdentifier(name)} LOGIN PASSWORD ${pg.escapeLiteral(scramVerifier(password))}`;
  await alter(entering, name, statement).catch((error: unknown) => {
    throw refused(name, 'Setting the password of', error);
  });
}

/** Takes back what a role has set for its own sessions, when its database is made anew. */
export async function forgetSettings(entering: Entering, name: string): Promise<void> {
  await alter(entering, name, `ALTER ROLE ${pg.escapeIdentifier(name)} RESET ALL`);
}

/** A session, or a prepared transaction, of the role itself that is at its own row is ended: it may never end by itself. */
const alter = (entering: Entering, name: string, statement: string): Promise<unknown> => {
  const { run, reader } = entering;
  return againOnCollision(
    run,
    () => reader.session.query(statement),
    async () => {
      const [role] = await reader.session.query<{ oid: string }>(
        'SELECT oid::text AS oid FROM pg_roles WHERE rolname = $1',
        [name],
      );
      if (role === undefined) return;
      await endSessions(run, reader.session, 'of the role, in the midst of a change', role);
      await rollBackPrepared(entering, 'of the role, in the midst of a change', role);
    },
  );
};

function refused(role: string, doing: string, error: unknown): unknown {
  if (sqlStateOf(error) === '') return error;
  const advice =
    sqlStateOf(error) === '42501'
      ? 'Give admin-username the right CREATEROLE, or let it be the administrator of the server.'
      : 'Correct what PostgreSQL names, and run the step again.';
  return fail('role-refused', { role, doing, reason: said(error), advice }, { cause: error });
}
