import type { ConfigFileSource } from '../inputs/types.ts';
import type { Finding, ReportedFinding, ResourceType } from '../reconcile/findings.ts';

/** The result of a drift check. */
export interface DriftCheckResult {
  readonly server: string;
  /** Azure's resource id; undefined if the server was not found. */
  readonly serverId: string | undefined;
  readonly database: string | undefined;
  /** The drift, and what could not be checked (`unknown`), in any order. */
  readonly findings: readonly ReportedFinding[];
  /** Names of the firewall rules that admit the whole internet, declared or not. */
  readonly wideOpenRules: readonly string[];
  readonly checkedAt: Date;
  /** `owner/name` */
  readonly repository: string;
  /** URL of the workflow run; undefined outside a workflow. */
  readonly runUrl: string | undefined;
  /** The `config-file`; its path is relative to the root of the repository. */
  readonly configSource: ConfigFileSource | undefined;
  /** Path of the workflow file in the repository, such as `.github/workflows/nightly.yml`. */
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

/** All resource types, parents first. */
export const resourceTypes = Object.keys(RESOURCE_ORDER) as readonly ResourceType[];

/** Sorts findings independently of the order of responses, so that two reports can be compared line by line. */
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

/** Same order on every runner, unlike `localeCompare`. */
export function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
