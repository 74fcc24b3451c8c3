import type { Configuration } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { actionError } from '../../common/errors.ts';
import { shellQuote } from '../../common/shell-quote.ts';
import type { CheckConfig, Config, EnsureConfig } from '../../inputs/types.ts';
import type { Diff, DiffWithFinding, Observed } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import { areParameterValuesEqual, toArmValue, validateParameterValue } from './parameter-value.ts';

interface DesiredParameter {
  readonly name: string;
  readonly value: string;
}

/**
 * Server parameters, which ARM calls configurations. They always exist, so only their values are compared, by their meaning
 * and not by their spelling.
 */
export const serverParameterHandler: ResourceHandler<
  DesiredParameter,
  Configuration,
  AzureReader,
  AzureWriter
> = {
  resource: 'server parameter',

  desired: ({ server }: Config): readonly DesiredParameter[] =>
    [...server.parameters].map(([name, value]) => ({ name, value })),

  nameOf: ({ name }) => name,

  /** @throws `server-parameters-invalid`, so that no parameter is set if one of them cannot be */
  async observe(reader, desired): Promise<readonly Observed<Configuration>[]> {
    const observed = await reader.getParameters(desired.map(({ name }) => name));
    const errors = desired.flatMap((parameter, i) => validateParameter(parameter, observed[i]) ?? []);
    if (errors.length > 0)
      throw actionError('server-parameters-invalid', { server: reader.serverRef.name, errors });
    return observed;
  },

  diff(desired, observed): readonly Diff[] {
    const { name } = desired;
    if (observed.status === 'unknown') return [];
    if (observed.status === 'present')
      return [...diffValue(desired, observed.value), ...diffPendingRestart(name, observed.value)];
    const finding = {
      resource: 'server parameter',
      name,
      property: 'value',
      expected: desired.value,
    } as const;
    const remedy = /^pgbouncer\./i.test(name)
      ? 'Azure shows the parameters of PgBouncer only while pgbouncer.enabled is true: set that one first, then run the step again'
      : 'the server has no such parameter: correct its name in server-parameters, or remove it';
    return [{ finding: { ...finding, actual: 'no such parameter', kind: 'missing' }, remedy }];
  },

  async apply(writer, _change, { name, value }, _finding, observed): Promise<ApplyResult> {
    const metadata = observed.status === 'present' ? observed.value : {};
    await writer.putParameter(
      name,
      async () => toArmValue(metadata, value),
      (stored) => areParameterValuesEqual(stored, value, stored.value ?? ''),
    );
    if (observed.status === 'present' && observed.value.isDynamicConfig === false)
      writer.run.warning(
        `Server parameter '${name}' was set, but the new value takes effect only after a restart: ${restartHint(observed.value)}.`,
      );
    return 'applied';
  },
};

/**
 * Reads the declared parameters and checks their values, for a run that writes something else first. A parameter that cannot
 * be read, such as that of a stopped server, is checked later, when it is compared.
 * @throws `server-parameters-invalid`
 */
export async function validateServerParameters(
  reader: AzureReader,
  config: EnsureConfig | CheckConfig,
): Promise<void> {
  const desired = serverParameterHandler.desired(config);
  if (desired.length > 0) await serverParameterHandler.observe(reader, desired);
}

function validateParameter(
  { name, value }: DesiredParameter,
  observed: Observed<Configuration> | undefined,
): string | undefined {
  if (observed?.status !== 'present') return undefined;
  const error = validateParameterValue(observed.value, value, observed.value.value ?? '');
  return error && `${name} ${error}`;
}

/** The finding shows the declared value in the unit and the spelling of Azure, so that it can be compared with the other. */
function diffValue({ name, value }: DesiredParameter, observed: Configuration): readonly DiffWithFinding[] {
  const actual = observed.value ?? '';
  if (areParameterValuesEqual(observed, value, actual)) return [];
  const expected = toArmValue(observed, value);
  const resourceRef = { resource: 'server parameter', name } as const;
  const restart = observed.isDynamicConfig === false ? ', takes effect after a restart' : '';
  return [
    {
      finding: { ...resourceRef, property: 'value', expected, actual, kind: 'changed' },
      change: { ...resourceRef, action: 'update', details: `${actual} → ${expected}${restart}` },
    },
  ];
}

/** The action never restarts a server for a parameter, because that ends every session. */
function diffPendingRestart(name: string, observed: Configuration): readonly DiffWithFinding[] {
  if (observed.isConfigPendingRestart !== true) return [];
  return [
    {
      finding: {
        resource: 'server parameter',
        name,
        property: 'pending restart',
        expected: 'none',
        actual: `needed for ${observed.value ?? ''}`,
        kind: 'changed',
      },
      remedy: restartHint(observed),
    },
  ];
}

/** How a user restarts the server. The parameter's id names the server, also if it was found by its name alone. */
function restartHint({ id = '' }: Configuration): string {
  const [, group, server] = /\/resourceGroups\/([^/]+)\/.*\/flexibleServers\/([^/]+)\//i.exec(id) ?? [];
  const command =
    group === undefined || server === undefined
      ? 'az postgres flexible-server restart'
      : `az postgres flexible-server restart --resource-group ${shellQuote(group)} --name ${shellQuote(server)}`;
  return `restart the server when its sessions may end: ${command}`;
}
