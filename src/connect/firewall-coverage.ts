import { type AddressRange, AZURE_SERVICES_RANGE, isSameRange, rangeContains } from '../common/addresses.ts';

/** A firewall rule that ARM shows. */
export interface CoveringRule extends AddressRange {
  /** False for another run's temporary rule, which that run's post deletes. */
  readonly outlastsJob: boolean;
}

/**
 * How the stored rules cover an address. `other-run`: only by another run's temporary rule. `azure-services`: by no rule,
 * but any Azure service is admitted, and this runner may be in Azure.
 */
export function ruleCoverage(
  rules: readonly CoveringRule[],
  address: string,
): 'persistent' | 'other-run' | 'azure-services' | 'none' {
  const covering = rules.filter((rule) => rangeContains(rule, address));
  if (covering.some(({ outlastsJob }) => outlastsJob)) return 'persistent';
  if (covering.length > 0) return 'other-run';
  return rules.some((rule) => isSameRange(rule, AZURE_SERVICES_RANGE)) ? 'azure-services' : 'none';
}
