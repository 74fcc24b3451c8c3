import { refused } from '../../../src/azure/failures.ts';
import { covers } from '../../../src/config/addresses.ts';
import { isTemporaryRuleName } from '../../../src/config/names.ts';
import type { LoginAttempt, LoginResult, LoginTarget } from '../../../src/postgres/login.ts';
import type { LoginFailure } from '../../../src/postgres/login-failures.ts';
import type { StoredRule, Ways } from '../../../src/postgres/reach.ts';
import { Session } from '../../../src/postgres/session.ts';
import { type Run, waitFor } from '../../../src/waiting.ts';

export const target: LoginTarget = {
  host: 'demo-relecloud.postgres.database.azure.com',
  port: 5432,
  database: 'postgres',
  user: 'relecloud_admin',
  password: 'VerySecurePassword!1',
  applicationName: 'test',
};

const minutes = 60_000;

/** A server behind a firewall, with as much as `reach` uses of it. Its time is that of the timers. */
export class Firewall implements Ways {
  /** The address as which PostgreSQL sees this runner. */
  address = '203.0.113.9';
  /** Where each login comes from another of these addresses in turn. */
  alternates: string[] = [];
  /** What the echo services say, one thing after another; the last stays. Undefined: they say nothing. */
  echoes: (string | Error | undefined)[] = ['203.0.113.9'];
  /** How often they were asked. */
  asked = 0;
  givenAddress: string | undefined;
  publicAccess = true;
  privateEndpoint = false;
  /** How it treats whom no rule admits: swallow the connection, or name the address in a refusal. */
  blocked: 'timeout' | 'reject' = 'timeout';
  /** Milliseconds until a new rule works. */
  propagation = 3000;
  /** Where rules do not show what lets this runner in (a private endpoint, a network). */
  letsInAnyway = false;
  /** What a login that comes through meets, one after another; the last stays. Undefined: a session. */
  beyond: (LoginFailure | undefined)[] = [undefined];
  stored: StoredRule[] = [];
  /** Thrown by looking at the rules. */
  unreadable: Error | undefined;
  /** Thrown by making a rule. */
  unwritable: Error | undefined;
  ofThisJob: string[] = [];
  /** Addresses for which a rule was made. */
  readonly opened: string[] = [];
  readonly session = new Session(target, 1000, new AbortController().signal);
  logins = 0;
  #worksFrom = new Map<StoredRule, number>();
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  /** Stores a rule; it works after so many milliseconds. */
  store(name: string, start: string, { end = start, worksAfter = 0 } = {}): void {
    const rule = { name, start, end };
    this.stored.push(rule);
    this.#worksFrom.set(rule, performance.now() + worksAfter);
  }

  /** Milliseconds that a server takes which answers, but slowly. */
  slowness = 30;

  login(timeout: number): LoginAttempt {
    return { result: this.#login(timeout), heard: () => this.blocked === 'reject' || this.#admits() };
  }

  #admits(): boolean {
    return (
      this.letsInAnyway ||
      this.stored.some(
        (rule) => covers(rule, this.address) && performance.now() >= (this.#worksFrom.get(rule) ?? 0),
      )
    );
  }

  async #login(timeout: number): Promise<LoginResult> {
    this.logins += 1;
    this.address = this.alternates[this.logins % this.alternates.length] ?? this.address;
    if (!this.#admits()) return { failure: await this.#shutOut(timeout) };
    await pause(this.slowness);
    const failure = this.beyond.length > 1 ? this.beyond.shift() : this.beyond[0];
    return failure ? { failure } : { session: this.session };
  }

  async #shutOut(timeout: number): Promise<LoginFailure> {
    if (this.blocked === 'timeout') {
      await pause(timeout);
      return { kind: 'blocked', reason: 'the connection timed out', advice: '' };
    }
    await pause(30);
    return {
      kind: 'blocked',
      reason: `no pg_hba.conf entry for host "${this.address}"`,
      advice: '',
      address: this.address,
    };
  }

  async rules(): Promise<readonly StoredRule[]> {
    await pause(100);
    if (this.unreadable) throw this.unreadable;
    return [...this.stored];
  }

  async egressAddress(): Promise<string> {
    await pause(100);
    this.asked += 1;
    const answer = this.echoes.length > 1 ? this.echoes.shift() : this.echoes[0];
    if (typeof answer === 'string') return answer;
    throw answer ?? new Error('no echo');
  }

  isOfThisJob(rule: string): boolean {
    return this.ofThisJob.includes(rule);
  }

  /** What the echo services say at every question. */
  set echo(address: string | undefined) {
    this.echoes = [address];
  }

  /** As the writer does it: every failure goes through `refused`, and the operation ends late. */
  async open<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    if (this.unwritable) throw this.unwritable;
    this.opened.push(address);
    this.stored = this.stored.filter(({ name }) => name !== 'gha-temporary-1-2-1-mine');
    this.store('gha-temporary-1-2-1-mine', address, { worksAfter: this.propagation });
    const end = performance.now() + minutes;
    try {
      return await waitFor(this.#run, 'the rule', () => needed(performance.now() >= end));
    } catch (error) {
      throw refused('making a firewall rule', error);
    }
  }

  /** Temporary rules there are now, by name. */
  get temporary(): readonly string[] {
    return this.stored.map(({ name }) => name).filter(isTemporaryRuleName);
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
