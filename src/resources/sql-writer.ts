import pg from 'pg';
import { actionError } from '../common/errors.ts';
import type { DatabaseConfig, RoleConfig } from '../inputs/types.ts';
import { getSqlState, retryOnConflict } from '../postgres/pg-errors.ts';
import type { Session } from '../postgres/session.ts';
import type { FoundDatabase } from '../postgres/sql-reader.ts';
import type { ApplyResult } from '../reconcile/resource-handler.ts';
import {
  type CreateDatabaseDeps,
  createDatabase,
  warnUntransferredObjects,
} from './database/create-database.ts';
import { type DropDeps, dropDatabase } from './database/drop-database.ts';
import {
  listObjectsOfOtherRoles,
  transferAllObjects,
  transferPublicSchema,
} from './database/transfer-ownership.ts';
import { createExtension } from './extension/create-extension.ts';
import { createRole, setRolePassword } from './role/create-role.ts';
import { dropRole } from './role/drop-role.ts';

/** What writing takes beside the session that reads. */
export interface SqlWriterDeps extends CreateDatabaseDeps, DropDeps {
  /** The application role's; undefined where there is none to be made. */
  readonly password: string | undefined;
}

/** Everything that the action writes by SQL. A mode that only reads never constructs it. */
export class SqlWriter {
  readonly #deps: SqlWriterDeps;

  constructor(deps: SqlWriterDeps) {
    this.#deps = deps;
  }

  /** See {@link createDatabase}. */
  createDatabase(desired: DatabaseConfig): Promise<ApplyResult> {
    return createDatabase(this.#deps, desired);
  }

  /** See {@link dropDatabase}. */
  dropDatabase(
    desired: Pick<DatabaseConfig, 'name' | 'marker'>,
    shouldStillDrop?: (found: FoundDatabase) => boolean,
  ): Promise<ApplyResult> {
    return dropDatabase(this.#deps, desired, shouldStillDrop);
  }

  /** See {@link createRole}. */
  createRole(desired: RoleConfig): Promise<ApplyResult> {
    return createRole(this.#deps.reader.session, desired, this.#password);
  }

  /** See {@link setRolePassword}. */
  setPassword(role: string): Promise<void> {
    return setRolePassword(this.#deps, role, this.#password);
  }

  /** See {@link dropRole}. */
  dropRole(desired: RoleConfig): Promise<ApplyResult> {
    return dropRole(this.#deps, desired);
  }

  /**
   * Gives the application role schema `public` of a database that is there, in a pull request's also whatever another role
   * has left there, and then its rights on the database, by which later runs know that all is done.
   * @throws `database-refused` where the administrator may not
   */
  async grantAccess(
    role: RoleConfig,
    { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
  ): Promise<ApplyResult> {
    const { run, reader } = this.#deps;
    const grant = `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${pg.escapeIdentifier(name)} TO ${pg.escapeIdentifier(role.name)}`;
    await this.#withDatabase(name, async (session) => {
      if (marker === undefined) await this.#transferBaseSchema(session, role, name);
      else warnUntransferredObjects(run, name, await transferAllObjects(run, session, role.name));
    }).catch((error: unknown) => {
      // Schema public goes to a role only by who may create in the database.
      throw getSqlState(error) === '42501' ? this.#grantError(role, name, grant, error) : error;
    });
    await retryOnConflict(run, () => reader.session.query(grant)).catch((error: unknown) => {
      throw this.#grantError(role, name, grant, error);
    });
    const observed = await reader.access(name, role.name);
    // PostgreSQL only warns of what it did not grant.
    if (observed.status === 'present' && !(observed.value.connect && observed.value.create))
      throw this.#grantError(role, name, grant, undefined);
    return 'applied';
  }

  /** A base database's objects are whoever's they are; the application should know which it cannot change. */
  async #transferBaseSchema(session: Session, role: RoleConfig, database: string): Promise<void> {
    const { run } = this.#deps;
    const owner = await transferPublicSchema(run, session, role.name);
    if (owner !== undefined)
      run.warning(
        `Schema public of database '${database}' belongs to '${owner}' and was left so; role '${role.name}' can do there what it has been granted.`,
      );
    const others = (await listObjectsOfOtherRoles(session, role.name)).filter(
      ({ type }) => type !== 'schema',
    );
    if (others.length > 0)
      run.warning(
        `Database '${database}' holds ${others.length} objects of other roles (such as ${others[0]?.type} ${others[0]?.identity} of ${others[0]?.owner}), which role '${role.name}' cannot change. Let their owner say ALTER … OWNER TO, if its migrations shall.`,
      );
  }

  #grantError(role: RoleConfig, database: string, grant: string, cause: unknown): Error {
    const reason = `admin-username may not grant rights on it to role '${role.name}'.`;
    const hint = `Let its owner say: ${grant}; or choose another database.`;
    return actionError('database-refused', { database, reason, hint }, { cause });
  }

  /** See {@link createExtension}. */
  async createExtension(name: string, { name: database, marker }: DatabaseConfig): Promise<ApplyResult> {
    await this.#withDatabase(database, (session) =>
      createExtension(this.#deps, session, name, marker !== undefined),
    );
    return 'applied';
  }

  async #withDatabase<T>(database: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#deps.openDatabaseSession(database);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  get #password(): string {
    const { password } = this.#deps;
    if (password === undefined) throw new Error('there is no password for an application role in this mode');
    return password;
  }
}
