import { asObject, asString, type JsonObject, omitUndefined } from '../../core/json.ts';
import type { ParameterRow } from '../../postgres/types.ts';
import { type ArmContext, type ArmHandler, type ArmRequest, parseBody } from './arm-request.ts';
import type { FlexibleServer } from './arm-store.ts';
import { requireRunningPostgres } from './databases.ts';
import { operationErrors, providerErrors } from './errors.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'configurations';

function requireServer(call: ArmRequest, { store }: ArmContext): FlexibleServer {
  return store.getServer(call.params.subscription, call.params.group, call.params.server);
}

function documentationLink(name: string, major: string): string {
  if (name.startsWith('pgaudit.')) return 'https://github.com/pgaudit/pgaudit/blob/master/README.md';
  const anchor = name.toUpperCase().replaceAll('_', '-');
  return `https://www.postgresql.org/docs/${major}/runtime-config.html#GUC-${anchor}`;
}

function configurationBody(server: FlexibleServer, row: ParameterRow): JsonObject {
  const { name, value, description, defaultValue, dataType, allowedValues } = row;
  // A parameter that was reset is the system's again, and one set to its default no different [INF].
  const source = value === defaultValue ? 'system-default' : row.source;
  const { isDynamicConfig, isReadOnly, isConfigPendingRestart } = row;
  return childBody(
    server,
    RESOURCE_TYPE,
    name,
    omitUndefined({
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

async function requireParameter(call: ArmRequest, server: FlexibleServer): Promise<ParameterRow> {
  const rows = await requireRunningPostgres(server).listParameters();
  const wanted = call.params.child.toLowerCase();
  const row = rows.find(({ name }) => name.toLowerCase() === wanted);
  if (!row) throw providerErrors.childNotFound(RESOURCE_TYPE, call.params.child);
  return row;
}

/**
 * `PUT` or `PATCH …/configurations/{name}`. A value that PostgreSQL does not take is refused; `source:
 * system-default` asks for the default. While another configuration is being written it fails with ServerIsBusy.
 */
export const writeConfiguration: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const postgres = requireRunningPostgres(server);
  const properties = asObject(parseBody(call)['properties']);
  const row = await requireParameter(call, server);
  const isReset = properties['source'] === 'system-default';
  const value = asString(properties['value']) ?? (isReset ? row.defaultValue : undefined);
  if (value === undefined || row.isReadOnly) throw providerErrors.invalidValue(row.name);
  checkAllowedValue(row, value);
  const isBusy = server.isWritingConfiguration;
  if (!isBusy) server.isWritingConfiguration = true;
  server.activeChildOperations += 1;
  return context.operations.begin(call, {
    operationName: 'UpdateConfigurationManagementOperation',
    retryAfterSeconds: RETRY_AFTER_SECONDS.configuration,
    locationSegment: server.location.name,
    durationMs: operationDurationMs('configuration', context.options.provisionMs),
    work: async (untilDone) => {
      try {
        await untilDone();
        if (isBusy) throw operationErrors.serverIsBusy(server.name);
        await postgres.setParameter(row.name, value);
      } finally {
        if (!isBusy) server.isWritingConfiguration = false;
        server.activeChildOperations -= 1;
      }
    },
  });
};

/** Values of an enumeration or a set are checked on the spot; ranges by PostgreSQL when it is set [INF]. */
function checkAllowedValue({ name, dataType, allowedValues }: ParameterRow, value: string): void {
  const allowed = allowedValues.split(',').map((entry) => entry.toLowerCase());
  const parts = dataType === 'Set' ? value.split(',').map((part) => part.trim()) : [value];
  const isEnumerated = ['Boolean', 'Enumeration', 'Set'].includes(dataType) && allowedValues !== '';
  if (isEnumerated && !parts.every((part) => allowed.includes(part.toLowerCase()))) {
    throw providerErrors.invalidValue(name);
  }
}

export const getConfiguration: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const row = await requireParameter(call, server);
  return { status: 200, headers: PROVIDER_HEADERS, body: configurationBody(server, row) };
};

export const listConfigurations: ArmHandler = async (call, context) => {
  const server = requireServer(call, context);
  const rows = await requireRunningPostgres(server).listParameters();
  return pagedResponse(call, rows, context.options.pageSize, (row) => configurationBody(server, row));
};
