import { validatePublicAddress } from '../common/addresses.ts';
import { ActionError, actionError, errorCatalog, getErrorMessage } from '../common/errors.ts';
import { type RunContext, waitFor } from '../common/polling.ts';
import type { LoginTarget } from '../postgres/login.ts';
import type { LoginFailure } from '../postgres/login-errors.ts';
import type { Session } from '../postgres/session.ts';
import { ConflictingAddressesError } from './egress-address.ts';
import {
  type ConnectionDeps,
  FIRST_LOGIN_TIMEOUT_MS,
  type FirewallProbe,
  loginError,
  ruleCoverage,
  type StoredFirewallRule,
} from './firewall-coverage.ts';

/** Milliseconds for a rule to work: Azure's documentation says up to five minutes. */
const RULE_PROPAGATION_TIMEOUT_MS = 330_000;
/** Milliseconds between two questions for this runner's address, while a rule for it does not work. */
const ADDRESS_RECHECK_INTERVAL_MS = 20_000;
/** Milliseconds after which a rule that does not work is worth a warning, and echo services that differ an error. */
const SLOW_RULE_WARNING_MS = 60_000;
/** Addresses of this runner for which a rule is tried, one after another. */
const MAX_ADDRESSES = 5;

/**
 * Blocked by the firewall: waits for a persistent rule to work, or creates a temporary one. Where this runner turns out to
 * have another address, the rule is changed to that one.
 */
export async function openFirewallAndConnect(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  probe: FirewallProbe,
  blocked: LoginFailure,
): Promise<Session> {
  const rules = await probe.rules;
  let address =
    deps.configuredAddress ?? requirePublicAddress(target, blocked.address) ?? (await probe.address);
  let { reason } = blocked;
  for (const triedAddresses = [address]; ; triedAddresses.push(address)) {
    try {
      return await connectFromAddress(run, target, deps, {
        address,
        rules,
        reason,
        isFirst: triedAddresses.length === 1,
      });
    } catch (error) {
      if (!(error instanceof AddressMismatchError) || deps.configuredAddress !== undefined) throw error;
      if (triedAddresses.includes(error.address) || triedAddresses.length >= MAX_ADDRESSES)
        throw multipleAddressesError(target, [...triedAddresses, error.address]);
      ({ address, shortReason: reason } = error);
    }
  }
}

/** One address. @throws {@link AddressMismatchError} where this runner has another */
function connectFromAddress(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  {
    address,
    rules,
    reason,
    isFirst,
  }: {
    readonly address: string;
    readonly rules: readonly StoredFirewallRule[];
    readonly reason: string;
    readonly isFirst: boolean;
  },
): Promise<Session> {
  const hasPersistentRule = ruleCoverage(deps, rules, address) === 'lasting';
  run.info(
    hasPersistentRule
      ? `A firewall rule covers ${address}, but does not let it in yet (${reason}); waiting for it to work.`
      : `This runner (${address}) is blocked by the firewall of ${target.host}: ${reason}. ${isFirst ? 'Creating a temporary rule' : 'Changing the temporary rule to this address'}.`,
  );
  const attempt = retryLogin(run, target, deps, address);
  return hasPersistentRule
    ? waitFor(run, `the firewall rule for ${address} to work`, attempt)
    : deps.openFirewall(address, attempt);
}

function multipleAddressesError({ host }: LoginTarget, addresses: readonly string[]): Error {
  return actionError('not-reachable', {
    host,
    reason: `this runner has several public addresses (${[...new Set(addresses)].join(', ')}), and its firewall rule can hold one.`,
    hint: 'Give all addresses of its network with allowed-ip-ranges, or give runner-ip where connections to PostgreSQL always leave by the same one.',
  });
}

/** The address that a refusal names, which must be one that a rule can be made for. */
function requirePublicAddress({ host }: LoginTarget, address: string | undefined): string | undefined {
  const problem = address === undefined ? undefined : validatePublicAddress(address);
  if (problem === undefined) return address;
  const hint =
    'Run this job where it reaches the server from a public address, or give its ranges with allowed-ip-ranges.';
  throw actionError('not-reachable', {
    host,
    reason: `PostgreSQL sees this runner as an address for which no rule can be made: ${problem}.`,
    hint,
  });
}

/** This runner has another address than the one that was let in. Of the catalogue, so nothing wraps it. */
class AddressMismatchError extends ActionError {
  readonly address: string;
  /** Without the host and a full stop, for a sentence within another. */
  readonly shortReason: string;
  /** @param observer who sees it, to begin a sentence with */
  constructor(observer: string, host: string, address: string, admittedAddress: string) {
    const shortReason = `${observer} this runner as ${address}, but the rule admits ${admittedAddress}`;
    super(
      'not-reachable',
      errorCatalog['not-reachable']({ host, reason: `${shortReason}.`, hint: `Give runner-ip: ${address}` }),
      {},
    );
    this.address = address;
    this.shortReason = shortReason;
  }
}

/**
 * A look for `waitFor` that logs in again and again, each attempt a little more patient; while the firewall swallows the
 * connections, the echo services are asked from time to time whether the address is still the same.
 */
function retryLogin(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  address: string,
): () => Promise<Session | undefined> {
  const start = performance.now();
  const isRecheckDue = createDueCheck(ADDRESS_RECHECK_INTERVAL_MS, ADDRESS_RECHECK_INTERVAL_MS);
  const isWarningDue = createDueCheck(SLOW_RULE_WARNING_MS, Number.POSITIVE_INFINITY);
  let loginTimeoutMs = 1000;
  return async () => {
    const result = await deps.login(loginTimeoutMs).result;
    if ('session' in result) return result.session;
    const { failure } = result;
    checkLoginFailure(target, failure, address);
    if (isWarningDue())
      run.warning(
        `The firewall rule for ${address} does not work after a minute. Azure may need up to five; but if this runner reaches PostgreSQL from another address, give that with runner-ip, or all addresses of its network with allowed-ip-ranges.`,
      );
    const canAskEchoServices = failure.address === undefined && deps.configuredAddress === undefined;
    if (canAskEchoServices && isRecheckDue()) await recheckAddress(run, target, deps, { address, start });
    if (performance.now() - start > RULE_PROPAGATION_TIMEOUT_MS) {
      const reason = `the firewall has a rule for ${address}, but ${failure.reason}.`;
      const hint =
        'Perhaps this runner reaches PostgreSQL from another address: give that with runner-ip, or all addresses of its network with allowed-ip-ranges. Or its network lets nothing out to port 5432.';
      throw actionError('not-reachable', { host: target.host, reason, hint });
    }
    loginTimeoutMs = Math.min(loginTimeoutMs * 1.5, FIRST_LOGIN_TIMEOUT_MS);
    return undefined;
  };
}

/** @throws `login-failed` for a refusal; {@link AddressMismatchError} where it names another address than the one that was let in */
function checkLoginFailure(target: LoginTarget, failure: LoginFailure, admittedAddress: string): void {
  if (failure.kind === 'refused') throw loginError(target, failure);
  const address = requirePublicAddress(target, failure.address);
  if (address !== undefined && address !== admittedAddress)
    throw new AddressMismatchError('PostgreSQL sees', target.host, address, admittedAddress);
}

/**
 * Asks the echo services again. That they do not answer says nothing.
 * @throws {@link AddressMismatchError} where they name another address; `not-reachable` where they still differ after a while
 */
async function recheckAddress(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  { address, start }: { readonly address: string; readonly start: number },
): Promise<void> {
  const observedAddress = await deps.detectEgressAddress().catch((error: unknown) => {
    run.signal.throwIfAborted();
    if (error instanceof ConflictingAddressesError && performance.now() - start >= SLOW_RULE_WARNING_MS)
      throw multipleAddressesError(target, [address, ...error.addresses]);
    run.debug(`The address could not be determined again: ${getErrorMessage(error)}`);
    return address;
  });
  if (observedAddress !== address)
    throw new AddressMismatchError('The echo services see', target.host, observedAddress, address);
}

/** True once so many milliseconds have passed, and then again after each `interval`. */
function createDueCheck(firstDelayMs: number, intervalMs: number): () => boolean {
  let dueAt = performance.now() + firstDelayMs;
  return () => {
    const isDue = performance.now() >= dueAt;
    if (isDue) dueAt = performance.now() + intervalMs;
    return isDue;
  };
}
