import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { Config } from '../config/config.ts';
import { allowListParameter, listed, missingIn } from '../plan/allow-list.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { type Difference, type Observed, present } from '../plan/types.ts';

/**
 * The extensions that the server lets anybody create, its parameter `azure.extensions` (facts.md §5). It is only added
 * to: what is there belongs to others.
 */
export const extensionAllowList: Kind<readonly string[], string, AzureReader, AzureWriter> = {
  resource: 'extension allow-list',

  desired(config: Config): readonly (readonly string[])[] {
    if (config.mode === 'drop' || config.mode === 'sweep' || config.extensions.length === 0) return [];
    return [config.extensions];
  },

  nameOf: () => allowListParameter,

  async observe(reader): Promise<readonly Observed<string>[]> {
    const seen = await reader.parameter(allowListParameter);
    return [seen.status === 'present' ? present(seen.value.value ?? '') : seen];
  },

  diff(wanted, observed): readonly Difference[] {
    // A server without the parameter has no such list.
    if (observed.status !== 'present') return [];
    const missing = missingIn(observed.value, wanted);
    if (missing.length === 0) return [];
    const thing = { resource: 'extension allow-list', name: allowListParameter } as const;
    return [
      {
        finding: {
          ...thing,
          property: 'value',
          expected: `with ${missing.join(', ')}`,
          actual: listed(observed.value).join(', ') || 'empty',
          kind: 'missing',
        },
        mend: { ...thing, action: 'update', details: `added ${missing.join(', ')}` },
      },
    ];
  },

  apply: (writer, _change, wanted): Promise<Applied> => writer.allowExtensions(wanted),
};
