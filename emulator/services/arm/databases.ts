import { asObject, asString, type JsonObject } from '../../core/json.ts';
import type { DatabaseRow, PostgresServer } from '../../postgres/types.ts';
import { type ArmContext, type ArmHandler, type ArmRequest, parseBody } from './arm-request.ts';
import type { FlexibleServer, ServerState } from './arm-store.ts';
import { OperationError, operationErrors, providerErrors } from './errors.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'databases';
// The service's own come first, in this order (facts.md §2).
const SYSTEM_DATABASES = ['azure_maintenance', 'postgres', 'azure_sys'];
const PROTECTED_DATABASES = [...SYSTEM_DATABASES, 'template0', 'template1'];

function requireServer(call: ArmRequest, { store }: ArmContext): FlexibleServer {
  return store.getServer(call.params.subscription, call.params.group, call.params.server);
}

/** Those in which the provider asks PostgreSQL, whatever PostgreSQL itself would do in another. */
const QUERYABLE_STATES: readonly ServerState[] = ['Ready', 'Updating'];

/**
 * The data plane of a server that can answer.
 * @throws {ArmError} 400 ServerStoppedError when stopped, 500 on a half-made one (facts.md §3), and so in every other
 * state [INF].
 */
export function requireRunningPostgres(server: FlexibleServer): PostgresServer {
  if (server.state === 'Stopped') throw providerErrors.serverStopped(server.name);
  if (!QUERYABLE_STATES.includes(server.state) || !server.postgres?.isRunning)
    throw providerErrors.internal();
  return server.postgres;
}

function systemDatabaseRank({ name }: DatabaseRow): number {
  const index = SYSTEM_DATABASES.indexOf(name);
  return index === -1 ? SYSTEM_DATABASES.length : index;
}

async function readDatabaseRows(postgres: PostgresServer): Promise<DatabaseRow[]> {
  const rows = await postgres.listDatabases();
  return rows
    .filter(({ name }) => !name.startsWith('template'))
    .sort((a, b) => systemDatabaseRank(a) - systemDatabaseRank(b));
}

function databaseBody(server: FlexibleServer, { name, charset, collation }: DatabaseRow): JsonObject {
  return childBody(server, RESOURCE_TYPE, name, { charset, collation });
}

/**
 * How a database operation fails: as it was told to, because the server went away meanwhile, or with what PostgreSQL
 * says; the code of the last is [INF].
 */
function toOperationError(error: unknown, server: FlexibleServer): unknown {
  if (error instanceof OperationError) return error;
  if (server.state !== 'Ready') return operationErrors.serverIsBusy(server.name);
  const isPostgresError = error instanceof Error && 'code' in error && error.name !== 'AbortError';
  return isPostgresError ? new OperationError('DatabaseOperationFailed', error.message) : error;
}

async function createIfMissing(postgres: PostgresServer, name: string, charset: string, collation: string) {
  const exists = (await postgres.listDatabases()).some((row) => row.name === name);
  // A PUT of a database that exists changes nothing: its charset and collation cannot change.
  if (!exists) await postgres.createDatabase(name, charset, collation);
}

/** An elastic cluster has the one database that it came with (Microsoft's FAQ on their limitations; the code is [INF]). */
async function checkClusterDatabase(
  server: FlexibleServer,
  postgres: PostgresServer,
  name: string,
): Promise<void> {
  if (server.properties['cluster'] === undefined) return;
  const exists = (await postgres.listDatabases()).some((row) => row.name === name);
  if (!exists) throw providerErrors.invalidValue('databaseName');
}

/** `PUT …/databases/{name}`: `CREATE DATABASE` by the service; one that exists stays as it is [INF]. */
export const putDatabase: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const name = call.params.child;
  const properties = asObject(parseBody(call)['properties']);
  const charset = asString(properties['charset']) ?? 'UTF8';
  const collation = asString(properties['collation']) ?? 'en_US.utf8';
  if (!/^[a-zA-Z_][\w-]{0,62}$/.test(name)) throw providerErrors.invalidValue('databaseName');
  if (!/^[a-zA-Z]+\w*$/.test(charset)) throw providerErrors.invalidValue('charset');
  if (!/^[a-zA-Z-]+([. ]|\w)*$/.test(collation)) throw providerErrors.invalidValue('collation');
  const postgres = requireRunningPostgres(server);
  await checkClusterDatabase(server, postgres, name);
  return beginOperation(call, context, server, 'Upsert', () =>
    createIfMissing(postgres, name, charset, collation),
  );
};

/** `DELETE …/databases/{name}`: `DROP DATABASE … WITH (FORCE)` by the service; 204 where there is none [S]. */
export const deleteDatabase: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const name = call.params.child;
  const postgres = requireRunningPostgres(server);
  const rows = await postgres.listDatabases();
  if (PROTECTED_DATABASES.includes(name)) throw providerErrors.invalidValue('databaseName');
  if (!rows.some((row) => row.name === name)) return { status: 204 };
  return beginOperation(call, context, server, 'Drop', () => postgres.dropDatabase(name));
};

function beginOperation(
  call: ArmRequest,
  context: ArmContext,
  server: FlexibleServer,
  verb: 'Upsert' | 'Drop',
  apply: () => Promise<void>,
) {
  server.activeChildOperations += 1;
  return context.operations.begin(call, {
    operationName: `${verb}ServerDatabaseManagementOperation`,
    retryAfterSeconds: RETRY_AFTER_SECONDS.database,
    locationSegment: server.location.name,
    durationMs: operationDurationMs('database', context.options.provisionMs),
    work: async (untilDone) => {
      try {
        await untilDone();
        await apply();
      } catch (error) {
        throw toOperationError(error, server);
      } finally {
        server.activeChildOperations -= 1;
      }
    },
  });
}

export const getDatabase: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const rows = await readDatabaseRows(requireRunningPostgres(server));
  const row = rows.find(({ name }) => name === call.params.child);
  if (!row) throw providerErrors.childNotFound(RESOURCE_TYPE, call.params.child);
  return { status: 200, headers: PROVIDER_HEADERS, body: databaseBody(server, row) };
};

/** Every database but the templates, also those that SQL made. */
export const listDatabases: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const rows = await readDatabaseRows(requireRunningPostgres(server));
  return pagedResponse(call, rows, context.options.pageSize, (row) => databaseBody(server, row));
};
