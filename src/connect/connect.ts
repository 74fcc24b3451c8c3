import { ActionError, actionError } from '../common/errors.ts';
import { abortableSleep, type RunContext, waitFor } from '../common/polling.ts';
import type { LoginResult, LoginTarget } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import {
  type ConnectionDeps,
  FIRST_LOGIN_TIMEOUT_MS,
  type FirewallProbe,
  loginError,
  ruleCoverage,
} from './firewall-coverage.ts';
import { openFirewallAndConnect } from './open-firewall.ts';

export type { ConnectionDeps, StoredFirewallRule } from './firewall-coverage.ts';

/** Milliseconds for a login where one has just succeeded. */
const REPEAT_LOGIN_TIMEOUT_MS = 3000;
/** Milliseconds that the first login still gets once the rules say that nothing lets this address in. */
const UNCOVERED_LOGIN_GRACE_MS = 500;
/** Milliseconds for a server that is up but does not take sessions yet. */
const STARTUP_TIMEOUT_MS = 90_000;

/**
 * Proves that this runner can log in, and opens a temporary way through the firewall only when it must (design.md,
 * Reach by probing). A login failure never opens it (law 9).
 * @throws `login-failed`, `not-reachable`, `egress-address-unknown`, and what the ways throw
 */
export async function connectThroughFirewall(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
): Promise<Session> {
  const first = deps.login(FIRST_LOGIN_TIMEOUT_MS);
  if (!deps.hasPublicAccess) return await connectPrivately(run, target, deps, await first.result);
  const probe = probeFirewall(deps);
  const earlyResult = probe.settled.then(async ([rules, address]): Promise<LoginResult> => {
    const known = rules.status === 'fulfilled' && address.status === 'fulfilled';
    if (!known || deps.hasPrivateEndpoint) return first.result;
    const coverage = ruleCoverage(deps, rules.value, address.value);
    if (coverage !== 'none' && coverage !== 'azure') return first.result;
    // Perhaps this runner is in Azure, and comes in by the rule for its services: then it gets longer.
    await abortableSleep(run, coverage === 'azure' ? REPEAT_LOGIN_TIMEOUT_MS : UNCOVERED_LOGIN_GRACE_MS);
    // A server that has begun to answer is asked to the end: what it refuses must not lead to a rule (law 9).
    if (first.serverResponded()) return first.result;
    return { failure: { kind: 'blocked', reason: `no firewall rule covers ${address.value}`, hint: '' } };
  });
  const result = await retryTransientFailures(
    run,
    target,
    deps,
    await Promise.race([first.result, earlyResult]),
  );
  if ('session' in result) return await ensureOwnRule(run, deps, probe, result.session);
  void first.result.then((late) => ('session' in late ? late.session.close() : undefined));
  return await openFirewallAndConnect(run, target, deps, probe, result.failure);
}

function probeFirewall(deps: ConnectionDeps): FirewallProbe {
  const rules = deps.listRules();
  const address =
    deps.configuredAddress === undefined
      ? deps.detectEgressAddress()
      : Promise.resolve(deps.configuredAddress);
  return { rules, address, settled: Promise.allSettled([rules, address]) };
}

/**
 * A session in another database of a server that was reached a moment ago; should the door have closed since, it is
 * opened again.
 * @throws as {@link connectThroughFirewall}
 */
export async function openSession(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
): Promise<Session> {
  const result = await retryTransientFailures(
    run,
    target,
    deps,
    await deps.login(REPEAT_LOGIN_TIMEOUT_MS).result,
  );
  if ('session' in result) return result.session;
  if (!deps.hasPublicAccess) return await connectPrivately(run, target, deps, result);
  return await openFirewallAndConnect(run, target, deps, probeFirewall(deps), result.failure);
}

/** Passing failures are waited out; a refusal is thrown; what is left is a session or a block. */
async function retryTransientFailures(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  first: LoginResult,
): Promise<LoginResult> {
  let result: LoginResult | undefined = first;
  let lastFailure = 'failure' in first ? first.failure : undefined;
  const what = `${target.host} to take sessions`;
  return await waitFor(
    run,
    what,
    async () => {
      result ??= await deps.login(FIRST_LOGIN_TIMEOUT_MS).result;
      if ('session' in result) return result;
      lastFailure = result.failure;
      if (lastFailure.kind === 'refused') throw loginError(target, lastFailure);
      const blockedResult = lastFailure.kind === 'blocked' ? result : undefined;
      result = undefined;
      return blockedResult;
    },
    { timeoutMs: STARTUP_TIMEOUT_MS },
  ).catch((error: unknown) => {
    if (run.signal.aborted || lastFailure?.kind !== 'transient') throw error;
    throw actionError(
      'not-reachable',
      { host: target.host, reason: lastFailure.reason, hint: lastFailure.hint },
      { cause: error },
    );
  });
}

/**
 * In already, but perhaps by a door that will not stay open: another run's temporary rule, or one that has been removed
 * and still works for a while. Then we need one of our own.
 */
async function ensureOwnRule(
  run: RunContext,
  deps: ConnectionDeps,
  probe: FirewallProbe,
  session: Session,
): Promise<Session> {
  const rules = await probe.rules.catch((error: unknown) => {
    run.debug(`The firewall rules could not be read, but the login works: ${String(error)}`);
    return undefined;
  });
  const [, address] = await probe.settled;
  if (rules === undefined || deps.hasPrivateEndpoint || address.status === 'rejected') return session;
  const coverage = ruleCoverage(deps, rules, address.value);
  if (coverage === 'lasting' || coverage === 'azure') return session;
  run.info(
    coverage === 'foreign'
      ? `Only another run's temporary firewall rule lets ${address.value} in; making one of our own.`
      : `No firewall rule lets ${address.value} in, so the door is closing; making a rule of our own.`,
  );
  return await deps
    .openFirewall(address.value, async (hasOperationEnded) => (hasOperationEnded ? session : undefined))
    .catch((error: unknown) => {
      if (!(error instanceof ActionError) || error.azure === undefined) throw error;
      run.warning(
        `Going on by the way that is open now, although it may close while the job runs.\n${error.message}`,
      );
      return session;
    });
}

async function connectPrivately(
  run: RunContext,
  target: LoginTarget,
  deps: ConnectionDeps,
  first: LoginResult,
): Promise<Session> {
  const result = await retryTransientFailures(run, target, deps, first);
  if ('session' in result) return result.session;
  const hint =
    'The server has private access, so no firewall rule can help: run this job on a self-hosted runner inside its network.';
  throw actionError('not-reachable', { host: target.host, reason: result.failure.reason, hint });
}
