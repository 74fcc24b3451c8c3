import type { AddressRange } from './addresses.ts';

/** The only maker of names. Rule names: `^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$` (facts.md §4). */

const temporaryPrefix = 'gha-temporary-';
const keptPrefix = 'gha-kept-';

/** Which run of which repository; GitHub's numeric ids. */
export interface RunIdentity {
  readonly repositoryId: string;
  readonly runId: string;
  readonly runAttempt: string;
}

/**
 * Name of this run's temporary firewall rule: prefix, repository id, run, attempt, random part; 80 characters at most.
 * @param random at least 8 characters of `[0-9a-z]`
 */
export function temporaryRuleName({ repositoryId, runId, runAttempt }: RunIdentity, random: string): string {
  return `${temporaryPrefix}${repositoryId}-${runId}-${runAttempt}-${random}`.slice(0, 80);
}

/** ARM's names know no case. */
export const isTemporaryRuleName = (name: string): boolean => name.toLowerCase().startsWith(temporaryPrefix);

/** Whether a rule bears the prefix and the ids of this run, the condition for deleting it. */
export function isTemporaryRuleOf({ repositoryId, runId, runAttempt }: RunIdentity, name: string): boolean {
  return name.startsWith(`${temporaryPrefix}${repositoryId}-${runId}-${runAttempt}-`);
}

/** Name of a rule for a runner's address that stays (`keep-firewall-rule`); the same address gives the same name. */
export const keptRuleName = (address: string): string => `${keptPrefix}${dashed(address)}`;

/** Name of a declared rule that was given none, derived from its range. */
export function declaredRuleName({ start, end }: AddressRange): string {
  return start === end ? `allow-${dashed(start)}` : `allow-${dashed(start)}-to-${dashed(end)}`;
}

/** Name of the rule for any Azure service, the portal's words. */
export const azureServicesRuleName = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

const dashed = (address: string): string => address.replaceAll('.', '-');
