import { asObject, asString, type JsonObject, omitUndefined } from '../../core/json.ts';
import type { ParameterRow } from '../../postgres/types.ts';
import type { ArmHandler } from './arm-context.ts';
import { operationErrors, providerErrors } from './arm-errors.ts';
import { type ArmRequest, parseBody } from './arm-request.ts';
import { type FlexibleServer, withActiveOperation } from './arm-store.ts';
import { requireRunningPostgres } from './databases.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'configurations';

function documentationLink(name: string, major: string): string {
  if (name.startsWith('pgaudit.')) return 'https://github.com/pgaudit/pgaudit/blob/master/README.md';
  const anchor = name.toUpperCase().replaceAll('_', '-');
  return `https://www.postgresql.org/docs/${major}/runtime-config.html#GUC-${anchor}`;
}

function configurationBody(server: FlexibleServer, row: ParameterRow): JsonObject {
  const { name, value, description, defaultValue, dataType, allowedValues } = row;
  // Inferred: a parameter with its default value shows system-default, whether it was reset or set to it.
  const source = value === defaultValue ? 'system-default' : row.source;
  const { isDynamicConfig, isReadOnly, isConfigPendingRestart, unit } = row;
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
      unit,
      documentationLink: documentationLink(name, String(server.properties['version'])),
    }),
  );
}

async function requireParameter(call: ArmRequest, server: FlexibleServer): Promise<ParameterRow> {
  const rows = await requireRunningPostgres(server).parameters.list();
  const requestedName = call.params.child.toLowerCase();
  const row = rows.find(({ name }) => name.toLowerCase() === requestedName);
  if (!row) throw providerErrors.childNotFound(RESOURCE_TYPE, call.params.child);
  return row;
}

/**
 * Every value is checked immediately (inferred): an enumeration or a set against its list, a number against its range and
 * without a unit, a text against its pattern. PostgreSQL checks the rest when it sets the value.
 */
function checkAllowedValue(row: ParameterRow, value: string): void {
  if (!isAllowedValue(row, value)) throw providerErrors.invalidValue(row.name);
}

function isAllowedValue({ dataType, allowedValues }: ParameterRow, value: string): boolean {
  if (allowedValues === '') return true;
  if (dataType === 'Integer' || dataType === 'Numeric') {
    const [, min, max] = /^(-?[\d.]+(?:e[+-]?\d+)?)-(-?[\d.]+(?:e[+-]?\d+)?)$/.exec(allowedValues) ?? [];
    const isPlain = (dataType === 'Integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?(e[+-]?\d+)?$/).test(value);
    return isPlain && (min === undefined || (Number(min) <= Number(value) && Number(value) <= Number(max)));
  }
  if (dataType === 'String') return new RegExp(`^(?:${allowedValues})$`, 's').test(value);
  const allowed = allowedValues.split(',').map((entry) => entry.trim().toLowerCase());
  const parts = dataType === 'Set' ? value.split(',').map((part) => part.trim()) : [value];
  return parts.every((part) => allowed.includes(part.toLowerCase()));
}

/**
 * `PUT` or `PATCH …/configurations/{name}`. `source: system-default` without a value restores the default. During the
 * write of another parameter the operation fails with ServerIsBusy.
 */
export const writeConfiguration: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const postgres = requireRunningPostgres(server);
  const properties = asObject(parseBody(call)['properties']);
  const row = await requireParameter(call, server);
  const isReset = properties['source'] === 'system-default';
  const given = asString(properties['value']);
  const value = given ?? (isReset ? row.defaultValue : undefined);
  if (value === undefined || row.isReadOnly) throw providerErrors.invalidValue(row.name);
  if (given !== undefined) checkAllowedValue(row, given);
  const isBusy = server.isWritingConfiguration;
  if (!isBusy) server.isWritingConfiguration = true;
  return context.operations.begin(call, {
    operationName: 'UpdateConfigurationManagementOperation',
    retryAfterSeconds: RETRY_AFTER_SECONDS.configuration,
    locationSegment: server.location.name,
    durationMs: operationDurationMs('configuration', context.options.provisionMs),
    work: (untilDone) =>
      withActiveOperation(server, async () => {
        try {
          await untilDone();
          if (isBusy) throw operationErrors.serverIsBusy(server.name);
          await postgres.parameters.set(row.name, value);
        } finally {
          if (!isBusy) server.isWritingConfiguration = false;
        }
      }),
  });
};

export const getConfiguration: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const row = await requireParameter(call, server);
  return { status: 200, headers: PROVIDER_HEADERS, body: configurationBody(server, row) };
};

export const listConfigurations: ArmHandler = async (call, context) => {
  const server = context.store.getServer(call.params);
  const rows = await requireRunningPostgres(server).parameters.list();
  return pagedResponse(call, rows, context.options.pageSize, (row) => configurationBody(server, row));
};
