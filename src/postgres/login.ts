import type { Credentials } from '../inputs/types.ts';
import { classifyLoginError, type LoginFailure, slowServerFailure } from './login-errors.ts';
import { Session } from './session.ts';

/** Where and as whom to log in. */
export interface LoginTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Shown in `pg_stat_activity`: who this session is, cut to 63 bytes by PostgreSQL. */
  readonly applicationName: string;
}

/** The administrator in `postgres`, from where databases are created and dropped without a session in them. */
export function adminLogin(
  host: string,
  { username, password }: Credentials,
  applicationName: string,
): LoginTarget {
  return { host, port: 5432, database: 'postgres', user: username, password, applicationName };
}

/** A login without a password, which only proves whether the firewall admits this runner. */
export interface PasswordlessTarget extends Omit<LoginTarget, 'password'> {
  readonly password: undefined;
}

export type LoginResult = { readonly session: Session } | { readonly failure: LoginFailure };

/** A login under way. */
export interface LoginAttempt {
  readonly result: Promise<LoginResult>;
  /** Whether the server has answered anything so far. */
  readonly serverResponded: () => boolean;
}

/**
 * One attempt to log in, over verified TLS.
 * @param target without a password, a server that asks for one makes the result a failure of kind `refused`: the server
 *   has answered, so the firewall admits this runner. Nothing is sent in answer.
 * @param timeout milliseconds until the attempt counts as blocked
 * @param signal ends the attempt; the result then is a failure like any other
 */
export function login(
  target: LoginTarget | PasswordlessTarget,
  timeout: number,
  signal: AbortSignal,
): LoginAttempt {
  const session = new Session(target, timeout, signal);
  return { result: connectSession(session), serverResponded: () => session.serverResponded };
}

async function connectSession(session: Session): Promise<LoginResult> {
  try {
    await session.connect();
    return { session };
  } catch (error) {
    void session.close();
    const failure = classifyLoginError(error);
    // A firewall that blocks us says nothing: a server that has begun to answer is slow, and does not lead to a rule.
    const isSlow = failure.kind === 'blocked' && failure.isSilent === true && session.serverResponded;
    return { failure: isSlow ? slowServerFailure : failure };
  }
}
