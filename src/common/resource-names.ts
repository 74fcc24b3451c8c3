import { createHash } from 'node:crypto';
import type { AddressRange } from './addresses.ts';

/** The only maker of names. Rule names: `^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$` (facts.md §4). */

const TEMPORARY_RULE_PREFIX = 'gha-temporary-';
const PERSISTENT_RULE_PREFIX = 'gha-kept-';

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
  return `${TEMPORARY_RULE_PREFIX}${repositoryId}-${runId}-${runAttempt}-${random}`.slice(0, 80);
}

/** ARM's names know no case. */
export const isTemporaryRuleName = (name: string): boolean =>
  name.toLowerCase().startsWith(TEMPORARY_RULE_PREFIX);

/** Whether a rule bears the prefix and the ids of this run, the condition for deleting it. */
export function isTemporaryRuleOfRun(
  { repositoryId, runId, runAttempt }: RunIdentity,
  name: string,
): boolean {
  return name.startsWith(`${TEMPORARY_RULE_PREFIX}${repositoryId}-${runId}-${runAttempt}-`);
}

/** Whose run a temporary rule belongs to, by its name; undefined for every other name. */
export function parseTemporaryRuleName(name: string): RunIdentity | undefined {
  const ids = /^gha-temporary-(\d+)-(\d+)-(\d+)-[0-9a-z]+$/.exec(name);
  const [, repositoryId, runId, runAttempt] = ids ?? [];
  if (repositoryId === undefined || runId === undefined || runAttempt === undefined) return undefined;
  return { repositoryId, runId, runAttempt };
}

/** Name of a rule for a runner's address that stays (`keep-firewall-rule`); the same address gives the same name. */
export const persistentRuleName = (address: string): string =>
  `${PERSISTENT_RULE_PREFIX}${ipToName(address)}`;

export const isPersistentRuleName = (name: string): boolean =>
  name.toLowerCase().startsWith(PERSISTENT_RULE_PREFIX);

/** Name of a declared rule that was given none, derived from its range. */
export function declaredRuleName({ start, end }: AddressRange): string {
  return start === end ? `allow-${ipToName(start)}` : `allow-${ipToName(start)}-to-${ipToName(end)}`;
}

/** Name of the rule for any Azure service, the portal's words. */
export const AZURE_SERVICES_RULE_NAME = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

const ipToName = (address: string): string => address.replaceAll('.', '-');

/** PostgreSQL's limit on identifiers, in bytes of UTF-8; ARM's for databases is the same (facts.md §4). */
export const MAX_IDENTIFIER_BYTES = 63;

/**
 * Name of a pull request's database or role: `<base>_pr_<number>`, 63 bytes at most. A longer base is cut, and a hash of
 * the whole follows at the very end, where an uncut name has its number: so distinct inputs never share a name.
 */
export function pullRequestName(base: string, number: number): string {
  const name = `${base}_pr_${number}`;
  if (Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES) return name;
  const hash = createHash('sha256').update(base).digest('hex').slice(0, 12);
  const suffix = `_pr_${number}_${hash}`;
  return `${truncateBytes(base, MAX_IDENTIFIER_BYTES - suffix.length)}${suffix}`;
}

/** As many whole characters from the beginning as fit into so many bytes. */
function truncateBytes(text: string, maxBytes: number): string {
  let result = '';
  for (const character of text) {
    if (Buffer.byteLength(result + character) > maxBytes) break;
    result += character;
  }
  return result;
}

/**
 * The seal of a database that is being made: a connection limit that CREATE DATABASE itself sets, the only attribute that
 * can be chosen there and tells nobody anything else (it is beyond every server's real limit). With it a database that
 * was left half-made is known as ours without a mark, which can only be written afterwards (law 4); the last statement
 * of the making takes it away.
 * @param identity what the database is: its name and, of a pull request's, its mark
 * @returns 1,000,000,000 to 2,073,741,823
 */
export function creationSentinel(...identity: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update(JSON.stringify(['azure-postgresql-action: being made', ...identity]))
    .digest();
  return 1_000_000_000 + (digest.readUInt32BE(0) & 0x3fffffff);
}
