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

/**
 * Whether access outlasts the job for every address: a rule admits all of them, or each rule outlasts the job and Azure
 * services are admitted, of which this runner may be one.
 */
export const coversAnyAddress = (rules: readonly CoveringRule[]): boolean =>
  rules.some((rule) => rule.outlastsJob && isSameRange(rule, ALL_ADDRESSES)) ||
  (rules.every(({ outlastsJob }) => outlastsJob) &&
    rules.some((rule) => isSameRange(rule, AZURE_SERVICES_RANGE)));

const ALL_ADDRESSES: AddressRange = { start: '0.0.0.0', end: '255.255.255.255' };
