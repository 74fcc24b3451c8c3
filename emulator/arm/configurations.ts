import { compact, type JsonObject, objectOr, stringOr } from '../json.ts';
import type { ParameterRow } from '../postgres/types.ts';
import { type ArmCall, type ArmContext, type ArmHandler, bodyOf } from './call.ts';
import { runningPostgres } from './databases.ts';
import { operationFailures, providerErrors } from './errors.ts';
import { providerHeaders } from './operations.ts';
import { page } from './paging.ts';
import { childBody } from './server-body.ts';
import type { FlexibleServer } from './store.ts';
import { durationOf, retryAfterSeconds } from './timing.ts';

const kind = 'configurations';

function serverOf(call: ArmCall, { store }: ArmContext): FlexibleServer {
  return store.server(call.names.subscription, call.names.group, call.names.server);
}

function documentationLink(name: string, major: string): string {
  if (name.startsWith('pgaudit.')) return 'https://github.com/pgaudit/pgaudit/blob/master/README.md';
  const anchor = name.toUpperCase().replaceAll('_', '-');
  return `https://www.postgresql.org/docs/${major}/runtime-config.html#GUC-${anchor}`;
}

function render(server: FlexibleServer, row: ParameterRow): JsonObject {
  const { name, value, description, defaultValue, dataType, allowedValues } = row;
  // A parameter that was reset is the system's again, and one set to its default no different [INF].
  const source = value === defaultValue ? 'system-default' : row.source;
  const { isDynamicConfig, isReadOnly, isConfigPendingRestart } = row;
  return childBody(
    server,
    kind,
    name,
    compact({
      value,
      description,
      defaultValue,
      dataType,
      allowedValues,
      source,
      isDynamicConfig,
      isReadOnly,
      isConfigPendingRestart,
      documentationLink: documentationLink(name, String(server.properties['version'])),
    }),
  );
}

async function findRow(call: ArmCall, server: FlexibleServer): Promise<ParameterRow> {
  const rows = await runningPostgres(server).parameters();
  const wanted = call.names.child.toLowerCase();
  const row = rows.find(({ name }) => name.toLowerCase() === wanted);
  if (!row) throw providerErrors.childNotFound(kind, call.names.child);
  return row;
}

/**
 * `PUT` or `PATCH …/configurations/{name}`. A value that PostgreSQL does not take is refused; `source:
 * system-default` asks for the default. While another configuration is being written it fails with ServerIsBusy.
 */
export const writeConfiguration: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const postgres = runningPostgres(server);
  const properties = objectOr(bodyOf(call)['properties']);
  const row = await findRow(call, server);
  const reset = properties['source'] === 'system-default';
  const value = stringOr(properties['value']) ?? (reset ? row.defaultValue : undefined);
  if (value === undefined || row.isReadOnly) throw providerErrors.invalidValue(row.name);
  checkAllowed(row, value);
  const busy = server.writingConfiguration;
  if (!busy) server.writingConfiguration = true;
  server.minorOperations += 1;
  return context.operations.begin(call, {
    operation: 'UpdateConfigurationManagementOperation',
    retryAfter: retryAfterSeconds.configuration,
    location: server.location.name,
    duration: durationOf('configuration', context.options.provision),
    work: async (elapse) => {
      try {
        await elapse();
        if (busy) throw operationFailures.serverIsBusy(server.name);
        await postgres.setParameter(row.name, value);
      } finally {
        if (!busy) server.writingConfiguration = false;
        server.minorOperations -= 1;
      }
    },
  });
};

/** Values of an enumeration or a set are checked on the spot; ranges by PostgreSQL when it is set [INF]. */
function checkAllowed({ name, dataType, allowedValues }: ParameterRow, value: string): void {
  const allowed = allowedValues.split(',').map((entry) => entry.toLowerCase());
  const parts = dataType === 'Set' ? value.split(',').map((part) => part.trim()) : [value];
  const checked = ['Boolean', 'Enumeration', 'Set'].includes(dataType) && allowedValues !== '';
  if (checked && !parts.every((part) => allowed.includes(part.toLowerCase()))) {
    throw providerErrors.invalidValue(name);
  }
}

export const getConfiguration: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const row = await findRow(call, server);
  return { status: 200, headers: providerHeaders, body: render(server, row) };
};

export const listConfigurations: ArmHandler = async (call, context) => {
  const server = serverOf(call, context);
  const rows = await runningPostgres(server).parameters();
  return page(call, rows, context.options.pageSize, (row) => render(server, row));
};
