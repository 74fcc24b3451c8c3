import type { ServerFacts } from '../common/server-facts.ts';
import type { Credentials } from '../inputs/types.ts';
import { classifyLoginError, type LoginFailure, slowServerFailure } from './login-errors.ts';
import { Session, type SessionTarget } from './session.ts';

export type { SessionTarget };

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
  /** Milliseconds since the attempt has begun. */
  readonly elapsedMs: () => number;
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
  const start = performance.now();
  return {
    result: connectSession(session, target),
    serverResponded: () => session.serverResponded,
    responded: session.responded,
    end: () => session.destroy(),
    elapsedMs: () => performance.now() - start,
  };
}

async function connectSession(session: Session, target: SessionTarget): Promise<LoginResult> {
  try {
    await session.connect();
    return { session };
  } catch (error) {
    void session.close();
    return { failure: toFailure(session, error, target) };
  }
}

function toFailure(session: Session, error: unknown, target: SessionTarget): LoginFailure {
  const failure = classifyLoginError(error, target);
  // A firewall sends nothing. A server that has sent something is slow, and must not lead to a firewall rule.
  const isSlow = failure.kind === 'blocked' && failure.isSilent === true && session.serverResponded;
  return isSlow ? slowServerFailure : failure;
}

/** A login that starts before Azure has named the server. */
export interface EarlyLogin {
  /**
   * The attempt as one to a target that Azure has named. Undefined if that is another host, role, password or database,
   * or if the attempt may be out of date. It logs in again if the session has been lost, or after a failure that says
   * nothing about a login to this server.
   */
  resume(target: SessionTarget): LoginAttempt | undefined;
  /** The session, as soon as the attempt has a result; undefined if it has failed. It is only read until it is resumed. */
  readonly session: Promise<Session | undefined>;
  /** Ends the login or the session without waiting for it, unless it was resumed. */
  discard(): void;
}

/**
 * Starts an attempt to log in, whose result counts only when it is resumed. The host is not confirmed yet, so the
 * password is used only with SCRAM.
 * @param target,timeoutMs,signal as for {@link login}
 * @param isCurrent whether nothing has happened since that could change the result
 */
export function startEarlyLogin(
  target: LoginTarget,
  timeoutMs: number,
  signal: AbortSignal,
  isCurrent: () => boolean,
): EarlyLogin {
  const discarded = new AbortController();
  const session = new Session(
    { ...target, requiresScram: true },
    timeoutMs,
    AbortSignal.any([signal, discarded.signal]),
  );
  const outcome: Promise<{ readonly error?: unknown }> = session.connect().then(
    () => ({}),
    (error: unknown) => {
      void session.close();
      return { error };
    },
  );
  const start = performance.now();
  let isOver = false;
  return {
    session: outcome.then(({ error }) => (error === undefined ? session : undefined)),
    resume(named) {
      if (isOver || !isSameLogin(target, named) || !isCurrent()) return undefined;
      isOver = true;
      let isEnded = false;
      let repeated: LoginAttempt | undefined;
      const { promise: isRepeated, resolve: onRepeated } = Promise.withResolvers<LoginAttempt>();
      const getResult = async (): Promise<LoginResult> => {
        const { error } = await outcome;
        if (error === undefined) session.addServerFacts(named.serverFacts);
        if (error === undefined && !session.isLost) return { session };
        const failure = toFailure(session, error, named);
        if (isEnded || (!session.isLoggedIn && isConclusive(failure))) return { failure };
        repeated = login(named, timeoutMs, signal);
        onRepeated(repeated);
        return await repeated.result;
      };
      return {
        result: getResult(),
        serverResponded: () => session.serverResponded || (repeated?.serverResponded() ?? false),
        responded: Promise.race([session.responded, isRepeated.then(({ responded }) => responded)]),
        end: () => {
          isEnded = true;
          session.destroy();
          repeated?.end();
        },
        elapsedMs: () => repeated?.elapsedMs() ?? performance.now() - start,
      };
    },
    discard() {
      if (isOver) return;
      isOver = true;
      discarded.abort();
      void session.close();
    },
  };
}

const isSameLogin = (one: SessionTarget, other: SessionTarget): boolean =>
  one.host.toLowerCase() === other.host.toLowerCase() &&
  one.port === other.port &&
  one.database === other.database &&
  one.user === other.user &&
  one.password === other.password;

/** Whether PostgreSQL or the firewall has decided. Otherwise the name may not have existed yet, or a connection was lost. */
const isConclusive = ({ kind, sqlState }: LoginFailure): boolean =>
  kind === 'blocked' || sqlState !== undefined;
