import type { ServerFacts } from '../common/server-facts.ts';
import type { Credentials } from '../inputs/types.ts';
import { classifyLoginError, type LoginFailure, slowServerFailure } from './login-errors.ts';
import { Session, type SessionTarget } from './session.ts';

/** Host, database, role and password of a login. */
export interface LoginTarget extends SessionTarget {
  readonly password: string;
}

/** The administrator in `postgres`, from which databases are created and dropped without a session in them. */
export function adminLogin(
  host: string,
  { username, password }: Credentials,
  applicationName: string,
  serverFacts: ServerFacts,
): LoginTarget {
  return { host, port: 5432, database: 'postgres', user: username, password, applicationName, serverFacts };
}

export type LoginResult = { readonly session: Session } | { readonly failure: LoginFailure };

/** A login in progress. */
export interface LoginAttempt {
  readonly result: Promise<LoginResult>;
  /** Whether the server has sent anything so far. */
  readonly serverResponded: () => boolean;
  /** Resolves when the server sends something for the first time; never if it does not. */
  readonly responded: Promise<void>;
  /** Ends the attempt at once. A session that it has opened is closed. */
  readonly end: () => void;
}

/**
 * Tries once to log in, over verified TLS.
 * @param target without a password, the login only shows whether the firewall admits this runner: a server that asks
 *   for a password gives a failure of kind `refused`, and nothing is sent to it
 * @param timeoutMs milliseconds until the attempt counts as blocked
 * @param signal ends the attempt, which then fails with the reason of the signal
 */
export function login(target: SessionTarget, timeoutMs: number, signal: AbortSignal): LoginAttempt {
  const session = new Session(target, timeoutMs, signal);
  return {
    result: connectSession(session, target),
    serverResponded: () => session.serverResponded,
    responded: session.responded,
    end: () => session.destroy(),
  };
}

async function connectSession(session: Session, target: SessionTarget): Promise<LoginResult> {
  try {
    await session.connect();
    return { session };
  } catch (error) {
    void session.close();
    const failure = classifyLoginError(error, target);
    // A firewall sends nothing. A server that has sent something is slow, and must not lead to a firewall rule.
    const isSlow = failure.kind === 'blocked' && failure.isSilent === true && session.serverResponded;
    return { failure: isSlow ? slowServerFailure : failure };
  }
}
