import type { ConfigFilePlaces } from '../config/config.ts';
import { type Finding, isDrift, type ResourceType, type Standing } from './types.ts';

/** What a check (`mode: check`) looked at, and what it found. */
export interface DriftCheck {
  readonly server: string;
  /** Azure's resource id; undefined where the server was not seen. */
  readonly serverId: string | undefined;
  readonly database: string | undefined;
  /** What differs, and what could not be looked at (`unknown`), in any order. */
  readonly findings: readonly Standing[];
  /** Names of the firewall rules that let the whole internet in, whether they are declared or not. */
  readonly wideOpen: readonly string[];
  readonly at: Date;
  /** `owner/name` */
  readonly repository: string;
  /** URL of the workflow run; undefined outside of one. */
  readonly run: string | undefined;
  /** Where a `config-file` declares what; its path is taken from the root of the repository. */
  readonly declaredIn: ConfigFilePlaces | undefined;
  /** The workflow's file from the root of the repository, such as `.github/workflows/nightly.yml`. */
  readonly workflow: string | undefined;
}

const ranks: Readonly<Record<ResourceType, number>> = {
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
export const resourceTypes = Object.keys(ranks) as readonly ResourceType[];

/** Findings in an order that does not depend on when an answer came, so that two reports can be compared line by line. */
export function inOrder<T extends Finding>(findings: readonly T[]): readonly T[] {
  return findings.toSorted(
    (one, other) =>
      ranks[one.resource] - ranks[other.resource] ||
      byCodeUnits(one.name, other.name) ||
      byCodeUnits(one.property, other.property) ||
      byCodeUnits(one.kind, other.kind) ||
      byCodeUnits(one.actual, other.actual),
  );
}

/** Other than `localeCompare`, the same on every runner. */
function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * The JSON form of a check: `drift` as the output of that name (contract.md) with a remedy for each, `drifted` without
 * what is unknown. Times are ISO 8601 in UTC; what is not known is null. `version` changes with the meaning of a field.
 */
export function driftReport(check: DriftCheck): string {
  const { server, serverId, database, findings, wideOpen, at, repository, run, declaredIn, workflow } = check;
  const report = {
    version: 1,
    at: at.toISOString(),
    repository,
    run: run ?? null,
    workflow: workflow ?? null,
    configFile: declaredIn?.path ?? null,
    server,
    serverId: serverId ?? null,
    database: database ?? null,
    drifted: findings.some(isDrift),
    // Named one by one: what a finding bears besides is no part of the form.
    drift: inOrder(findings).map(({ resource, name, property, expected, actual, kind, remedy }) => ({
      resource,
      name,
      property,
      expected,
      actual,
      kind,
      remedy,
    })),
    wideOpen: wideOpen.toSorted(byCodeUnits),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
