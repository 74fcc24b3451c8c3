import type { ConfigFileSource } from '../inputs/types.ts';
import { type Finding, isDrift, type ReportedFinding, type ResourceType } from '../reconcile/findings.ts';

/** What a check (`mode: check`) looked at, and what it found. */
export interface DriftCheckResult {
  readonly server: string;
  /** Azure's resource id; undefined where the server was not seen. */
  readonly serverId: string | undefined;
  readonly database: string | undefined;
  /** What differs, and what could not be looked at (`unknown`), in any order. */
  readonly findings: readonly ReportedFinding[];
  /** Names of the firewall rules that let the whole internet in, whether they are declared or not. */
  readonly wideOpenRules: readonly string[];
  readonly checkedAt: Date;
  /** `owner/name` */
  readonly repository: string;
  /** URL of the workflow run; undefined outside of one. */
  readonly runUrl: string | undefined;
  /** Where a `config-file` declares what; its path is taken from the root of the repository. */
  readonly configSource: ConfigFileSource | undefined;
  /** The workflow's file from the root of the repository, such as `.github/workflows/nightly.yml`. */
  readonly workflowFile: string | undefined;
}

const RESOURCE_ORDER: Readonly<Record<ResourceType, number>> = {
  'resource group': 0,
  server: 1,
  'server parameter': 2,
  'extension allow-list': 3,
  'firewall rule': 4,
  role: 5,
  database: 6,
  extension: 7,
};

/** Every kind of thing, parents first. */
export const resourceTypes = Object.keys(RESOURCE_ORDER) as readonly ResourceType[];

/** Findings in an order that does not depend on when an answer came, so that two reports can be compared line by line. */
export function sortFindings<T extends Finding>(findings: readonly T[]): readonly T[] {
  return findings.toSorted(
    (a, b) =>
      RESOURCE_ORDER[a.resource] - RESOURCE_ORDER[b.resource] ||
      compareCodeUnits(a.name, b.name) ||
      compareCodeUnits(a.property, b.property) ||
      compareCodeUnits(a.kind, b.kind) ||
      compareCodeUnits(a.actual, b.actual),
  );
}

/** Other than `localeCompare`, the same on every runner. */
function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The JSON form of a check: `drift` as the output of that name (contract.md) with a remedy for each, `drifted` without
 * what is unknown. Times are ISO 8601 in UTC; what is not known is null. `version` changes with the meaning of a field.
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
    // Named one by one: what a finding bears besides is no part of the form.
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
