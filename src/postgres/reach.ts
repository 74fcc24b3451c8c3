import { ActionError, fail } from '../errors.ts';
import { pauseFor, type Run, waitFor } from '../waiting.ts';
import { letIn } from './blocked-runner.ts';
import { coverOf, firstLogin, type Looks, refusal, type Ways } from './firewall-access.ts';
import type { LoginResult, LoginTarget } from './login.ts';
import type { Session } from './session.ts';

export type { StoredRule, Ways } from './firewall-access.ts';

/** Milliseconds for a login where one has just succeeded. */
const nextLogin = 3000;
/** Milliseconds that the first login still gets once the rules say that nothing lets this address in. */
const grace = 500;
/** Milliseconds for a server that is up but does not take sessions yet. */
const settling = 90_000;

/**
 * Proves that this runner can log in, and opens a temporary way through the firewall only when it must (design.md,
 * Reach by probing). A login failure never opens it (law 9).
 * @throws `login-failed`, `not-reachable`, `egress-address-unknown`, and what the ways throw
 */
export async function reach(run: Run, target: LoginTarget, ways: Ways): Promise<Session> {
  const first = ways.login(firstLogin);
  if (!ways.publicAccess) return await insideNetwork(run, target, ways, await first.result);
  const looks = lookAround(ways);
  const early = looks.all.then(async ([rules, address]): Promise<LoginResult> => {
    const known = rules.status === 'fulfilled' && address.status === 'fulfilled';
    if (!known || ways.privateEndpoint) return first.result;
    const cover = coverOf(ways, rules.value, address.value);
    if (cover !== 'none' && cover !== 'azure') return first.result;
    // Perhaps this runner is in Azure, and comes in by the rule for its services: then it gets longer.
    await pauseFor(run, cover === 'azure' ? nextLogin : grace);
    // A server that has begun to answer is asked to the end: what it refuses must not lead to a rule (law 9).
    if (first.heard()) return first.result;
    return { failure: { kind: 'blocked', reason: `no firewall rule covers ${address.value}`, advice: '' } };
  });
  const result = await settle(run, target, ways, await Promise.race([first.result, early]));
  if ('session' in result) return await withOwnDoor(run, ways, looks, result.session);
  void first.result.then((late) => ('session' in late ? late.session.close() : undefined));
  return await letIn(run, target, ways, looks, result.failure);
}

function lookAround(ways: Ways): Looks {
  const rules = ways.rules();
  const address = ways.givenAddress === undefined ? ways.egressAddress() : Promise.resolve(ways.givenAddress);
  return { rules, address, all: Promise.allSettled([rules, address]) };
}

/**
 * A session in another database of a server that was reached a moment ago; should the door have closed since, it is
 * opened again.
 * @throws as {@link reach}
 */
export async function enter(run: Run, target: LoginTarget, ways: Ways): Promise<Session> {
  const result = await settle(run, target, ways, await ways.login(nextLogin).result);
  if ('session' in result) return result.session;
  if (!ways.publicAccess) return await insideNetwork(run, target, ways, result);
  return await letIn(run, target, ways, lookAround(ways), result.failure);
}

/** Passing failures are waited out; a refusal is thrown; what is left is a session or a block. */
async function settle(run: Run, target: LoginTarget, ways: Ways, first: LoginResult): Promise<LoginResult> {
  let result: LoginResult | undefined = first;
  let last = 'failure' in first ? first.failure : undefined;
  const what = `${target.host} to take sessions`;
  return await waitFor(
    run,
    what,
    async () => {
      result ??= await ways.login(firstLogin).result;
      if ('session' in result) return result;
      last = result.failure;
      if (last.kind === 'refused') throw refusal(target, last);
      const settled = last.kind === 'blocked' ? result : undefined;
      result = undefined;
      return settled;
    },
    { atMost: settling },
  ).catch((error: unknown) => {
    if (run.signal.aborted || last?.kind !== 'passing') throw error;
    throw fail(
      'not-reachable',
      { host: target.host, reason: last.reason, advice: last.advice },
      { cause: error },
    );
  });
}

/**
 * In already, but perhaps by a door that will not stay open: another run's temporary rule, or one that has been removed
 * and still works for a while. Then we need one of our own.
 */
async function withOwnDoor(run: Run, ways: Ways, looks: Looks, session: Session): Promise<Session> {
  const rules = await looks.rules.catch((error: unknown) => {
    run.debug(`The firewall rules could not be read, but the login works: ${String(error)}`);
    return undefined;
  });
  const [, address] = await looks.all;
  if (rules === undefined || ways.privateEndpoint || address.status === 'rejected') return session;
  const cover = coverOf(ways, rules, address.value);
  if (cover === 'lasting' || cover === 'azure') return session;
  run.info(
    cover === 'foreign'
      ? `Only another run's temporary firewall rule lets ${address.value} in; making one of our own.`
      : `No firewall rule lets ${address.value} in, so the door is closing; making a rule of our own.`,
  );
  return await ways
    .open(address.value, async (ended) => (ended ? session : undefined))
    .catch((error: unknown) => {
      if (!(error instanceof ActionError) || error.azure === undefined) throw error;
      run.warning(
        `Going on by the way that is open now, although it may close while the job runs.\n${error.message}`,
      );
      return session;
    });
}

async function insideNetwork(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  first: LoginResult,
): Promise<Session> {
  const result = await settle(run, target, ways, first);
  if ('session' in result) return result.session;
  const advice =
    'The server has private access, so no firewall rule can help: run this job on a self-hosted runner inside its network.';
  throw fail('not-reachable', { host: target.host, reason: result.failure.reason, advice });
}
