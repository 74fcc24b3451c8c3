import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getErrorMessage } from '../common/errors.ts';
import { rejectLinkOutOfWorkspace, replaceFile } from '../common/files.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import { isDrift } from '../reconcile/findings.ts';
import { compareCodeUnits, type DriftCheckResult, sortFindings } from './drift-check.ts';
import { renderSarifReport } from './sarif.ts';

/**
 * Writes the files of the input `drift-report`. Existing files are replaced and missing folders created; symbolic links
 * that lead out of the workspace are rejected.
 * @param paths relative to the workspace; those that end in `.sarif` in any case are SARIF, all others JSON
 * @throws an `Error` that names each path that could not be written, and why, after the others are written
 */
export async function writeDriftReports(paths: readonly string[], check: DriftCheckResult): Promise<void> {
  const failures: string[] = [];
  for (const path of paths) {
    const text = /\.sarif$/i.test(path) ? renderSarifReport(check) : renderJsonReport(check);
    try {
      const file = resolveInWorkspace(path);
      rejectLinkOutOfWorkspace(dirname(file));
      await mkdir(dirname(file), { recursive: true });
      replaceFile(file, text);
    } catch (error) {
      failures.push(`${path}: ${getErrorMessage(error)}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '));
}

/**
 * The JSON report of a check. `drift` has the form of the output `drift`, with a remedy for each finding; `drifted` does
 * not count unknown findings. Times are ISO 8601 in UTC, missing values are null. `version` changes with the meaning of a
 * field.
 */
export function renderJsonReport(check: DriftCheckResult): string {
  const {
    server,
    serverId,
    database,
    findings,
    wideOpenRules,
    checkedAt,
    repository,
    runUrl,
    configSource,
    workflowFile,
  } = check;
  const report = {
    version: 1,
    at: checkedAt.toISOString(),
    repository,
    run: runUrl ?? null,
    workflow: workflowFile ?? null,
    configFile: configSource?.path ?? null,
    server,
    serverId: serverId ?? null,
    database: database ?? null,
    drifted: findings.some(isDrift),
    // Fields are listed, so that others of a finding do not become part of the format.
    drift: sortFindings(findings).map(({ resource, name, property, expected, actual, kind, remedy }) => ({
      resource,
      name,
      property,
      expected,
      actual,
      kind,
      remedy,
    })),
    wideOpen: wideOpenRules.toSorted(compareCodeUnits),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
