import type { AzureReader } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import type { CheckConfig, EnsureConfig } from '../../inputs/types.ts';
import { type Diff, type Observed, present } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import { ALLOW_LIST_PARAMETER, missingFromAllowList, parseAllowList } from './allow-list-value.ts';

/**
 * The extensions that the server lets anybody create, its parameter `azure.extensions` (facts.md §5). It is only added
 * to: what is there belongs to others.
 */
export const extensionAllowListHandler: ResourceHandler<readonly string[], string, AzureReader, AzureWriter> =
  {
    resource: 'extension allow-list',

    desired(config: EnsureConfig | CheckConfig): readonly (readonly string[])[] {
      return config.extensions.length === 0 ? [] : [config.extensions];
    },

    nameOf: () => ALLOW_LIST_PARAMETER,

    async observe(reader): Promise<readonly Observed<string>[]> {
      const seen = await reader.getParameter(ALLOW_LIST_PARAMETER);
      return [seen.status === 'present' ? present(seen.value.value ?? '') : seen];
    },

    diff(requiredExtensions, observed): readonly Diff[] {
      // A server without the parameter has no such list.
      if (observed.status !== 'present') return [];
      const missing = missingFromAllowList(observed.value, requiredExtensions);
      if (missing.length === 0) return [];
      const resourceRef = { resource: 'extension allow-list', name: ALLOW_LIST_PARAMETER } as const;
      return [
        {
          finding: {
            ...resourceRef,
            property: 'value',
            expected: `with ${missing.join(', ')}`,
            actual: parseAllowList(observed.value).join(', ') || 'empty',
            kind: 'missing',
          },
          change: { ...resourceRef, action: 'update', details: `added ${missing.join(', ')}` },
        },
      ];
    },

    apply: (writer, _change, requiredExtensions): Promise<ApplyResult> =>
      writer.allowExtensions(requiredExtensions),
  };
