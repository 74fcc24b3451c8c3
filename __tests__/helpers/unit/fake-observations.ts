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

/** The marker as parseMarker() returns it. */
export function toParsedMarker(marker: DatabaseMarker | RoleMarker, expires?: Date): ParsedMarker {
  const { database, pullRequest } = { database: undefined, pullRequest: undefined, ...marker };
  return { ...marker, database, pullRequest, expires };
}

/** A database that the administrator owns. */
export const fakeDatabase = (
  name: string,
  marker: DatabaseMarker | undefined,
  overrides: Partial<FoundDatabase> = {},
): FoundDatabase => ({
  name,
  oid: '16384',
  owner: 'relecloud_admin',
  isOwnedByAdmin: true,
  marker: marker && toParsedMarker(marker),
  connectionLimit: -1,
  charset: 'UTF8',
  collation: 'en_US.utf8',
  mayConnect: true,
  mayCreate: true,
  allowsConnections: true,
  ...overrides,
});

/** The database of a configuration after its creation. */
export const databaseFromConfig = (
  { name, marker }: Pick<DatabaseConfig, 'name' | 'marker'>,
  overrides: Partial<FoundDatabase> = {},
): FoundDatabase => fakeDatabase(name, marker, overrides);

/** A role that the administrator created. */
export const fakeRole = (
  name: string,
  marker: RoleMarker | undefined,
  overrides: Partial<FoundRole> = {},
): FoundRole => ({
  name,
  oid: '16385',
  administered: true,
  mayLogIn: true,
  marker: marker && toParsedMarker(marker),
  ...overrides,
});

/** The role of a configuration after its creation. */
export const roleFromConfig = ({ name, marker }: RoleConfig, overrides: Partial<FoundRole> = {}): FoundRole =>
  fakeRole(name, marker, overrides);

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
