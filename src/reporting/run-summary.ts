import type { ErrorCode } from '../common/errors.ts';
import type { Config } from '../inputs/types.ts';
import { type Change, isDrift, type ReportedFinding, type Skipped } from '../reconcile/findings.ts';
import type { Phase } from './timeline.ts';

/** What a run has found and done, for the summary and the last line of the log. */
export interface RunSummary {
  readonly mode: Config['mode'];
  readonly server: string;
  /** What Azure reports about the server, a phrase each; undefined if the run has not found a running server. */
  readonly serverProperties: readonly string[] | undefined;
  readonly database: string | undefined;
  /** The path of the config-file. */
  readonly configFile: string | undefined;
  readonly isDryRun: boolean;
  /** The connection of later steps; undefined if the run has published none. */
  readonly login: PublishedLogin | undefined;
  readonly hasMigrationCommand: boolean;
  /** The runner's address that this run requested a firewall rule for; undefined if none was needed. */
  readonly temporaryRuleAddress: string | undefined;
  /** Whether that rule remains after the job. */
  readonly keepRule: boolean;
  readonly changes: readonly Change[];
  /** What would be dropped without `dry-run`. */
  readonly dryRunDrops: readonly Omit<Change, 'action'>[];
  /** What a sweep skipped, and why. */
  readonly skipped: readonly Skipped[];
  /** Names of the firewall rules that admit the whole internet. */
  readonly wideOpenRules: readonly string[];
  /** Findings that the run did not change. */
  readonly remainingFindings: readonly ReportedFinding[];
  readonly phases: readonly Phase[];
  /** Milliseconds of the whole run. */
  readonly durationMs: number;
  /** Message of the error if the run failed. */
  readonly error: string | undefined;
  /** Its code; undefined also for an error outside the catalog. */
  readonly errorCode: ErrorCode | undefined;
  /** The URL of the action's documentation about an error code; undefined if it is not known. */
  readonly errorUrl: string | undefined;
}

/** The login that later steps get. */
export interface PublishedLogin {
  readonly user: string;
  readonly isAdministrator: boolean;
  /** Names of the environment variables of later steps; empty with `export-env: false`. */
  readonly variables: readonly string[];
}

export const driftOf = ({ remainingFindings }: RunSummary): readonly ReportedFinding[] =>
  remainingFindings.filter(isDrift);

export const unknownOf = ({ remainingFindings }: RunSummary): readonly ReportedFinding[] =>
  remainingFindings.filter((finding) => !isDrift(finding));

/** Deleted by a mode that drops; with `dry-run` what would be. A database that `reset` deletes is only a change. */
export function dropsOf(summary: RunSummary): readonly Omit<Change, 'action'>[] {
  const { mode, changes, dryRunDrops, isDryRun } = summary;
  if (mode !== 'drop' && mode !== 'sweep') return [];
  return isDryRun ? dryRunDrops : changes.filter(({ action }) => action === 'delete');
}

/** Whether a drop or a sweep ended before it found a running server. */
export const endedWithoutServer = ({ mode, serverProperties, error }: RunSummary): boolean =>
  (mode === 'drop' || mode === 'sweep') && serverProperties === undefined && error === undefined;

/** Whether a check has compared everything that it could read. */
export const isCheckComplete = ({ error, errorCode = 'unexpected' }: RunSummary): boolean =>
  error === undefined || ['drifted', 'check-incomplete', 'report-not-written'].includes(errorCode);
