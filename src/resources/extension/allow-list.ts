import type { AzureReader } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { actionError } from '../../common/errors.ts';
import type { CheckConfig, EnsureConfig } from '../../inputs/types.ts';
import { type Diff, type Observed, present } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';

/** The server parameter that lists the extensions that can be created (docs/azure-behavior.md#extensions). */
export const ALLOW_LIST_PARAMETER = 'azure.extensions';

/** In every database, and on no list. */
const BUILT_IN_EXTENSION = 'plpgsql';

/** Writes of an allow-list before CREATE EXTENSION decides whether the extensions are on it. */
const MAX_WRITES = 5;

/**
 * The server's extension allow-list, its parameter `azure.extensions`. Extensions are only added: the other entries are
 * not owned by this configuration.
 */
export const extensionAllowListHandler: ResourceHandler<readonly string[], string, AzureReader, AzureWriter> =
  {
    resource: 'extension allow-list',

    desired(config: EnsureConfig | CheckConfig): readonly (readonly string[])[] {
      return config.extensions.length === 0 ? [] : [config.extensions];
    },

    nameOf: () => ALLOW_LIST_PARAMETER,

    async observe(reader): Promise<readonly Observed<string>[]> {
      return [await readAllowList(reader)];
    },

    diff(requiredExtensions, observed): readonly Diff[] {
      // A server without the parameter has no allow-list.
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
      allowExtensions(writer, requiredExtensions),
  };

/**
 * Adds extensions to the allow-list. Other jobs can add extensions at the same time, so the list is read before each
 * request, and again after it: a concurrent write can remove the entries of this run.
 * @returns `adopted` if the list has them already
 * @throws `extension-failed` before any request if Azure does not offer one of them
 */
export async function allowExtensions(
  writer: AzureWriter,
  extensions: readonly string[],
): Promise<ApplyResult> {
  const readCurrent = async (): Promise<string> => {
    const observed = await readAllowList(writer.reader);
    if (observed.status === 'unknown') throw observed.error;
    return observed.status === 'present' ? observed.value : '';
  };
  await rejectUnavailableExtensions(writer.reader, extensions);
  const isComplete = (list: string): boolean => missingFromAllowList(list, extensions).length === 0;
  let outcome: ApplyResult = 'adopted';
  for (let writes = 0; writes < MAX_WRITES && !isComplete(await readCurrent()); writes += 1) {
    await writer.putParameter(
      ALLOW_LIST_PARAMETER,
      async () => addExtensions(await readCurrent(), extensions),
      ({ value }) => isComplete(value ?? ''),
      `allowing the extensions ${extensions.join(', ')}`,
    );
    outcome = 'applied';
  }
  return outcome;
}

/** Azure refuses the whole list, without a name, if it does not offer one of the extensions. */
async function rejectUnavailableExtensions(
  reader: AzureReader,
  extensions: readonly string[],
): Promise<void> {
  const observed = await reader.getParameter(ALLOW_LIST_PARAMETER);
  if (observed.status !== 'present') return;
  const { value = '', allowedValues = '' } = observed.value;
  const offered = parseAllowList(allowedValues);
  if (offered.length === 0) return;
  // What is on the list already is not requested.
  const [extension] = missingFromAllowList([value, ...offered].join(','), extensions);
  if (extension === undefined) return;
  const similar = offered.filter((name) => isSimilarName(name, extension));
  throw actionError('extension-failed', {
    extension,
    reason: 'Azure does not offer it on this server.',
    hint: `Correct the input extensions${similar.length === 0 ? '.' : `: did you mean ${similar.join(' or ')}?`} Azure offers: ${offered.join(', ')}.`,
  });
}

/** Whether two names differ only in their separators, or in the prefix `pg`: pgvector is `vector`. */
export function isSimilarName(one: string, other: string): boolean {
  const [first, second] = [one, other].map((name) =>
    name.toLowerCase().replaceAll(/[-_]/g, '').replace(/^pg/, ''),
  );
  return first === second;
}

async function readAllowList(reader: AzureReader): Promise<Observed<string>> {
  const observed = await reader.getParameter(ALLOW_LIST_PARAMETER);
  return observed.status === 'present' ? present(observed.value.value ?? '') : observed;
}

/** The entries in their own spelling. */
export const parseAllowList = (list: string): readonly string[] =>
  list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** The extensions that are not on the list, which ignores case. */
export function missingFromAllowList(list: string, extensions: readonly string[]): readonly string[] {
  const allowed = new Set(parseAllowList(list).map((entry) => entry.toLowerCase()));
  return extensions.filter((name) => name !== BUILT_IN_EXTENSION && !allowed.has(name.toLowerCase()));
}

/** The list with the missing extensions appended. */
export const addExtensions = (list: string, extensions: readonly string[]): string =>
  [...parseAllowList(list), ...missingFromAllowList(list, extensions)].join(',');
