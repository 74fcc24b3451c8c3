import { type AddressRange, isIPv4 } from './addresses.ts';
import { nodeCrypto } from './node-crypto.ts';

/**
 * The names of firewall rules and of pull requests' databases and roles. Azure accepts
 * `^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$` for rules (docs/azure-behavior.md#names-and-limits).
 */

const TEMPORARY_RULE_PREFIX = 'gha-temporary-';
const PERSISTENT_RULE_PREFIX = 'gha-kept-';

/** A workflow run of a repository, by GitHub's numeric ids. */
export interface RunIdentity {
  readonly repositoryId: string;
  readonly runId: string;
  readonly runAttempt: string;
}

/**
 * The name of a temporary firewall rule of this run, of at most 80 characters.
 * @param random at least 8 characters of `[0-9a-z]`
 */
export function temporaryRuleName({ repositoryId, runId, runAttempt }: RunIdentity, random: string): string {
  return `${TEMPORARY_RULE_PREFIX}${repositoryId}-${runId}-${runAttempt}-${random}`.slice(0, 80);
}

/** ARM ignores the case of names. */
export const isTemporaryRuleName = (name: string): boolean =>
  name.toLowerCase().startsWith(TEMPORARY_RULE_PREFIX);

/** Whether the name has the prefix and the ids of this run. A run deletes only such rules. */
export function isTemporaryRuleOfRun(
  { repositoryId, runId, runAttempt }: RunIdentity,
  name: string,
): boolean {
  return name.startsWith(`${TEMPORARY_RULE_PREFIX}${repositoryId}-${runId}-${runAttempt}-`);
}

/** The run that a temporary rule belongs to, from its name; undefined for every other name. */
export function parseTemporaryRuleName(name: string): RunIdentity | undefined {
  const ids = /^gha-temporary-(\d+)-(\d+)-(\d+)-[0-9a-z]+$/.exec(name);
  const [, repositoryId, runId, runAttempt] = ids ?? [];
  if (repositoryId === undefined || runId === undefined || runAttempt === undefined) return undefined;
  return { repositoryId, runId, runAttempt };
}

/** A persistent rule for a runner's address (`keep-firewall-rule`), as its name describes it. */
export interface PersistentRule {
  /** The repository whose run created the rule, by GitHub's numeric id. */
  readonly repositoryId: string;
  /** The day of the creation in UTC, such as `2026-11-26`: Azure does not show when a rule was created. */
  readonly createdOn: string;
  readonly address: string;
}

/** The name of a persistent rule, such as `gha-kept-4711-20261126-203-0-113-9`, of at most 55 characters. */
export const persistentRuleName = ({ repositoryId, createdOn, address }: PersistentRule): string =>
  `${PERSISTENT_RULE_PREFIX}${repositoryId}-${createdOn.replaceAll('-', '')}-${ipToName(address)}`;

/** What the name of a persistent rule says; undefined for every other name, and for one of an earlier version. */
export function parsePersistentRuleName(name: string): PersistentRule | undefined {
  const parts = /^gha-kept-(\d{1,20})-(\d{4})(\d{2})(\d{2})-(\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3})$/i.exec(name);
  const [, repositoryId = '', year, month, day, addressPart = ''] = parts ?? [];
  const createdOn = `${year}-${month}-${day}`;
  const address = addressPart.replaceAll('-', '.');
  // `Date` accepts the 31st of every month.
  const isDay = new Date(createdOn).toJSON()?.startsWith(createdOn) ?? false;
  return isDay && isIPv4(address) ? { repositoryId, createdOn, address } : undefined;
}

export const isPersistentRuleName = (name: string): boolean =>
  name.toLowerCase().startsWith(PERSISTENT_RULE_PREFIX);

/** The name of a declared rule that the inputs do not name. */
export function declaredRuleName({ start, end }: AddressRange): string {
  return start === end ? `allow-${ipToName(start)}` : `allow-${ipToName(start)}-to-${ipToName(end)}`;
}

/** The name that the Azure portal gives to the rule for all Azure services. */
export const AZURE_SERVICES_RULE_NAME = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

const ipToName = (address: string): string => address.replaceAll('.', '-');

/**
 * PostgreSQL's limit for identifiers, in bytes of UTF-8. ARM's limit for databases is the same
 * (docs/azure-behavior.md#names-and-limits).
 */
export const MAX_IDENTIFIER_BYTES = 63;

/**
 * The name of a pull request's database or role: `<base>_pr_<number>`, at most 63 bytes. If that is too long, the base is
 * cut, and a hash of the whole base follows at the end, where other names have their number. So different inputs never
 * give the same name.
 */
export function pullRequestName(base: string, number: number): string {
  const name = `${base}_pr_${number}`;
  if (Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES) return name;
  const hash = nodeCrypto().createHash('sha256').update(base).digest('hex').slice(0, 12);
  const suffix = `_pr_${number}_${hash}`;
  return `${truncateBytes(base, MAX_IDENTIFIER_BYTES - suffix.length)}${suffix}`;
}

/** The longest prefix of whole characters that fits into `maxBytes`. */
function truncateBytes(text: string, maxBytes: number): string {
  let result = '';
  for (const character of text) {
    if (Buffer.byteLength(result + character) > maxBytes) break;
    result += character;
  }
  return result;
}

/**
 * The connection limit of a database that is not fully created. CREATE DATABASE sets it, and the last statement of the
 * creation removes it. It identifies a database that an interrupted run has created before it could write the marker.
 * It does not limit anything, because it is larger than the limit of any server.
 * @param identity the name of the database and, for a pull request's database, the fields of its marker
 * @returns 1,000,000,000 to 2,073,741,823
 */
export function creationSentinel(...identity: readonly (string | number)[]): number {
  const digest = nodeCrypto()
    .createHash('sha256')
    .update(JSON.stringify(['azure-postgresql-action: being made', ...identity]))
    .digest();
  return 1_000_000_000 + (digest.readUInt32BE(0) & 0x3fffffff);
}
