import type { StoredFirewallRule } from '../../../src/azure/reader.ts';
import { rangeContains } from '../../../src/common/addresses.ts';
import type { RunContext } from '../../../src/common/polling.ts';
import { isTemporaryRuleName } from '../../../src/common/resource-names.ts';
import type { CoveringRule } from '../../../src/connect/firewall-coverage.ts';
import type { ConnectionDeps } from '../../../src/connect/open-firewall.ts';
import type { RuleCreation } from '../../../src/connect/runner-firewall-rule.ts';
import type { LoginAttempt, LoginResult, LoginTarget } from '../../../src/postgres/login.ts';
import type { LoginFailure } from '../../../src/postgres/login-errors.ts';
import { Session } from '../../../src/postgres/session.ts';

export const loginTarget: LoginTarget = {
  host: 'demo-relecloud.postgres.database.azure.com',
  port: 5432,
  database: 'postgres',
  user: 'relecloud_admin',
  password: 'VerySecurePassword!1',
  applicationName: 'test',
};

const MINUTE_MS = 60_000;

/** Milliseconds until PostgreSQL's first byte. */
const RESPONSE_DELAY_MS = 20;

/** A server behind a firewall, as connecting uses it. It keeps the time of the (fake) timers. */
export class FakeFirewall implements ConnectionDeps {
  /** The address as which PostgreSQL sees this runner. */
  address = '203.0.113.9';
  /** Each login comes from the next of these addresses. */
  alternateAddresses: string[] = [];
  /** Responses of the echo services, one after another; the last is repeated. Undefined: no response. */
  echoResponses: (string | Error | undefined)[] = ['203.0.113.9'];
  echoRequestCount = 0;
  /** Milliseconds until two echo services have answered, and until the first one has. */
  echoDelayMs = 100;
  firstEchoDelayMs = 100;
  /** Whether the requests to the echo services were aborted before two had answered. */
  echoAborted = false;
  echoProxy: string | undefined;
  /** The address that PostgreSQL returns in a session; undefined: none. */
  clientAddressInSession: string | undefined;
  runnerIp: string | undefined;
  hasPublicAccess = true;
  isInVirtualNetwork = true;
  hasPrivateEndpoint = false;
  /** How it blocks: drop the connection, or reject it with a message that names the address. */
  blocked: 'timeout' | 'reject' = 'timeout';
  /** Milliseconds until a new rule works. */
  propagationMs = 3000;
  /** Whether this runner is admitted although no stored rule covers it (a private endpoint, a rule that is being removed). */
  allowsWithoutRule = false;
  /** Failures of admitted logins, one after another; the last is repeated. Undefined: a session. */
  loginFailures: (LoginFailure | undefined)[] = [undefined];
  storedRules: StoredFirewallRule[] = [];
  /** Thrown by listing the rules. */
  readError: Error | undefined;
  /** Thrown by requesting a rule. */
  writeError: Error | undefined;
  /** Milliseconds until Azure reports whether the creation of a rule has ended. */
  creationCheckMs = 0;
  /** With which the accepted creation of a rule fails. */
  creationError: Error | undefined;
  ownRuleNames: string[] = [];
  /** Addresses for which a rule was requested. */
  readonly openedAddresses: string[] = [];
  /** Whether each creation ended with a rule that works. */
  readonly finishedCreations: boolean[] = [];
  readonly session = new Session(loginTarget, 1000, new AbortController().signal);
  loginCount = 0;
  /** Logins that have sent the password. */
  authenticationCount = 0;
  #effectiveFrom = new Map<StoredFirewallRule, number>();
  readonly run: RunContext;

  constructor(run: RunContext) {
    this.run = run;
  }

  /** Stores a rule; it works after so many milliseconds. */
  addRule(name: string, start: string, { end = start, worksAfter = 0 } = {}): void {
    const rule = { name, start, end };
    this.storedRules.push(rule);
    this.#effectiveFrom.set(rule, performance.now() + worksAfter);
  }

  /** The limit of connections that a login reaches, as far as it can be read. */
  connectionLimit: number | undefined;

  async readConnectionLimit(): Promise<number | undefined> {
    return this.connectionLimit;
  }

  /** Milliseconds between PostgreSQL's first byte and the result of an admitted login. */
  loginDelayMs = 30;

  login(_target: LoginTarget, timeoutMs: number): LoginAttempt {
    const start = performance.now();
    const ended = new AbortController();
    const { promise: responded, resolve } = Promise.withResolvers<void>();
    let hasResponded = false;
    const onResponse = (): void => {
      hasResponded = true;
      resolve();
    };
    return {
      elapsedMs: () => performance.now() - start,
      result: this.#login(timeoutMs, ended.signal, onResponse),
      serverResponded: () => hasResponded,
      responded,
      end: () => ended.abort(),
    };
  }

  #isAllowed(): boolean {
    return (
      this.allowsWithoutRule ||
      this.storedRules.some(
        (rule) =>
          rangeContains(rule, this.address) && performance.now() >= (this.#effectiveFrom.get(rule) ?? 0),
      )
    );
  }

  async #login(timeoutMs: number, signal: AbortSignal, onResponse: () => void): Promise<LoginResult> {
    this.loginCount += 1;
    this.address = this.alternateAddresses[this.loginCount % this.alternateAddresses.length] ?? this.address;
    const isAllowed = this.#isAllowed();
    if (!isAllowed && this.blocked === 'timeout') {
      await sleep(timeoutMs, AbortSignal.any([this.run.signal, signal]));
      return { failure: { kind: 'blocked', reason: 'the connection timed out', hint: '' } };
    }
    await sleep(RESPONSE_DELAY_MS, signal);
    if (!signal.aborted) onResponse();
    if (!isAllowed) return { failure: this.#rejection() };
    if (!signal.aborted) this.authenticationCount += 1;
    await sleep(this.loginDelayMs, signal);
    const failure = this.loginFailures.length > 1 ? this.loginFailures.shift() : this.loginFailures[0];
    return failure ? { failure } : { session: this.session };
  }

  #rejection(): LoginFailure {
    return {
      kind: 'blocked',
      reason: `no pg_hba.conf entry for host "${this.address}"`,
      hint: '',
      address: this.address,
    };
  }

  async listRules(): Promise<readonly CoveringRule[]> {
    await sleep(100);
    if (this.readError) throw this.readError;
    return this.storedRules.map(({ name, start, end }) => ({
      start,
      end,
      outlastsJob: !isTemporaryRuleName(name) || this.ownRuleNames.includes(name),
    }));
  }

  async clientAddress(): Promise<string | undefined> {
    await sleep(30);
    return this.clientAddressInSession;
  }

  async detectEgressAddress(signal?: AbortSignal, onAnswer?: (address: string) => void): Promise<string> {
    this.echoRequestCount += 1;
    const answer = this.echoResponses.length > 1 ? this.echoResponses.shift() : this.echoResponses[0];
    await sleep(this.firstEchoDelayMs, signal);
    if (typeof answer === 'string' && !signal?.aborted) onAnswer?.(answer);
    await sleep(this.echoDelayMs - this.firstEchoDelayMs, signal);
    if (signal?.aborted) {
      this.echoAborted = true;
      throw signal.reason;
    }
    if (typeof answer === 'string') return answer;
    throw answer ?? new Error('no echo');
  }

  /** The response of the echo services to every request. */
  set echoAddress(address: string | undefined) {
    this.echoResponses = [address];
  }

  /** Replaces this run's rule. As in Azure, the rule works long before its operation ends. */
  async startRule(address: string): Promise<RuleCreation> {
    if (this.writeError) throw this.writeError;
    this.openedAddresses.push(address);
    this.storedRules = this.storedRules.filter(({ name }) => name !== 'gha-temporary-1-2-1-mine');
    this.addRule('gha-temporary-1-2-1-mine', address, { worksAfter: this.propagationMs });
    const end = performance.now() + MINUTE_MS;
    const check = async (): Promise<boolean> => {
      await sleep(this.creationCheckMs);
      if (this.creationError) throw this.creationError;
      return performance.now() >= end;
    };
    return {
      check,
      checkForFailure: check,
      finish: async (works) => void this.finishedCreations.push(works),
    };
  }

  /** Names of the stored temporary rules. */
  get temporaryRuleNames(): readonly string[] {
    return this.storedRules.map(({ name }) => name).filter(isTemporaryRuleName);
  }
}

/** Resolves after so many milliseconds, or when the signal aborts. */
const sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
    if (signal?.aborted) resolve();
  });
