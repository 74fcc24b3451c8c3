import { getErrorMessage } from '../common/errors.ts';
import { isSqlState } from './pg-errors.ts';

/**
 * Why a login did not come about (design.md, Reach by probing).
 * - `blocked`: the firewall; the only kind that may lead to a rule
 * - `refused`: the server or TLS said no, and would say no again
 * - `passing`: may be different in a moment (starting up, DNS of a new server, a broken connection)
 */
export interface LoginFailure {
  readonly kind: 'blocked' | 'refused' | 'passing';
  readonly reason: string;
  readonly advice: string;
  /** PostgreSQL's own code, where it is PostgreSQL that refused. */
  readonly sqlState?: string;
  /** That nothing at all was answered in time. */
  readonly isSilent?: true;
  /** Our address as PostgreSQL's own refusal names it. */
  readonly address?: string;
}

const PASSWORD_AUTH_HINT =
  'Check which server answers under this name, and that the role is one that logs in with a password of PostgreSQL.';

/**
 * A server's request for a password that the session does not answer: one in clear text never, and none at all where
 * the login has no password.
 */
export class PasswordRequestError extends Error {
  readonly advice: string;

  /** @param rejectedRequests which requests the login does not answer */
  constructor(rejectedRequests: 'clear text' | 'any') {
    super(
      rejectedRequests === 'any'
        ? 'the server asks for a password, so the firewall admits this runner'
        : 'the server asks for the password in clear text, and the password was not sent',
    );
    this.name = 'PasswordRequestError';
    this.advice = rejectedRequests === 'any' ? '' : PASSWORD_AUTH_HINT;
  }
}

const HINT_BY_SQL_STATE: Readonly<Record<string, string>> = {
  '28P01':
    'Check admin-username and admin-password (az postgres flexible-server update --admin-password sets a new one).',
  '28000': 'Check that this role may log in, and that password authentication is enabled on the server.',
  '3D000': 'Check the name of the database.',
  '42501': 'Grant the role CONNECT on this database.',
};

/**
 * For a role whose password was refused (28P01) although it has just been set: PostgreSQL keeps what it was given, a SCRAM
 * verifier, and servers made before about October 2024 may accept passwords that are stored as MD5 only.
 */
export const SCRAM_VERIFIER_HINT =
  'Its password has just been set, as a SCRAM verifier. Look at the server parameters password_encryption and azure.accepted_password_auth_method: where the second has no scram-sha-256, set it to md5,scram-sha-256 (az postgres flexible-server parameter set). Otherwise another job has set another password since.';

/** SQLSTATEs of a server that is not ready for this session yet: starting, shutting down, out of connections. */
const TRANSIENT_SQL_STATES = ['57P03', '57P01', '57P02', '53300'];

/** Sorts what a login attempt threw. */
export function classifyLoginError(error: unknown): LoginFailure {
  const message = getErrorMessage(error);
  const code = getErrorCode(error);
  if (error instanceof PasswordRequestError)
    return { kind: 'refused', reason: message, advice: error.advice };
  // What PostgreSQL itself says comes first: no text in it can make it look like a block.
  if (isSqlState(code)) return fromSqlState(code, message);
  // The driver's own checks of SCRAM: the server cannot prove itself, or wants what the driver does not do.
  if (/^SASL: /.test(message)) return { kind: 'refused', reason: message, advice: PASSWORD_AUTH_HINT };
  if (message === 'timeout expired' || code === 'ETIMEDOUT') {
    return { kind: 'blocked', reason: 'the connection timed out', advice: '', isSilent: true };
  }
  if (
    /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code) ||
    /does not support SSL/.test(message)
  ) {
    const advice =
      'TLS is always verified. Where a proxy or a private authority stands in between, name its root in NODE_EXTRA_CA_CERTS.';
    return { kind: 'refused', reason: `the TLS connection could not be verified: ${message}`, advice };
  }
  return transientFailure(message || code);
}

/** Of a server that has begun to answer, and did not come to an end in time. */
export const slowServerFailure: LoginFailure = {
  kind: 'passing',
  reason: 'the server answered, but did not complete the login in time',
  advice: 'Check the load of the server in the Azure portal.',
};

function fromSqlState(code: string, message: string): LoginFailure {
  if (code === '28000' && /no pg_hba\.conf entry/.test(message)) return fromPgHbaError(message);
  if (TRANSIENT_SQL_STATES.includes(code)) return transientFailure(message);
  return {
    kind: 'refused',
    reason: `${message} (SQLSTATE ${code})`,
    advice: HINT_BY_SQL_STATE[code] ?? 'Correct what PostgreSQL names.',
    sqlState: code,
  };
}

const transientFailure = (reason: string): LoginFailure => ({
  kind: 'passing',
  reason,
  advice: 'Check the server’s health in the Azure portal, and the network of the runner.',
});

/** `no encryption` means that TLS was off and tells nothing of the firewall; over TLS our address is shut out (facts.md §5). */
function fromPgHbaError(message: string): LoginFailure {
  if (message.includes('no encryption')) {
    return {
      kind: 'refused',
      reason: message,
      advice: 'The connection arrived without TLS: see what stands between the runner and the server.',
    };
  }
  const address = /for host "(\d{1,3}(?:\.\d{1,3}){3})"/.exec(message)?.[1];
  return { kind: 'blocked', reason: message, advice: '', ...(address === undefined ? {} : { address }) };
}

function getErrorCode(error: unknown): string {
  const candidates = error instanceof AggregateError ? error.errors : [error];
  const code = candidates
    .map((e: unknown) => (e as { code?: unknown } | null)?.code)
    .find((c) => typeof c === 'string');
  return typeof code === 'string' ? code : '';
}
