import { type AddressRange, azureServices, covers, sameRange } from '../config/addresses.ts';
import { isTemporaryRuleName } from '../config/names.ts';
import { fail } from '../errors.ts';
import type { LoginAttempt, LoginTarget } from './login.ts';
import type { LoginFailure } from './login-failures.ts';

/** A stored firewall rule, as reaching needs it. */
export interface StoredRule extends AddressRange {
  readonly name: string;
}

/** What reaching needs from outside: looks at the firewall and the address, and one way to open. */
export interface Ways {
  /** One login attempt; `timeout` in milliseconds. */
  login(timeout: number): LoginAttempt;
  /** The rules as ARM stores them. */
  rules(): Promise<readonly StoredRule[]>;
  /** The input runner-ip, if it was given. */
  readonly givenAddress: string | undefined;
  egressAddress(): Promise<string>;
  /** Whether a temporary rule was made in this very job, whose post outlives our use of it. */
  isOfThisJob(rule: string): boolean;
  /** Makes this run's rule for the address and returns what `needed` brings. */
  open<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T>;
  /** False on a server inside a network, whose firewall rules nobody can write. */
  readonly publicAccess: boolean;
  /** Whether the server can be entered by a private endpoint too, past the firewall. */
  readonly privateEndpoint: boolean;
}

export interface Looks {
  readonly rules: Promise<readonly StoredRule[]>;
  readonly address: Promise<string>;
  readonly all: Promise<[PromiseSettledResult<readonly StoredRule[]>, PromiseSettledResult<string>]>;
}

/** Milliseconds: how long the first login may take before it counts as blocked. */
export const firstLogin = 8000;

/**
 * What the stored rules mean for an address. A rule of another run does not last: its post removes it.
 * `azure`: no rule covers it, but any Azure service may enter, and this runner may be in Azure.
 */
export function coverOf(
  ways: Ways,
  rules: readonly StoredRule[],
  address: string,
): 'lasting' | 'foreign' | 'azure' | 'none' {
  const covering = rules.filter((rule) => covers(rule, address));
  if (covering.some(({ name }) => !isTemporaryRuleName(name) || ways.isOfThisJob(name))) return 'lasting';
  if (covering.length > 0) return 'foreign';
  return rules.some((rule) => sameRange(rule, azureServices)) ? 'azure' : 'none';
}

/** The error for a login that the server or TLS refused. */
export function refusal(
  { user, host, database, password }: LoginTarget,
  { reason, advice }: LoginFailure,
): Error {
  // The most frequent cause is a secret that was pasted with a line break.
  const blank = password === password.trim() ? '' : ' The given password begins or ends with white space.';
  return fail('login-failed', { user, host, database, reason, advice: advice + blank });
}
