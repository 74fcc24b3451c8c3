import { ActionError, actionError, getErrorMessage } from '../common/errors.ts';
import { abortableSleep, backOff, waitFor } from '../common/polling.ts';
import type { LoginAttempt, LoginResult, LoginTarget } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import type { FirstConnection } from './early-connection.ts';
import { startEgressDetection } from './egress-address.ts';
import { coversAnyAddress, ruleCoverage } from './firewall-coverage.ts';
import {
  type ConnectionDeps,
  createRuleWhileConnected,
  FIRST_LOGIN_TIMEOUT_MS,
  type FirewallProbe,
  loginError,
  openFirewallAndConnect,
} from './open-firewall.ts';
import { throwIfConnectionsDisabled, unavailableError } from './unavailable-server.ts';

/** Milliseconds for a login after another one has just succeeded. */
const REPEAT_LOGIN_TIMEOUT_MS = 3000;
/** Milliseconds from the start of the first login until others start beside it, once the rules and this address are known. */
const FIRST_LOGIN_LIMIT_MS = 500;
/** Milliseconds for a server that is running but does not accept sessions yet, or has no free connection. */
const STARTUP_TIMEOUT_MS = 90_000;

/**
 * Opens the first session on a server. It tries a login before anything else, and creates a firewall rule only if the
 * firewall blocks this runner, or if access will end before the job does. A login failure never creates a rule.
 * @param started what has been requested already
 * @throws `login-failed`, `not-reachable`, `connections-exhausted`, `egress-address-unknown`, `azure-request-failed`
 */
export async function connectThroughFirewall(
  deps: ConnectionDeps,
  target: LoginTarget,
  started?: FirstConnection,
): Promise<Session> {
  const login = started?.login ?? deps.login(target, FIRST_LOGIN_TIMEOUT_MS);
  if (!deps.hasPublicAccess) return await connectPrivately(deps, target, await login.result);
  const probe = probeFirewall(deps, started?.egress);
  try {
    return await connectWithProbe(deps, target, login, probe);
  } finally {
    probe.stop();
  }
}

async function connectWithProbe(
  deps: ConnectionDeps,
  target: LoginTarget,
  first: LoginAttempt,
  probe: FirewallProbe,
): Promise<Session> {
  const earlyResult = probe.settled.then(async ([rules, address]): Promise<LoginResult> => {
    const isKnown = rules.status === 'fulfilled' && address.status === 'fulfilled';
    if (!isKnown || deps.hasPrivateEndpoint) return first.result;
    const coverage = ruleCoverage(rules.value, address.value);
    if (coverage === 'other-run') return first.result;
    // A runner in Azure may be admitted by the rule for Azure services, so its login gets more time.
    const isPerhapsInAzure = coverage === 'azure-services';
    const limitMs = isPerhapsInAzure ? REPEAT_LOGIN_TIMEOUT_MS : FIRST_LOGIN_LIMIT_MS;
    await abortableSleep(deps.run, Math.max(0, limitMs - first.elapsedMs()));
    // A server that has started to respond may still refuse the login, which must not lead to a rule.
    if (first.serverResponded()) return first.result;
    // The firewall never answers a login from before a rule works, so others start beside it.
    const reason =
      coverage === 'persistent' ? 'no answer so far' : `no firewall rule covers ${address.value}`;
    return { failure: { kind: 'blocked', reason, hint: '' } };
  });
  const result = await retryTransientFailures(deps, target, await Promise.race([first.result, earlyResult]));
  if ('session' in result) return await ensureLastingAccess(deps, probe, result.session);
  return await openFirewallAndConnect(deps, target, probe, result.failure, first);
}

function probeFirewall(
  deps: ConnectionDeps,
  egress = startEgressDetection(deps.runnerIp, (signal, onAnswer) =>
    deps.detectEgressAddress(signal, onAnswer),
  ),
): FirewallProbe {
  const rules = deps.listRules();
  return { ...egress, rules, settled: Promise.allSettled([rules, egress.address]) };
}

/**
 * Opens a further session on a server that {@link connectThroughFirewall} has connected to. If the firewall blocks this
 * runner again, it is opened again.
 * @throws as {@link connectThroughFirewall}
 */
export async function openSession(deps: ConnectionDeps, target: LoginTarget): Promise<Session> {
  const first = await deps.login(target, REPEAT_LOGIN_TIMEOUT_MS).result;
  if (!deps.hasPublicAccess) return await connectPrivately(deps, target, first);
  const result = await retryTransientFailures(deps, target, first);
  if ('session' in result) return result.session;
  const probe = probeFirewall(deps);
  try {
    return await openFirewallAndConnect(deps, target, probe, result.failure);
  } finally {
    probe.stop();
  }
}

/**
 * Retries the login while its failures are transient. A database or a role whose limit of connections is 0 never has a
 * free one, so it is not awaited.
 * @returns a session, or a failure of kind `blocked`
 * @throws `login-failed` for a refused login; `connections-exhausted`, `not-reachable` if the failures do not end
 */
async function retryTransientFailures(
  deps: ConnectionDeps,
  target: LoginTarget,
  first: LoginResult,
): Promise<LoginResult> {
  const { run } = deps;
  let result: LoginResult | undefined = first;
  let lastFailure = 'failure' in first ? first.failure : undefined;
  return await waitFor(
    run,
    `${target.host} to accept sessions`,
    async () => {
      result ??= await deps.login(target, FIRST_LOGIN_TIMEOUT_MS).result;
      if ('session' in result) return result;
      lastFailure = result.failure;
      if (lastFailure.kind === 'refused') throw loginError(target, lastFailure);
      await throwIfConnectionsDisabled(deps, target, lastFailure);
      const blockedResult = lastFailure.kind === 'blocked' ? result : undefined;
      result = undefined;
      return blockedResult;
    },
    { pauses: backOff(), timeoutMs: STARTUP_TIMEOUT_MS },
  ).catch(async (error: unknown) => {
    const hasTimedOut = error instanceof ActionError && error.code === 'timed-out';
    if (run.signal.aborted || !hasTimedOut || lastFailure?.kind !== 'transient') throw error;
    throw await unavailableError(deps, target, lastFailure, error);
  });
}

/**
 * Creates a rule of this run if the session depends on another run's temporary rule, or on a rule that is deleted but
 * still works. If Azure rejects that, it warns that access may end. It waits only for what decides this: not for the echo
 * services if the rules admit this runner at any address, or at the address that PostgreSQL sees, and only for the first
 * answer if the rules admit that address.
 */
async function ensureLastingAccess(
  deps: ConnectionDeps,
  probe: FirewallProbe,
  session: Session,
): Promise<Session> {
  const { run } = deps;
  if (deps.hasPrivateEndpoint) return session;
  const rules = await probe.rules.catch((error: unknown) => {
    run.signal.throwIfAborted();
    run.debug(`The firewall rules could not be read, but the login works: ${getErrorMessage(error)}`);
    return undefined;
  });
  if (rules === undefined || coversAnyAddress(rules)) return session;
  const isLasting = (address: string | undefined): boolean =>
    address !== undefined && ['persistent', 'azure-services'].includes(ruleCoverage(rules, address));
  const seenAddress = await deps.clientAddress(session);
  if (isLasting(seenAddress ?? (await probe.firstAnswer))) return session;
  const address = seenAddress ?? (await probe.address.catch(() => undefined));
  if (address === undefined || isLasting(address)) return session;
  run.info(
    ruleCoverage(rules, address) === 'other-run'
      ? `Access of ${address} depends on another run's temporary firewall rule; creating a rule for this run.`
      : `No firewall rule covers ${address}, so access depends on a rule that is being removed; creating a rule for this run.`,
  );
  try {
    await createRuleWhileConnected(deps, address);
  } catch (error) {
    if (!(error instanceof ActionError) || error.azure === undefined) throw error;
    run.warning(
      `Continuing with the access that works now, although it may end while the job runs.\n${error.message}`,
    );
  }
  return session;
}

async function connectPrivately(
  deps: ConnectionDeps,
  target: LoginTarget,
  first: LoginResult,
): Promise<Session> {
  const result = await retryTransientFailures(deps, target, first);
  if ('session' in result) return result.session;
  const hint = deps.isInVirtualNetwork
    ? 'The server has private access, so no firewall rule can help: run this job on a self-hosted runner inside its network.'
    : 'Public access of the server is disabled, so no firewall rule can help. Run this job on a self-hosted runner inside a network with a private endpoint of the server, or enable it: public-access: Enabled and on-drift: fix in mode: ensure.';
  throw actionError('not-reachable', { host: target.host, reason: result.failure.reason, hint });
}
