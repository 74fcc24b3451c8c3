import type { AdminSessions } from '../postgres/admin-sessions.ts';

/** What the handlers of databases, roles and extensions write with. A mode that only reads does not create it. */
export interface SqlWriterDeps extends AdminSessions {
  /** Drops a database through Azure Resource Manager, which also ends the sessions of the service itself. */
  readonly dropDatabaseWithArm: (database: string) => Promise<void>;
  /** Adds extensions to the server's allow-list if they are missing. */
  readonly allowExtensions: (extensions: readonly string[]) => Promise<unknown>;
  /** The password of the application role; undefined in a mode that creates none. */
  readonly appPassword: string | undefined;
}
