import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getErrorMessage } from '../common/errors.ts';
import { rejectLinkOutOfWorkspace, replaceFile } from '../common/files.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import { type DriftCheckResult, renderJsonReport } from './drift-report.ts';
import { renderSarifReport } from './sarif.ts';

/**
 * Writes the files of the input `drift-report` over what has their names; folders that are missing are made, and no
 * symbolic link is followed out of the workspace.
 * @param paths as a step means them; those that end in `.sarif` in any case are SARIF, all others JSON
 * @throws an `Error` that names each path that could not be written, and why, once the others are written
 */
export async function writeDriftReports(paths: readonly string[], check: DriftCheckResult): Promise<void> {
  const failures: string[] = [];
  for (const path of paths) {
    const text = /\.sarif$/i.test(path) ? renderSarifReport(check) : renderJsonReport(check);
    try {
      const file = resolveInWorkspace(path);
      rejectLinkOutOfWorkspace(dirname(file));
      await mkdir(dirname(file), { recursive: true });
      await replaceFile(file, text);
    } catch (error) {
      failures.push(`${path}: ${getErrorMessage(error)}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '));
}
