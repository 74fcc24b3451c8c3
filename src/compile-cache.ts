import { enableCompileCache as enable } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';

/** Name of the cache's folder, next to the bundle. */
const CACHE_FOLDER = '.compile-cache';

/**
 * Keeps the compiled code of the bundle for the post part and later steps of the job. The cache is next to the bundle, so
 * whoever can change the cache can change the bundle too. There is none in the workspace, as with `uses: ./`, where it would
 * appear as a new file of the repository.
 */
export function enableCompileCache(): void {
  const folder = dirname(process.argv[1] ?? '');
  const workspace = process.env['GITHUB_WORKSPACE'];
  const isInWorkspace = workspace && !relative(workspace, folder).startsWith(`..${sep}`);
  if (!isInWorkspace) enable(join(folder, CACHE_FOLDER));
}
