import type { DatabaseMarker, ParsedMarker, RoleMarker } from '../../../src/common/ownership-marker.ts';
import type { DatabaseConfig, RoleConfig } from '../../../src/inputs/types.ts';
import type { Session } from '../../../src/postgres/session.ts';
import {
  type FoundDatabase,
  type FoundPrivileges,
  type FoundRole,
  SqlReader,
} from '../../../src/postgres/sql-reader.ts';
import { absent, type Observed, present } from '../../../src/reconcile/findings.ts';
import type { SqlWriterDeps } from '../../../src/resources/sql-writer-deps.ts';
import { createTestRun } from './test-run.ts';

/** A mark as the action reads its own. */
export function readMark(mark: DatabaseMarker | RoleMarker, expires?: Date): ParsedMarker {
  const { database, pullRequest } = { database: undefined, pullRequest: undefined, ...mark };
  return { ...mark, database, pullRequest, expires };
}

/** The administrator's own database as it was made for a pull request, or without a mark. */
export const fakeDatabase = (
  name: string,
  mark: DatabaseMarker | undefined,
  more: Partial<FoundDatabase> = {},
): FoundDatabase => ({
  name,
  oid: '16384',
  owner: 'relecloud_admin',
  isOwnedByAdmin: true,
  marker: mark && readMark(mark),
  connectionLimit: -1,
  charset: 'UTF8',
  collation: 'en_US.utf8',
  mayConnect: true,
  mayCreate: true,
  allowsConnections: true,
  ...more,
});

/** The database that is declared, as it is once it was made. */
export const databaseFromConfig = (
  { name, marker }: DatabaseConfig,
  more: Partial<FoundDatabase> = {},
): FoundDatabase => fakeDatabase(name, marker, more);

/** A role that the administrator made. */
export const fakeRole = (
  name: string,
  mark: RoleMarker | undefined,
  more: Partial<FoundRole> = {},
): FoundRole => ({
  name,
  oid: '16385',
  administered: true,
  mayLogIn: true,
  marker: mark && readMark(mark),
  ...more,
});

export const roleFromConfig = ({ name, marker }: RoleConfig, more: Partial<FoundRole> = {}): FoundRole =>
  fakeRole(name, marker, more);

interface FakeServerObjects {
  readonly database?: Observed<FoundDatabase>;
  readonly role?: Observed<FoundRole>;
  readonly access?: Observed<FoundPrivileges>;
}

/** A reader of a server that has only these objects. */
export function createFakeSqlReader(
  { database = absent, role = absent, access = absent }: FakeServerObjects,
  session?: Session,
): SqlReader {
  return new (class extends SqlReader {
    override database = async () => database;
    override role = async () => role;
    override access = async () => access;
    override markedDatabases = async () => [];
  })(session as Session);
}

/** What the handlers write with, on a server that has only these objects; records the statements that are executed. */
export function createFakeSqlWriter(
  objects: FakeServerObjects,
  query: (text: string) => readonly unknown[] = () => [],
): { readonly deps: SqlWriterDeps; readonly statements: readonly string[] } {
  const statements: string[] = [];
  const session = {
    async query(text: string) {
      statements.push(text);
      return query(text);
    },
    transaction: (work: () => Promise<unknown>) => work(),
    close: async () => {},
  } as unknown as Session;
  const deps: SqlWriterDeps = {
    run: createTestRun(),
    reader: createFakeSqlReader(objects, session),
    openDatabaseSession: async () => session,
    dropDatabaseWithArm: async () => {},
    allowExtensions: async () => {},
    appPassword: 'VerySecurePassword!2',
  };
  return { deps, statements };
}

export const allPrivileges: Observed<FoundPrivileges> = present({
  connect: true,
  create: true,
  temporary: true,
});
