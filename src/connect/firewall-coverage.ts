import { type AddressRange, AZURE_SERVICES_RANGE, isSameRange, rangeContains } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import { isTemporaryRuleName } from '../common/resource-names.ts';
import type { LoginAttempt, LoginTarget } from '../postgres/login.ts';
import type { LoginFailure } from '../postgres/login-errors.ts';

/** A stored firewall rule, as reaching needs it. */
export interface StoredFirewallRule extends AddressRange {
  readonly name: string;
}

/** What reaching needs from outside: looks at the firewall and the address, and one way to open. */
export interface ConnectionDeps {
  /** One login attempt; `timeoutMs` in milliseconds. */
  login(timeout: number): LoginAttempt;
  /** The rules as ARM stores them. */
  listRules(): Promise<readonly StoredFirewallRule[]>;
  /** The input runner-ip, if it was given. */
  readonly configuredAddress: string | undefined;
  detectEgressAddress(): Promise<string>;
  /** Whether a temporary rule was made in this very job, whose post outlives our use of it. */
  isRuleOfThisJob(rule: string): boolean;
  /** Makes this run's rule for the address and returns what `needed` brings. */
  openFirewall<T>(address: string, poll: (hasOperationEnded: boolean) => Promise<T | undefined>): Promise<T>;
  /** False on a server inside a network, whose firewall rules nobody can write. */
  readonly hasPublicAccess: boolean;
  /** Whether the server can be entered by a private endpoint too, past the firewall. */
  readonly hasPrivateEndpoint: boolean;
}

export interface FirewallProbe {
  readonly rules: Promise<readonly StoredFirewallRule[]>;
  readonly address: Promise<string>;
  readonly settled: Promise<
    [PromiseSettledResult<readonly StoredFirewallRule[]>, PromiseSettledResult<string>]
  >;
}

/** Milliseconds: how long the first login may take before it counts as blocked. */
export const FIRST_LOGIN_TIMEOUT_MS = 8000;

/**
 * What the stored rules mean for an address. A rule of another run does not last: its post removes it.
 * `azure`: no rule covers it, but any Azure service may enter, and this runner may be in Azure.
 */
export function ruleCoverage(
  deps: ConnectionDeps,
  rules: readonly StoredFirewallRule[],
  address: string,
): 'lasting' | 'foreign' | 'azure' | 'none' {
  const covering = rules.filter((rule) => rangeContains(rule, address));
  if (covering.some(({ name }) => !isTemporaryRuleName(name) || deps.isRuleOfThisJob(name))) return 'lasting';
  if (covering.length > 0) return 'foreign';
  return rules.some((rule) => isSameRange(rule, AZURE_SERVICES_RANGE)) ? 'azure' : 'none';
}

/** The error for a login that the server or TLS refused. */
export function loginError(
  { user, host, database, password }: LoginTarget,
  { reason, hint }: LoginFailure,
): Error {
  // The most frequent cause is a secret that was pasted with a line break.
  const whitespaceHint =
    password === password.trim() ? '' : ' The given password begins or ends with white space.';
  return actionError('login-failed', { user, host, database, reason, hint: hint + whitespaceHint });
}
