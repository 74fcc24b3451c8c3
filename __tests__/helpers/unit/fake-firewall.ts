import { toAzureError } from '../../../src/azure/azure-errors.ts';
import { rangeContains } from '../../../src/common/addresses.ts';
import { type RunContext, waitFor } from '../../../src/common/polling.ts';
import { isTemporaryRuleName } from '../../../src/common/resource-names.ts';
import type { ConnectionDeps, StoredFirewallRule } from '../../../src/connect/connect.ts';
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

/** A server behind a firewall, with as much as `reach` uses of it. Its time is that of the timers. */
export class FakeFirewall implements ConnectionDeps {
  /** The address as which PostgreSQL sees this runner. */
  address = '203.0.113.9';
  /** Where each login comes from another of these addresses in turn. */
  alternateAddresses: string[] = [];
  /** What the echo services say, one thing after another; the last stays. Undefined: they say nothing. */
  echoResponses: (string | Error | undefined)[] = ['203.0.113.9'];
  /** How often they were asked. */
  echoRequestCount = 0;
  configuredAddress: string | undefined;
  hasPublicAccess = true;
  hasPrivateEndpoint = false;
  /** How it treats whom no rule admits: swallow the connection, or name the address in a refusal. */
  blocked: 'timeout' | 'reject' = 'timeout';
  /** Milliseconds until a new rule works. */
  propagationMs = 3000;
  /** Where rules do not show what lets this runner in (a private endpoint, a network). */
  allowsWithoutRule = false;
  /** What a login that comes through meets, one after another; the last stays. Undefined: a session. */
  loginFailures: (LoginFailure | undefined)[] = [undefined];
  storedRules: StoredFirewallRule[] = [];
  /** Thrown by looking at the rules. */
  readError: Error | undefined;
  /** Thrown by making a rule. */
  writeError: Error | undefined;
  ownRuleNames: string[] = [];
  /** Addresses for which a rule was made. */
  readonly openedAddresses: string[] = [];
  readonly session = new Session(loginTarget, 1000, new AbortController().signal);
  loginCount = 0;
  #effectiveFrom = new Map<StoredFirewallRule, number>();
  readonly #run: RunContext;

  constructor(run: RunContext) {
    this.#run = run;
  }

  /** Stores a rule; it works after so many milliseconds. */
  addRule(name: string, start: string, { end = start, worksAfter = 0 } = {}): void {
    const rule = { name, start, end };
    this.storedRules.push(rule);
    this.#effectiveFrom.set(rule, performance.now() + worksAfter);
  }

  /** Milliseconds that a server takes which answers, but slowly. */
  loginDelayMs = 30;

  login(timeout: number): LoginAttempt {
    return {
      result: this.#login(timeout),
      serverResponded: () => this.blocked === 'reject' || this.#isAllowed(),
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

  async #login(timeout: number): Promise<LoginResult> {
    this.loginCount += 1;
    this.address = this.alternateAddresses[this.loginCount % this.alternateAddresses.length] ?? this.address;
    if (!this.#isAllowed()) return { failure: await this.#rejectLogin(timeout) };
    await sleep(this.loginDelayMs);
    const failure = this.loginFailures.length > 1 ? this.loginFailures.shift() : this.loginFailures[0];
    return failure ? { failure } : { session: this.session };
  }

  async #rejectLogin(timeout: number): Promise<LoginFailure> {
    if (this.blocked === 'timeout') {
      await sleep(timeout);
      return { kind: 'blocked', reason: 'the connection timed out', hint: '' };
    }
    await sleep(30);
    return {
      kind: 'blocked',
      reason: `no pg_hba.conf entry for host "${this.address}"`,
      hint: '',
      address: this.address,
    };
  }

  async listRules(): Promise<readonly StoredFirewallRule[]> {
    await sleep(100);
    if (this.readError) throw this.readError;
    return [...this.storedRules];
  }

  async detectEgressAddress(): Promise<string> {
    await sleep(100);
    this.echoRequestCount += 1;
    const answer = this.echoResponses.length > 1 ? this.echoResponses.shift() : this.echoResponses[0];
    if (typeof answer === 'string') return answer;
    throw answer ?? new Error('no echo');
  }

  isRuleOfThisJob(rule: string): boolean {
    return this.ownRuleNames.includes(rule);
  }

  /** What the echo services say at every question. */
  set echoAddress(address: string | undefined) {
    this.echoResponses = [address];
  }

  /** As the writer does it: every failure goes through `refused`, and the operation ends late. */
  async openFirewall<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    if (this.writeError) throw this.writeError;
    this.openedAddresses.push(address);
    this.storedRules = this.storedRules.filter(({ name }) => name !== 'gha-temporary-1-2-1-mine');
    this.addRule('gha-temporary-1-2-1-mine', address, { worksAfter: this.propagationMs });
    const end = performance.now() + MINUTE_MS;
    try {
      return await waitFor(this.#run, 'the rule', () => needed(performance.now() >= end));
    } catch (error) {
      throw toAzureError('making a firewall rule', error);
    }
  }

  /** Temporary rules there are now, by name. */
  get temporaryRuleNames(): readonly string[] {
    return this.storedRules.map(({ name }) => name).filter(isTemporaryRuleName);
  }
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
