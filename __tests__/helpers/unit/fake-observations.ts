import type { DatabaseConfig, RoleConfig } from '../../../src/config/config.ts';
import type { DatabaseMark, ReadMark, RoleMark } from '../../../src/config/marks.ts';
import { absent, type Observed, present } from '../../../src/plan/types.ts';
import {
  type FoundAccess,
  type FoundDatabase,
  type FoundRole,
  SqlReader,
} from '../../../src/postgres/sql-reader.ts';

/** A mark as the action reads its own. */
export function readMark(mark: DatabaseMark | RoleMark, expires?: Date): ReadMark {
  const { database, pullRequest } = { database: undefined, pullRequest: undefined, ...mark };
  return { ...mark, database, pullRequest, expires };
}

/** The administrator's own database as it was made for a pull request, or without a mark. */
export const foundDatabase = (
  name: string,
  mark: DatabaseMark | undefined,
  more: Partial<FoundDatabase> = {},
): FoundDatabase => ({
  name,
  oid: '16384',
  owner: 'relecloud_admin',
  ownedByUs: true,
  mark: mark && readMark(mark),
  connectionLimit: -1,
  charset: 'UTF8',
  collation: 'en_US.utf8',
  mayConnect: true,
  mayCreate: true,
  allowsConnections: true,
  ...more,
});

/** The database that is declared, as it is once it was made. */
export const madeFrom = ({ name, mark }: DatabaseConfig, more: Partial<FoundDatabase> = {}): FoundDatabase =>
  foundDatabase(name, mark, more);

/** A role that the administrator made. */
export const foundRole = (
  name: string,
  mark: RoleMark | undefined,
  more: Partial<FoundRole> = {},
): FoundRole => ({
  name,
  oid: '16385',
  administered: true,
  mayLogIn: true,
  mark: mark && readMark(mark),
  ...more,
});

export const roleMadeFrom = ({ name, mark }: RoleConfig, more: Partial<FoundRole> = {}): FoundRole =>
  foundRole(name, mark, more);

/** A reader of a server on which these things are, and nothing else. */
export function readerSeeing(seen: {
  readonly database?: Observed<FoundDatabase>;
  readonly role?: Observed<FoundRole>;
  readonly access?: Observed<FoundAccess>;
}): SqlReader {
  const { database = absent, role = absent, access = absent } = seen;
  return new (class extends SqlReader {
    override database = async () => database;
    override role = async () => role;
    override access = async () => access;
  })(undefined as never);
}

export const all: Observed<FoundAccess> = present({ connect: true, create: true, temporary: true });
