import type { JsonObject } from '../../core/json.ts';
import { stableId } from './accounts.ts';
import type { RepositoryReference } from './repository.ts';

/** GitHub's `label`, as one is that came to be by being put on an issue: grey, and without a description. */
export function labelBody(name: string, { fullName }: RepositoryReference, origin: string): JsonObject {
  const path = `/repos/${fullName}/labels/${encodeURIComponent(name)}`;
  const id = stableId(path);
  return {
    id,
    node_id: `LA_${id}`,
    url: `${origin}${path}`,
    name,
    color: 'ededed',
    default: false,
    description: null,
  };
}

/** Names of labels without those that are there already: GitHub tells labels apart without regard to case. */
export function uniqueLabels(names: readonly string[]): string[] {
  const byKey = new Map<string, string>();
  for (const name of names) {
    const key = name.toLowerCase();
    if (!byKey.has(key)) byKey.set(key, name);
  }
  return [...byKey.values()];
}
