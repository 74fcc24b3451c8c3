import pg from 'pg';
import type { DatabaseConfig, RoleConfig } from '../config/config.ts';
import { fail } from '../errors.ts';
import type { Applied } from '../plan/engine.ts';
import { dropRole } from './drop-role.ts';
import { type Dropping, dropDatabase } from './dropping.ts';
import { againOnCollision, sqlStateOf } from './errors.ts';
import { createExtension } from './extensions.ts';
import { handOverAll, handOverPublic, ownedByOthers } from './handover.ts';
import { type Making, makeDatabase, tellUnmoved } from './making.ts';
import { createRole, setPassword } from './roles.ts';
import type { Session } from './session.ts';
import type { FoundDatabase } from './sql-reader.ts';

/** What writing takes beside the session that reads. */
export interface Tools extends Making, Dropping {
  /** The application role's; undefined where there is none to be made. */
  readonly password: string | undefined;
}

/** Everything that the action writes by SQL. A mode that only reads never constructs it. */
export class SqlWriter {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** See {@link makeDatabase}. */
  makeDatabase(desired: DatabaseConfig): Promise<Applied> {
    return makeDatabase(this.#tools, desired);
  }

  /** See {@link dropDatabase}. */
  dropDatabase(desired: DatabaseConfig, last?: (found: FoundDatabase) => boolean): Promise<Applied> {
    return dropDatabase(this.#tools, desired, last);
  }

  /** See {@link createRole}. */
  createRole(desired: RoleConfig): Promise<Applied> {
    return createRole(this.#tools.reader.session, desired, this.#password);
  }

  /** See {@link setPassword}. */
  setPassword(role: string): Promise<void> {
    return setPassword(this.#tools, role, this.#password);
  }

  /** See {@link dropRole}. */
  dropRole(desired: RoleConfig): Promise<Applied> {
    return dropRole(this.#tools, desired);
  }

  /**
   * Gives the application role schema `public` of a database that is there, in a pull request's also whatever another role
   * has left there, and then its rights on the database, by which later runs know that all is done.
   * @throws `database-refused` where the administrator may not
   */
  async grantAccess(
    role: RoleConfig,
    { name, mark }: Pick<DatabaseConfig, 'name' | 'mark'>,
  ): Promise<Applied> {
    const { run, reader } = this.#tools;
    const grant = `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${pg.escapeIdentifier(name)} TO ${pg.escapeIdentifier(role.name)}`;
    await this.#inside(name, async (session) => {
      if (mark === undefined) await this.#handOverBase(session, role, name);
      else tellUnmoved(run, name, await handOverAll(run, session, role.name));
    }).catch((error: unknown) => {
      // Schema public goes to a role only by who may create in the database.
      throw sqlStateOf(error) === '42501' ? this.#notGranted(role, name, grant, error) : error;
    });
    await againOnCollision(run, () => reader.session.query(grant)).catch((error: unknown) => {
      throw this.#notGranted(role, name, grant, error);
    });
    const seen = await reader.access(name, role.name);
    // PostgreSQL only warns of what it did not grant.
    if (seen.status === 'present' && !(seen.value.connect && seen.value.create))
      throw this.#notGranted(role, name, grant, undefined);
    return 'applied';
  }

  /** A base database's objects are whoever's they are; the application should know which it cannot change. */
  async #handOverBase(session: Session, role: RoleConfig, database: string): Promise<void> {
    const { run } = this.#tools;
    const owner = await handOverPublic(run, session, role.name);
    if (owner !== undefined)
      run.warning(
        `Schema public of database '${database}' belongs to '${owner}' and was left so; role '${role.name}' can do there what it has been granted.`,
      );
    const others = (await ownedByOthers(session, role.name)).filter(({ type }) => type !== 'schema');
    if (others.length > 0)
      run.warning(
        `Database '${database}' holds ${others.length} objects of other roles (such as ${others[0]?.type} ${others[0]?.identity} of ${others[0]?.owner}), which role '${role.name}' cannot change. Let their owner say ALTER … OWNER TO, if its migrations shall.`,
      );
  }

  #notGranted(role: RoleConfig, database: string, grant: string, cause: unknown): Error {
    const reason = `admin-username may not grant rights on it to role '${role.name}'.`;
    const advice = `Let its owner say: ${grant}; or choose another database.`;
    return fail('database-refused', { database, reason, advice }, { cause });
  }

  /** See {@link createExtension}. */
  async createExtension(name: string, { name: database, mark }: DatabaseConfig): Promise<Applied> {
    await this.#inside(database, (session) =>
      createExtension(this.#tools, session, name, mark !== undefined),
    );
    return 'applied';
  }

  async #inside<T>(database: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#tools.enter(database);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  get #password(): string {
    const { password } = this.#tools;
    if (password === undefined) throw new Error('there is no password for an application role in this mode');
    return password;
  }
}
