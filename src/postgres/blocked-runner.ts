import { notPublic } from '../config/addresses.ts';
import { ActionError, catalogue, fail, messageOf } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import { EchoesDisagree } from './egress-address.ts';
import { coverOf, firstLogin, type Looks, refusal, type StoredRule, type Ways } from './firewall-access.ts';
import type { LoginTarget } from './login.ts';
import type { LoginFailure } from './login-failures.ts';
import type { Session } from './session.ts';

/** Milliseconds for a rule to work: Azure's documentation says up to five minutes. */
const propagation = 330_000;
/** Milliseconds between two questions for this runner's address, while a rule for it does not work. */
const RECHECK_MS = 20_000;
/** Milliseconds after which a rule that does not work is worth a warning, and echo services that differ an error. */
const SUSPICIOUS_MS = 60_000;
/** Addresses of this runner for which a rule is tried, one after another. */
const MAX_ADDRESSES = 5;

/**
 * Blocked by the firewall: waits for a persistent rule to work, or creates a temporary one. Where this runner turns out to
 * have another address, the rule is changed to that one.
 */
export async function letIn(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  looks: Looks,
  blocked: LoginFailure,
): Promise<Session> {
  const rules = await looks.rules;
  let address = ways.givenAddress ?? publicAddress(target, blocked.address) ?? (await looks.address);
  let { reason } = blocked;
  for (const tried = [address]; ; tried.push(address)) {
    try {
      return await letInAt(run, target, ways, { address, rules, reason, isFirst: tried.length === 1 });
    } catch (error) {
      if (!(error instanceof SeenAs) || ways.givenAddress !== undefined) throw error;
      if (tried.includes(error.address) || tried.length >= MAX_ADDRESSES)
        throw severalAddresses(target, [...tried, error.address]);
      ({ address, why: reason } = error);
    }
  }
}

/** One address. @throws {@link SeenAs} where this runner has another */
function letInAt(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  {
    address,
    rules,
    reason,
    isFirst,
  }: {
    readonly address: string;
    readonly rules: readonly StoredRule[];
    readonly reason: string;
    readonly isFirst: boolean;
  },
): Promise<Session> {
  const lasting = coverOf(ways, rules, address) === 'lasting';
  run.info(
    lasting
      ? `A firewall rule covers ${address}, but does not let it in yet (${reason}); waiting for it to work.`
      : `This runner (${address}) is blocked by the firewall of ${target.host}: ${reason}. ${isFirst ? 'Creating a temporary rule' : 'Changing the temporary rule to this address'}.`,
  );
  const look = insistently(run, target, ways, address);
  return lasting ? waitFor(run, `the firewall rule for ${address} to work`, look) : ways.open(address, look);
}

function severalAddresses({ host }: LoginTarget, addresses: readonly string[]): Error {
  return fail('not-reachable', {
    host,
    reason: `this runner has several public addresses (${[...new Set(addresses)].join(', ')}), and its firewall rule can hold one.`,
    advice:
      'Give all addresses of its network with allowed-ip-ranges, or give runner-ip where connections to PostgreSQL always leave by the same one.',
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
    reason: `PostgreSQL sees this runner as an address for which no rule can be made: ${why}.`,
    advice,
  });
}

/** This runner has another address than the one that was let in. Of the catalogue, so nothing wraps it. */
class SeenAs extends ActionError {
  readonly address: string;
  /** Without the host and a full stop, for a sentence within another. */
  readonly why: string;
  /** @param by who sees it, to begin a sentence with */
  constructor(by: string, host: string, address: string, letIn: string) {
    const why = `${by} this runner as ${address}, but the rule admits ${letIn}`;
    super(
      'not-reachable',
      catalogue['not-reachable']({ host, reason: `${why}.`, advice: `Give runner-ip: ${address}` }),
      {},
    );
    this.address = address;
    this.why = why;
  }
}

/**
 * A look for `waitFor` that logs in again and again, each attempt a little more patient; while the firewall swallows the
 * connections, the echo services are asked from time to time whether the address is still the same.
 */
function insistently(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  address: string,
): () => Promise<Session | undefined> {
  const start = performance.now();
  const isDue = timer(RECHECK_MS, RECHECK_MS);
  const isSuspicious = timer(SUSPICIOUS_MS, Number.POSITIVE_INFINITY);
  let patience = 1000;
  return async () => {
    const result = await ways.login(patience).result;
    if ('session' in result) return result.session;
    const { failure } = result;
    checkFailure(target, failure, address);
    if (isSuspicious())
      run.warning(
        `The firewall rule for ${address} does not work after a minute. Azure may need up to five; but if this runner reaches PostgreSQL from another address, give that with runner-ip, or all addresses of its network with allowed-ip-ranges.`,
      );
    const askEchoes = failure.address === undefined && ways.givenAddress === undefined;
    if (askEchoes && isDue()) await recheckAddress(run, target, ways, { address, start });
    if (performance.now() - start > propagation) {
      const reason = `the firewall has a rule for ${address}, but ${failure.reason}.`;
      const advice =
        'Perhaps this runner reaches PostgreSQL from another address: give that with runner-ip, or all addresses of its network with allowed-ip-ranges. Or its network lets nothing out to port 5432.';
      throw fail('not-reachable', { host: target.host, reason, advice });
    }
    patience = Math.min(patience * 1.5, firstLogin);
    return undefined;
  };
}

/** @throws `login-failed` for a refusal; {@link SeenAs} where it names another address than the one that was let in */
function checkFailure(target: LoginTarget, failure: LoginFailure, letIn: string): void {
  if (failure.kind === 'refused') throw refusal(target, failure);
  const address = publicAddress(target, failure.address);
  if (address !== undefined && address !== letIn)
    throw new SeenAs('PostgreSQL sees', target.host, address, letIn);
}

/**
 * Asks the echo services again. That they do not answer says nothing.
 * @throws {@link SeenAs} where they name another address; `not-reachable` where they still differ after a while
 */
async function recheckAddress(
  run: Run,
  target: LoginTarget,
  ways: Ways,
  { address, start }: { readonly address: string; readonly start: number },
): Promise<void> {
  const seen = await ways.egressAddress().catch((error: unknown) => {
    run.signal.throwIfAborted();
    if (error instanceof EchoesDisagree && performance.now() - start >= SUSPICIOUS_MS)
      throw severalAddresses(target, [address, ...error.addresses]);
    run.debug(`The address could not be determined again: ${messageOf(error)}`);
    return address;
  });
  if (seen !== address) throw new SeenAs('The echo services see', target.host, seen, address);
}

/** True once so many milliseconds have passed, and then again after each `interval`. */
function timer(milliseconds: number, interval: number): () => boolean {
  let due = performance.now() + milliseconds;
  return () => {
    const isDue = performance.now() >= due;
    if (isDue) due = performance.now() + interval;
    return isDue;
  };
}
