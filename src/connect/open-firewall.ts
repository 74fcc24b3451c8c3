import { validatePublicAddress } from '../common/addresses.ts';
import { ActionError, actionError, errorCatalog, getErrorMessage } from '../common/errors.ts';
import { type RunContext, type SetReason, waitFor } from '../common/polling.ts';
import type { LoginAttempt, LoginTarget } from '../postgres/login.ts';
import type { LoginFailure } from '../postgres/login-errors.ts';
import type { Session } from '../postgres/session.ts';
import { addressPoolHint, ConflictingAddressesError, type EgressDetection } from './egress-address.ts';
import { type CoveringRule, ruleCoverage } from './firewall-coverage.ts';
import { HedgedLogin } from './hedged-login.ts';
import type { RuleCreation } from './runner-firewall-rule.ts';
import {
  type ConnectionLimitReader,
  throwIfConnectionsDisabled,
  unavailableError,
} from './unavailable-server.ts';

/** What connecting to one server needs. */
export interface ConnectionDeps extends ConnectionLimitReader {
  readonly run: RunContext;
  /** False for a server with private access, which has no firewall rules. */
  readonly hasPublicAccess: boolean;
  /** Whether the server was created inside a virtual network, so that its public access cannot be enabled. */
  readonly isInVirtualNetwork: boolean;
  /** Whether the server can also be reached through a private endpoint, which bypasses the firewall. */
  readonly hasPrivateEndpoint: boolean;
  /** The input runner-ip. */
  readonly runnerIp: string | undefined;
  /** Starts one login attempt; it counts as blocked after `timeoutMs` milliseconds. */
  login(target: LoginTarget, timeoutMs: number): LoginAttempt;
  /** The proxy through which the echo services are asked; undefined for none. Connections to PostgreSQL use no proxy. */
  readonly echoProxy: string | undefined;
  /** This runner's public IPv4 address as PostgreSQL sees it in a session; undefined if it names none. */
  clientAddress(session: Session): Promise<string | undefined>;
  /**
   * @param signal ends the requests
   * @param onAnswer called with the address of each answer, before it is known whether two agree
   */
  detectEgressAddress(signal?: AbortSignal, onAnswer?: (address: string) => void): Promise<string>;
  listRules(): Promise<readonly CoveringRule[]>;
  /** Starts the creation of this run's rule for the address, or changes the rule to it. */
  startRule(address: string): Promise<RuleCreation>;
}

/** The rules and this runner's address, which are requested at the same time as the first login. */
export interface FirewallProbe extends EgressDetection {
  readonly rules: Promise<readonly CoveringRule[]>;
  readonly settled: Promise<[PromiseSettledResult<readonly CoveringRule[]>, PromiseSettledResult<string>]>;
}

/** Milliseconds for a login before it counts as blocked. */
export const FIRST_LOGIN_TIMEOUT_MS = 8000;

/** Milliseconds for a rule to work: up to five minutes, according to Azure's documentation. */
const RULE_PROPAGATION_TIMEOUT_MS = 330_000;
/** How long a rule takes to work, for log lines (docs/azure-behavior.md#operation-timings). */
const RULE_PROPAGATION_TIME = 'seconds, at most 5 min';
/** Milliseconds between two checks of this runner's address, while a rule for it does not work. */
const ADDRESS_RECHECK_INTERVAL_MS = 20_000;
/** Milliseconds after which a rule that does not work causes a warning, and conflicting echo services an error. */
const SLOW_RULE_WARNING_MS = 60_000;
/** Maximum number of addresses of this runner for which the rule is created or changed. */
const MAX_ADDRESSES = 5;

/**
 * Connects although the firewall blocks this runner: waits for a persistent rule to work, or creates a temporary rule.
 * If this runner turns out to have another address, the rule is changed to that one.
 * @param first the login that the firewall blocks; it may still wait, and is used or ended
 * @throws `not-reachable`, `login-failed`, `azure-request-failed`, `egress-address-unknown`
 */
export async function openFirewallAndConnect(
  deps: ConnectionDeps,
  target: LoginTarget,
  probe: FirewallProbe,
  blocked: LoginFailure,
  first?: LoginAttempt,
): Promise<Session> {
  const { run, runnerIp } = deps;
  const startLogin = (timeoutMs: number): LoginAttempt => deps.login(target, timeoutMs);
  let login = new HedgedLogin(startLogin, run.signal, first);
  try {
    const rules = await probe.rules;
    let address = runnerIp ?? requirePublicAddress(target, blocked.address) ?? (await probe.address);
    let { reason } = blocked;
    let action = 'creating a temporary rule';
    for (const triedAddresses = [address]; ; triedAddresses.push(address)) {
      try {
        if (ruleCoverage(rules, address) === 'persistent') {
          run.info(
            `A firewall rule covers ${address}, but does not admit it yet (${reason}); waiting for it to work.`,
          );
          return await waitForLogin(deps, target, address, login);
        }
        run.info(`The firewall of ${target.host} blocks this runner, ${address} (${reason}): ${action}`);
        return await createRuleAndConnect(deps, target, address, login);
      } catch (error) {
        if (!(error instanceof AddressMismatchError) || runnerIp !== undefined) throw error;
        if (triedAddresses.includes(error.address) || triedAddresses.length >= MAX_ADDRESSES)
          throw multipleAddressesError(target, [...triedAddresses, error.address]);
        ({ address, shortReason: reason } = error);
        action = 'changing the temporary rule to this address';
        login.end();
        login = new HedgedLogin(startLogin, run.signal);
      }
    }
  } finally {
    login.end();
  }
}

/**
 * Creates this run's rule, or changes it to the address. The wait ends with the first of these: a login that succeeds,
 * a login failure that no rule can change, or the failure of the creation.
 * @throws {@link AddressMismatchError} if this runner has another address
 */
async function createRuleAndConnect(
  deps: ConnectionDeps,
  target: LoginTarget,
  address: string,
  login: HedgedLogin,
): Promise<Session> {
  const creation = await deps.startRule(address);
  let session: Session | undefined;
  try {
    session = await waitForLogin(deps, target, address, login, creation);
    return session;
  } finally {
    await creation.finish(session !== undefined);
  }
}

/**
 * Waits for a login that a rule for the address admits.
 * @param creation of the rule; undefined for one that exists
 * @throws {@link AddressMismatchError} if this runner has another address; the failure of the creation
 */
async function waitForLogin(
  deps: ConnectionDeps,
  target: LoginTarget,
  address: string,
  login: HedgedLogin,
  creation?: RuleCreation,
): Promise<Session> {
  const handleFailure = createFailureHandler(deps, target, address);
  const { promise: creationFailed, reject } = Promise.withResolvers<never>();
  creationFailed.catch(() => {});
  let isChecking = false;
  // Not awaited, because a check waits for Azure, and must not delay a login.
  const checkCreation = async (setReason: SetReason): Promise<void> => {
    if (creation === undefined || isChecking) return;
    isChecking = true;
    await creation.checkForFailure(setReason).catch(reject);
    isChecking = false;
  };
  return await waitFor(
    deps.run,
    `the firewall rule for ${address} to work`,
    async (setReason) => {
      void checkCreation(setReason);
      const result = await Promise.race([login.next(), creationFailed]);
      if (result === undefined) return undefined;
      if ('session' in result) return result.session;
      await handleFailure(result.failure);
      return undefined;
    },
    // The pauses are those of the logins.
    { pauses: () => 0, hint: otherAddressHint(deps), usually: RULE_PROPAGATION_TIME },
  );
}

/**
 * Creates this run's rule if this runner can connect already, and waits for the end of the creation: no login can show
 * that the rule works.
 * @throws `azure-request-failed`
 */
export async function createRuleWhileConnected(deps: ConnectionDeps, address: string): Promise<void> {
  const creation = await deps.startRule(address);
  let isCreated: true | undefined;
  try {
    isCreated = await waitFor(
      deps.run,
      `the creation of the firewall rule for ${address}`,
      async (setReason) => (await creation.check(setReason)) || undefined,
    );
  } finally {
    await creation.finish(isCreated ?? false);
  }
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

function multipleAddressesError({ host }: LoginTarget, addresses: readonly string[]): Error {
  const different = [...new Set(addresses)];
  return actionError('not-reachable', {
    host,
    reason: `this runner has several public addresses (${different.join(', ')}), and its firewall rule can hold one.`,
    hint: addressPoolHint(different),
  });
}

/** Why a rule for the address may not work, and the inputs to set. */
const otherAddressHint = ({ echoProxy }: ConnectionDeps): string =>
  echoProxy === undefined
    ? 'If this runner reaches PostgreSQL from another address, set runner-ip to that address, or set allowed-ip-ranges in the step with mode: ensure to all addresses of its network.'
    : `The services that return the address of their caller were asked through the proxy ${echoProxy}, which connections to PostgreSQL do not use. Set runner-ip to the public address from which this runner reaches PostgreSQL, or set allowed-ip-ranges in the step with mode: ensure to all addresses of its network.`;

/** The address that PostgreSQL's refusal names. @throws `not-reachable` if no rule can admit it */
function requirePublicAddress({ host }: LoginTarget, address: string | undefined): string | undefined {
  const problem = address === undefined ? undefined : validatePublicAddress(address);
  if (problem === undefined) return address;
  const hint = 'Run this job where it reaches the server from a public address.';
  throw actionError('not-reachable', {
    host,
    reason: `PostgreSQL sees this runner as an address for which no rule can be created: ${problem}.`,
    hint,
  });
}

/** This runner has another address than the one that the rule admits. */
class AddressMismatchError extends ActionError {
  readonly address: string;
  /** Without the host and a full stop, to be part of another sentence. */
  readonly shortReason: string;
  /** @param observer the subject and verb of the reason: `PostgreSQL sees` */
  constructor(observer: string, host: string, address: string, admittedAddress: string) {
    const shortReason = `${observer} this runner as ${address}, but the rule admits ${admittedAddress}`;
    super(
      'not-reachable',
      errorCatalog['not-reachable'].text({
        host,
        reason: `${shortReason}.`,
        hint: `Set runner-ip: ${address}`,
      }),
      {},
    );
    this.address = address;
    this.shortReason = shortReason;
  }
}

/**
 * Returns what decides after each failed login whether to continue. While the firewall drops the connections, it checks
 * every 20 s whether the echo services still see the same address.
 */
function createFailureHandler(
  deps: ConnectionDeps,
  target: LoginTarget,
  address: string,
): (failure: LoginFailure) => Promise<void> {
  const start = performance.now();
  const isRecheckDue = createDueCheck(ADDRESS_RECHECK_INTERVAL_MS, ADDRESS_RECHECK_INTERVAL_MS);
  const isWarningDue = createDueCheck(SLOW_RULE_WARNING_MS, Number.POSITIVE_INFINITY);
  return async (failure) => {
    throwUnlessRuleHelps(target, failure, address);
    await throwIfConnectionsDisabled(deps, target, failure);
    // PostgreSQL has answered, so the rule works.
    const isAdmitted = failure.sqlState !== undefined;
    if (!isAdmitted && isWarningDue())
      deps.run.warning(
        `The firewall rule for ${address} does not work after a minute. Azure may need up to five. ${otherAddressHint(deps)}`,
      );
    const canAskEchoServices = !isAdmitted && failure.address === undefined && deps.runnerIp === undefined;
    const elapsedMs = performance.now() - start;
    if (canAskEchoServices && isRecheckDue()) await recheckAddress(deps, target, address, elapsedMs);
    if (performance.now() - start <= RULE_PROPAGATION_TIMEOUT_MS) return;
    if (isAdmitted) throw await unavailableError(deps, target, failure);
    const reason = `the firewall has a rule for ${address}, but ${failure.reason}.`;
    const hint = `${otherAddressHint(deps)} Or its network blocks connections to port 5432.`;
    throw actionError('not-reachable', { host: target.host, reason, hint });
  };
}

/** @throws `login-failed` for a refused login; {@link AddressMismatchError} if PostgreSQL names another address */
function throwUnlessRuleHelps(target: LoginTarget, failure: LoginFailure, admittedAddress: string): void {
  if (failure.kind === 'refused') throw loginError(target, failure);
  const address = requirePublicAddress(target, failure.address);
  if (address !== undefined && address !== admittedAddress)
    throw new AddressMismatchError('PostgreSQL sees', target.host, address, admittedAddress);
}

/**
 * Asks the echo services again. Without an answer, the address stays the same.
 * @param elapsedMs milliseconds that the rule has not worked
 * @throws {@link AddressMismatchError} if they see another address; `not-reachable` if they conflict after a minute
 */
async function recheckAddress(
  deps: ConnectionDeps,
  target: LoginTarget,
  address: string,
  elapsedMs: number,
): Promise<void> {
  const { run } = deps;
  const observedAddress = await deps.detectEgressAddress().catch((error: unknown) => {
    run.signal.throwIfAborted();
    if (error instanceof ConflictingAddressesError && elapsedMs >= SLOW_RULE_WARNING_MS)
      throw multipleAddressesError(target, [address, ...error.addresses]);
    run.debug(`The address could not be determined again: ${getErrorMessage(error)}`);
    return address;
  });
  if (observedAddress !== address)
    throw new AddressMismatchError(
      'The services that return the address of their caller see',
      target.host,
      observedAddress,
      address,
    );
}

/** Returns true once after `firstDelayMs` milliseconds, and again after each `intervalMs`. */
function createDueCheck(firstDelayMs: number, intervalMs: number): () => boolean {
  let dueAt = performance.now() + firstDelayMs;
  return () => {
    const isDue = performance.now() >= dueAt;
    if (isDue) dueAt = performance.now() + intervalMs;
    return isDue;
  };
}
