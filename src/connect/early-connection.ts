import type { RunContext } from '../common/polling.ts';
import {
  type EarlyLogin,
  type LoginAttempt,
  type LoginTarget,
  type SessionTarget,
  startEarlyLogin,
} from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import { detectEgressAddress, type EgressDetection, startEgressDetection } from './egress-address.ts';
import { FIRST_LOGIN_TIMEOUT_MS } from './open-firewall.ts';

/** The first login of a run, and the address of its runner, as far as they are known. */
export interface FirstConnection {
  readonly login: LoginAttempt;
  readonly egress: EgressDetection;
}

export interface EarlyConnectionOptions {
  readonly run: RunContext;
  /** The administrator in `postgres`, on the host that follows from the inputs. */
  readonly administrator: LoginTarget;
  /** HTTPS URLs that answer with the caller's address. */
  readonly ipEchoUrls: readonly string[];
  /** The input runner-ip. */
  readonly runnerIp: string | undefined;
  /** Whether the run has neither written nor waited since; see `AzureReader.trackChanges`. */
  readonly isCurrent: () => boolean;
}

/**
 * What a connection needs from others than Azure Resource Manager, requested while the run signs in and reads the server:
 * the first login and this runner's address. Nothing of it is used unless Azure names the same host, and the run has
 * neither written nor waited in the meantime.
 */
export class EarlyConnection {
  readonly #egress: EgressDetection;
  readonly #login: EarlyLogin;

  constructor({ run, administrator, ipEchoUrls, runnerIp, isCurrent }: EarlyConnectionOptions) {
    this.#login = startEarlyLogin(administrator, FIRST_LOGIN_TIMEOUT_MS, run.signal, isCurrent);
    this.#egress = startEgressDetection(runnerIp, (signal, onAnswer) =>
      detectEgressAddress(ipEchoUrls, AbortSignal.any([run.signal, signal]), onAnswer),
    );
  }

  /** The session of the first login, before it is resumed; see {@link EarlyLogin.session}. */
  get session(): Promise<Session | undefined> {
    return this.#login.session;
  }

  /** The first connection to a server that Azure has named; undefined if another one has to be started. */
  resume(target: SessionTarget): FirstConnection | undefined {
    const login = this.#login.resume(target);
    if (login !== undefined) return { login, egress: this.#egress };
    this.discard();
    return undefined;
  }

  /** Ends what was started, except a login that was resumed. */
  discard(): void {
    this.#login.discard();
    this.#egress.stop();
  }
}
