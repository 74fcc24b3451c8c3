import type { HttpResponse } from '../../core/http-types.ts';
import { asObject, asString, type JsonObject } from '../../core/json.ts';
import { SYSTEM_DATABASES } from '../../postgres/azure-model/role-model.ts';
import type { DatabaseRow, PostgresServer } from '../../postgres/types.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { OperationError, operationErrors, providerErrors } from './arm-errors.ts';
import { type ArmRequest, parseBody } from './arm-request.ts';
import { type FlexibleServer, type ServerState, withActiveOperation } from './arm-store.ts';
import { DATABASE_NAME_PATTERN } from './elastic-cluster.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'databases';
const PROTECTED_DATABASES = [...SYSTEM_DATABASES, 'template0', 'template1'];

/** The states in which the provider queries PostgreSQL. */
const QUERYABLE_STATES: readonly ServerState[] = ['Ready', 'Updating'];

/**
 * The PostgreSQL of a server that can answer.
 * @throws {ArmError} 400 ServerStoppedError if the server is stopped, 500 in every other state (inferred).
 */
export function requireRunningPostgres(server: FlexibleServer): PostgresServer {
  if (server.state === 'Stopped') throw providerErrors.serverStopped(server.name);
  if (!QUERYABLE_STATES.includes(server.state) || !server.postgres?.isRunning)
    throw providerErrors.internal();
  return server.postgres;
}

function databaseBody(server: FlexibleServer, { name, charset, collation }: DatabaseRow): JsonObject {
  return childBody(server, RESOURCE_TYPE, name, { charset, collation });
}

async function databaseExists(postgres: PostgresServer, name: string): Promise<boolean> {
  return (await postgres.databases.list()).some((row) => row.name === name);
}

/** The error of a failed database operation. The code for an error of PostgreSQL is inferred. */
function toOperationError(error: unknown, server: FlexibleServer): unknown {
  if (error instanceof OperationError) return error;
  if (server.state !== 'Ready') return operationErrors.serverIsBusy(server.name);
  const isPostgresError = error instanceof Error && 'code' in error && error.name !== 'AbortError';
  return isPostgresError ? new OperationError('DatabaseOperationFailed', error.message) : error;
}

function beginOperation(
  call: ArmRequest,
  context: ArmContext,
  server: FlexibleServer,
  verb: 'Upsert' | 'Drop',
  apply: () => Promise<void>,
): HttpResponse {
  return context.operations.begin(call, {
    operationName: `${verb}ServerDatabaseManagementOperation`,
    retryAfterSeconds: RETRY_AFTER_SECONDS.database,
    locationSegment: server.location.name,
    durationMs: operationDurationMs('database', context.options.provisionMs),
    work: (untilDone) =>
      withActiveOperation(server, async () => {
        try {
          await untilDone();
          await apply();
        } catch (error) {
          throw toOperationError(error, server);
        }
      }),
  });
}

/**
 * `PUT …/databases/{name}`: the service runs `CREATE DATABASE`. An existing database stays unchanged (inferred). An
 * elastic cluster accepts only its existing database; the code of that refusal is inferred.
 */
export const putDatabase: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const name = call.params.child;
  const properties = asObject(parseBody(call)['properties']);
  const charset = asString(properties['charset']) ?? 'UTF8';
  const collation = asString(properties['collation']) ?? 'en_US.utf8';
  if (!DATABASE_NAME_PATTERN.test(name)) throw providerErrors.invalidValue('databaseName');
  if (!/^[a-zA-Z]+\w*$/.test(charset)) throw providerErrors.invalidValue('charset');
  if (!/^[a-zA-Z-]+([. ]|\w)*$/.test(collation)) throw providerErrors.invalidValue('collation');
  const postgres = requireRunningPostgres(server);
  const isCluster = server.properties['cluster'] !== undefined;
  if (isCluster && !(await databaseExists(postgres, name))) throw providerErrors.invalidValue('databaseName');
  return beginOperation(call, context, server, 'Upsert', async () => {
    if (!(await databaseExists(postgres, name))) await postgres.databases.create(name, charset, collation);
  });
};

/** `DELETE …/databases/{name}`: the service runs `DROP DATABASE … WITH (FORCE)`. 204 if the database does not exist. */
export const deleteDatabase: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const name = call.params.child;
  const postgres = requireRunningPostgres(server);
  const exists = await databaseExists(postgres, name);
  if (PROTECTED_DATABASES.includes(name)) throw providerErrors.invalidValue('databaseName');
  if (!exists) return { status: 204 };
  return beginOperation(call, context, server, 'Drop', () => postgres.databases.drop(name));
};

export const getDatabase: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const rows = await requireRunningPostgres(server).databases.list();
  const row = rows.find(({ name }) => name === call.params.child);
  if (!row) throw providerErrors.childNotFound(RESOURCE_TYPE, call.params.child);
  return { status: 200, headers: PROVIDER_HEADERS, body: databaseBody(server, row) };
};

/** Every database, also those created with SQL, without the templates. */
export const listDatabases: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const rows = await requireRunningPostgres(server).databases.list();
  return pagedResponse(call, rows, context.options.pageSize, (row) => databaseBody(server, row));
};
