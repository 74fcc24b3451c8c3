import type { Configuration } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config } from '../inputs/types.ts';
import type { Diff, Observed } from '../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../reconcile/resource-handler.ts';

interface DesiredParameter {
  readonly name: string;
  readonly value: string;
}

/** Server parameters, which ARM calls configurations. They always exist, so only their values are compared. */
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

  observe: (reader, desired): Promise<readonly Observed<Configuration>[]> =>
    reader.getParameters(desired.map(({ name }) => name)),

  diff({ name, value }, observed): readonly Diff[] {
    const finding = { resource: 'server parameter', name, property: 'value', expected: value } as const;
    if (observed.status === 'absent')
      return [{ finding: { ...finding, actual: 'no such parameter', kind: 'missing' } }];
    if (observed.status === 'unknown') return [];
    const actual = observed.value.value ?? '';
    if (areParameterValuesEqual(name, observed.value.dataType, actual, value)) return [];
    const restart = observed.value.isDynamicConfig === false ? ', takes effect after a restart' : '';
    return [
      {
        finding: { ...finding, actual, kind: 'changed' },
        change: {
          resource: 'server parameter',
          name,
          action: 'update',
          details: `${actual} → ${value}${restart}`,
        },
      },
    ];
  },

  async apply(writer, _change, { name, value }): Promise<ApplyResult> {
    await writer.putParameter(
      name,
      async () => value,
      (stored) => areParameterValuesEqual(name, stored.dataType, stored.value ?? '', value),
    );
    return 'applied';
  },
};

/**
 * Compares two values by ARM's type of the parameter: booleans and enumerations without case, sets (such as
 * azure.extensions) without order, numbers without leading zeros, and other values exactly.
 */
function areParameterValuesEqual(name: string, dataType: string | undefined, a: string, b: string): boolean {
  const normalize = (value: string): string => {
    if (dataType === 'Set' || name === 'azure.extensions')
      return value
        .toLowerCase()
        .split(',')
        .map((item) => item.trim())
        .sort()
        .join(',');
    if (dataType === 'Boolean' || dataType === 'Enumeration') return value.toLowerCase();
    // A number with a unit is compared as text.
    if (
      (dataType === 'Integer' || dataType === 'Numeric') &&
      value.trim() !== '' &&
      !Number.isNaN(Number(value))
    )
      return String(Number(value));
    // Inputs are trimmed.
    return value.trim();
  };
  return normalize(a) === normalize(b);
}
