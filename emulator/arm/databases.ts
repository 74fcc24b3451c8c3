import { type JsonObject, objectOr, stringOr } from '../json.ts';
import type { DatabaseRow, PostgresServer } from '../postgres/types.ts';
import { type ArmCall, type ArmContext, type ArmHandler, bodyOf } from './call.ts';
import { OperationFailure, operationFailures, providerErrors } from './errors.ts';
import { providerHeaders } from './operations.ts';
import { page } from './paging.ts';
import { childBody } from './server-body.ts';
import type { FlexibleServer, ServerState } from './store.ts';
import { durationOf, retryAfterSeconds } from './timing.ts';

const kind = 'databases';
// The service's own come first, in this order (facts.md §2).
const systemOrder = ['azure_maintenance', 'postgres', 'azure_sys'];
const protectedNames = [...systemOrder, 'template0', 'template1'];

function serverOf(call: ArmCall, { store }: ArmContext): FlexibleServer {
  return store.server(call.names.subscription, call.names.group, call.names.server);
}

/** Those in which the provider asks PostgreSQL, whatever PostgreSQL itself would do in another. */
const answeringStates: readonly ServerState[] = ['Ready', 'Updating'];

/**
 * The data plane of a server that can answer.
 * @throws {ArmError} 400 ServerStoppedError when stopped, 500 on a half-made one (facts.md §3), and so in every other
 * state [INF].
 */
export function runningPostgres(server: FlexibleServer): PostgresServer {
  if (server.state === 'Stopped') throw providerErrors.serverStopped(server.name);
  if (!answeringStates.includes(server.state) || !server.postgres?.running) throw providerErrors.internal();
  return server.postgres;
}

function rank({ name }: DatabaseRow): number {
  const index = systemOrder.indexOf(name);
  return index === -1 ? systemOrder.length : index;
}

async function rowsOf(postgres: PostgresServer): Promise<DatabaseRow[]> {
  const rows = await postgres.databases();
  return rows.filter(({ name }) => !name.startsWith('template')).sort((a, b) => rank(a) - rank(b));
}

function render(server: FlexibleServer, { name, charset, collation }: DatabaseRow): JsonObject {
  return childBody(server, kind, name, { charset, collation });
}

/**
 * How a database operation fails: as it was told to, because the server went away meanwhile, or with what PostgreSQL
 * says; the code of the last is [INF].
 */
function failureOf(error: unknown, server: FlexibleServer): unknown {
  if (error instanceof OperationFailure) return error;
  if (server.state !== 'Ready') return operationFailures.serverIsBusy(server.name);
  const byPostgres = error instanceof Error && 'code' in error && error.name !== 'AbortError';
  return byPostgres ? new OperationFailure('DatabaseOperationFailed', error.message) : error;
}

async function createOnce(postgres: PostgresServer, name: string, charset: string, collation: string) {
  const exists = (await postgres.databases()).some((row) => row.name === name);
  // A PUT of a database that exists changes nothing: its charset and collation cannot change.
  if (!exists) await postgres.createDatabase(name, charset, collation);
}

/** An elastic cluster has the one database that it came with (Microsoft's FAQ on their limitations; the code is [INF]). */
async function checkCluster(server: FlexibleServer, postgres: PostgresServer, name: string): Promise<void> {
  if (server.properties['cluster'] === undefined) return;
  const exists = (await postgres.databases()).some((row) => row.name === name);
  if (!exists) throw providerErrors.invalidValue('databaseName');
}

/** `PUT …/databases/{name}`: `CREATE DATABASE` by the service; one that exists stays as it is [INF]. */
export const putDatabase: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const name = call.names.child;
  const properties = objectOr(bodyOf(call)['properties']);
  const charset = stringOr(properties['charset']) ?? 'UTF8';
  const collation = stringOr(properties['collation']) ?? 'en_US.utf8';
  if (!/^[a-zA-Z_][\w-]{0,62}$/.test(name)) throw providerErrors.invalidValue('databaseName');
  if (!/^[a-zA-Z]+\w*$/.test(charset)) throw providerErrors.invalidValue('charset');
  if (!/^[a-zA-Z-]+([. ]|\w)*$/.test(collation)) throw providerErrors.invalidValue('collation');
  const postgres = runningPostgres(server);
  await checkCluster(server, postgres, name);
  return begin(call, context, server, 'Upsert', () => createOnce(postgres, name, charset, collation));
};

/** `DELETE …/databases/{name}`: `DROP DATABASE … WITH (FORCE)` by the service; 204 where there is none [S]. */
export const deleteDatabase: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const name = call.names.child;
  const postgres = runningPostgres(server);
  const rows = await postgres.databases();
  if (protectedNames.includes(name)) throw providerErrors.invalidValue('databaseName');
  if (!rows.some((row) => row.name === name)) return { status: 204 };
  return begin(call, context, server, 'Drop', () => postgres.dropDatabase(name));
};

function begin(
  call: ArmCall,
  context: ArmContext,
  server: FlexibleServer,
  verb: 'Upsert' | 'Drop',
  effect: () => Promise<void>,
) {
  server.minorOperations += 1;
  return context.operations.begin(call, {
    operation: `${verb}ServerDatabaseManagementOperation`,
    retryAfter: retryAfterSeconds.database,
    location: server.location.name,
    duration: durationOf('database', context.options.provision),
    work: async (elapse) => {
      try {
        await elapse();
        await effect();
      } catch (error) {
        throw failureOf(error, server);
      } finally {
        server.minorOperations -= 1;
      }
    },
  });
}

export const getDatabase: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const rows = await rowsOf(runningPostgres(server));
  const row = rows.find(({ name }) => name === call.names.child);
  if (!row) throw providerErrors.childNotFound(kind, call.names.child);
  return { status: 200, headers: providerHeaders, body: render(server, row) };
};

/** Every database but the templates, also those that SQL made. */
export const listDatabases: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const rows = await rowsOf(runningPostgres(server));
  return page(call, rows, context.options.pageSize, (row) => render(server, row));
};
