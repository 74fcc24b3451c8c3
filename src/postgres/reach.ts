import { type AddressRange, azureServices, covers, notPublic, sameRange } from '../config/addresses.ts';
import { isTemporaryRuleName } from '../config/names.ts';
import { ActionError, catalogue, fail } from '../errors.ts';
import { pauseFor, type Run, waitFor } from '../waiting.ts';
import type { LoginAttempt, LoginResult, LoginTarget } from './login.ts';
import type { LoginFailure } from './login-failures.ts';
import type { Session } from './session.ts';

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

/** Milliseconds: how long the first login may take before it counts as blocked. */
const firstLogin = 8000;
/** Milliseconds for a login where one has just succeeded. */
const nextLogin = 3000;
/** Milliseconds that the first login still gets once the rules say that nothing lets this address in. */
const grace = 500;
/** Milliseconds for a server that is up but does not take sessions yet. */
const settling = 90_000;
/** Milliseconds for a rule to work: documentation says up to five minutes (facts.md §5). */
const propagation = 330_000;

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

interface Looks {
  readonly rules: Promise<readonly StoredRule[]>;
  readonly address: Promise<string>;
  readonly all: Promise<[PromiseSettledResult<readonly StoredRule[]>, PromiseSettledResult<string>]>;
}

function lookAround(ways: Ways): Looks {
  const rules = ways.rules();
  const address = ways.givenAddress === undefined ? ways.egressAddress() : Promise.resolve(ways.givenAddress);
  return { rules, address, all: Promise.allSettled([rules, address]) };
}

/**
 * What the stored rules mean for an address. A rule of another run does not last: its post would cut us off.
 * `azure`: no rule covers it, but any Azure service may enter, and this runner may be in Azure.
 */
function coverOf(
  ways: Ways,
  rules: readonly StoredRule[],
  address: string,
): 'lasting' | 'foreign' | 'azure' | 'none' {
  const covering = rules.filter((rule) => covers(rule, address));
  if (covering.some(({ name }) => !isTemporaryRuleName(name) || ways.isOfThisJob(name))) return 'lasting';
  if (covering.length > 0) return 'foreign';
  return rules.some((rule) => sameRange(rule, azureServices)) ? 'azure' : 'none';
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

/** Shut out: waits for a lasting rule to work, or opens a temporary way. */
async function letIn(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  looks: Looks,
  blocked: LoginFailure,
): Promise<Session> {
  const rules = await looks.rules;
  const address = ways.givenAddress ?? publicAddress(target, blocked.address) ?? (await looks.address);
  const lasting = coverOf(ways, rules, address) === 'lasting';
  run.info(
    lasting
      ? `A firewall rule covers ${address}, but does not let it in yet (${blocked.reason}); waiting for it to work.`
      : `This runner (${address}) is shut out of ${target.host}: ${blocked.reason}. Opening a temporary way.`,
  );
  const look = insistently(target, ways, address);
  const way = lasting
    ? waitFor(run, `the firewall rule for ${address} to work`, look)
    : ways.open(address, look);
  return await way.catch((error: unknown) => {
    if (!(error instanceof SeenAs) || ways.givenAddress !== undefined) throw error;
    run.info(`PostgreSQL sees this runner as ${error.address}; opening the way for that address instead.`);
    return ways.open(error.address, insistently(target, ways, error.address));
  });
}

/** The address that a refusal names, which must be one that a rule can be made for. */
function publicAddress({ host }: LoginTarget, address: string | undefined): string | undefined {
  const why = address === undefined ? undefined : notPublic(address);
  if (why === undefined) return address;
  const advice =
    'Run this job where it reaches the server from a public address, or give its ranges with allowed-ip-ranges.';
  throw fail('not-reachable', {
    host,
    reason: `PostgreSQL sees this runner as an address for which no rule can be: ${why}.`,
    advice,
  });
}

/** PostgreSQL's own refusal names another address than the one that was let in. Of the catalogue, so nothing wraps it. */
class SeenAs extends ActionError {
  readonly address: string;
  constructor(host: string, address: string, letIn: string) {
    const reason = `PostgreSQL sees this runner as ${address}, but ${letIn} was let in.`;
    super(
      'not-reachable',
      catalogue['not-reachable']({ host, reason, advice: `Give runner-ip: ${address}` }),
      {},
    );
    this.address = address;
  }
}

/** A look for `waitFor` that logs in again and again, each attempt a little more patient. */
function insistently(target: LoginTarget, ways: Ways, address: string): () => Promise<Session | undefined> {
  const start = performance.now();
  let patience = 1000;
  return async () => {
    const result = await ways.login(patience).result;
    if ('session' in result) return result.session;
    const { failure } = result;
    if (failure.kind === 'refused') throw refusal(target, failure);
    if (failure.address !== undefined && failure.address !== address)
      throw new SeenAs(target.host, publicAddress(target, failure.address) ?? '', address);
    if (performance.now() - start > propagation) {
      const reason = `the firewall has a rule for ${address}, but ${failure.reason}.`;
      const advice =
        'Perhaps this runner reaches PostgreSQL from another address: give it with runner-ip. Or its network lets nothing out to port 5432.';
      throw fail('not-reachable', { host: target.host, reason, advice });
    }
    patience = Math.min(patience * 1.5, firstLogin);
    return undefined;
  };
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

function refusal({ user, host, database, password }: LoginTarget, { reason, advice }: LoginFailure): Error {
  // The most frequent cause is a secret that was pasted with a line break.
  const blank = password === password.trim() ? '' : ' The given password begins or ends with white space.';
  return fail('login-failed', { user, host, database, reason, advice: advice + blank });
}
