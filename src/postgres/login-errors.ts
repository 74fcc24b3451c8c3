import pg from 'pg';
import { getErrorMessage } from '../common/errors.ts';
import type { ServerFacts } from '../common/server-facts.ts';
import { shellQuote } from '../common/shell-quote.ts';
import {
  type ConnectionLimitScope,
  connectionLimitScope,
  explainPgError,
  isSqlState,
  type SqlStateHints,
} from './pg-errors.ts';

/**
 * Why a login failed.
 * - `blocked`: by the firewall; the only kind that can lead to a firewall rule
 * - `refused`: by the server or by TLS verification; another attempt would fail too
 * - `transient`: another attempt can succeed (the server starts, DNS of a new server, a broken connection)
 */
export interface LoginFailure {
  readonly kind: 'blocked' | 'refused' | 'transient';
  readonly reason: string;
  readonly hint: string;
  /** PostgreSQL's SQLSTATE, when PostgreSQL refused the login. */
  readonly sqlState?: string;
  /** Whose limit of connections is reached (53300). */
  readonly limitScope?: ConnectionLimitScope;
  /** Set when nothing was received within the timeout. */
  readonly isSilent?: true;
  /** This runner's IPv4 address as PostgreSQL sees it, when its error names one. */
  readonly address?: string;
}

const PASSWORD_AUTH_HINT =
  'Check which server answers under this name, and that the role logs in with a PostgreSQL password.';

/** The server asks for a password in clear text, or asks a login without a password for one. */
export class PasswordRequestError extends Error {
  readonly hint: string;

  /** @param request how the server asks for the password; `any` if the login answers none of its requests */
  constructor(request: 'clear text' | 'MD5' | 'SASL' | 'any') {
    super(
      request === 'any'
        ? 'the server asks for a password, so the firewall admits this runner'
        : `the server asks for the password in ${request}, and the password was not sent`,
    );
    this.name = 'PasswordRequestError';
    this.hint = request === 'any' ? '' : PASSWORD_AUTH_HINT;
  }
}

/** Who logs in, and where. */
export interface LoginSubject {
  readonly user: string;
  readonly database: string;
  readonly serverFacts?: ServerFacts;
}

/** What to do about a refused login. */
function loginHints({ user, database, serverFacts = {} }: LoginSubject): SqlStateHints {
  const [role, inDatabase] = [pg.escapeIdentifier(user), pg.escapeIdentifier(database)];
  return {
    '28P01': passwordHint(user, serverFacts),
    '28000': `Check that password authentication is enabled on the server, and that the role may log in. An administrator of the server permits that with: ALTER ROLE ${role} LOGIN;`,
    '42501': `Run as the owner of the database: GRANT CONNECT ON DATABASE ${inDatabase} TO ${role};`,
    // Only a startup message names a setting.
    '42704':
      'The server does not have a setting of the action’s sessions. Check whether its major version is being changed, then run the step again.',
    '55000': `The database accepts no connections. If no drop of it is in progress, run as its owner: ALTER DATABASE ${inDatabase} ALLOW_CONNECTIONS true;`,
    '58': `The server cannot load a library that the role or the database presets (local_preload_libraries, or in the same way session_preload_libraries). Remove the preset, as an administrator of the server: ALTER ROLE ${role} RESET local_preload_libraries; or as the owner of the database: ALTER DATABASE ${inDatabase} RESET local_preload_libraries;`,
  };
}

function passwordHint(user: string, { name, resourceGroup, administrator = user }: ServerFacts): string {
  const check = 'Check admin-username and admin-password.';
  if (administrator !== user) return `${check} The administrator of the server is '${administrator}'.`;
  if (name === undefined || resourceGroup === undefined) return check;
  return `${check} To set a new password: az postgres flexible-server update --resource-group ${shellQuote(resourceGroup)} --name ${shellQuote(name)} --admin-password "$NEW_PASSWORD"`;
}

/**
 * For a role whose password is refused (28P01) right after it was set: the action stores a SCRAM verifier, and older
 * servers may accept only passwords that are stored as MD5 (docs/azure-behavior.md#password-storage).
 */
export const SCRAM_VERIFIER_HINT =
  'Its password has just been set, as a SCRAM verifier. Check the server parameters password_encryption and azure.accepted_password_auth_method: if the second does not contain scram-sha-256, set it to md5,scram-sha-256 (az postgres flexible-server parameter set). Otherwise another job has set another password since.';

/** For a role whose password is refused because its time is over, whatever the password is. */
export const expiredPasswordHint = (user: string, validUntil: string): string =>
  `Its passwords are valid until ${validUntil} (VALID UNTIL). Run as an administrator of the server: ALTER ROLE ${pg.escapeIdentifier(user)} VALID UNTIL 'infinity';`;

/** The server starts, shuts down, or has ended its sessions after a crash. */
const TRANSIENT_SQL_STATES = ['57P03', '57P01', '57P02'];

/** Every connection is in use that the server, the database or the role allows. */
const TOO_MANY_CONNECTIONS = '53300';

/** Classifies the error of a login attempt. */
export function classifyLoginError(error: unknown, subject: LoginSubject): LoginFailure {
  const message = getErrorMessage(error);
  const code = getErrorCode(error);
  if (error instanceof PasswordRequestError) return { kind: 'refused', reason: message, hint: error.hint };
  // Checked first, so that no text in an error of PostgreSQL can be taken for a blocked connection.
  if (isSqlState(code)) return fromSqlState(code, message, error, subject);
  // The driver's checks of SCRAM: the server does not prove its identity, or asks for an unsupported mechanism.
  if (/^SASL: /.test(message)) return { kind: 'refused', reason: message, hint: PASSWORD_AUTH_HINT };
  if (message === 'timeout expired' || code === 'ETIMEDOUT') {
    return { kind: 'blocked', reason: 'the connection timed out', hint: '', isSilent: true };
  }
  if (
    /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code) ||
    /does not support SSL/.test(message)
  ) {
    const hint =
      'TLS is always verified. If a proxy or a private certificate authority is used, set NODE_EXTRA_CA_CERTS to the file of its root certificate.';
    return { kind: 'refused', reason: `the TLS connection could not be verified: ${message}`, hint };
  }
  return transientFailure(message || code);
}

/** The server has sent something, but the login did not end within its timeout. */
export const slowServerFailure: LoginFailure = {
  kind: 'transient',
  reason: 'the server answered, but did not complete the login in time',
  hint: 'Check the load of the server in the Azure portal.',
};

function fromSqlState(code: string, message: string, error: unknown, subject: LoginSubject): LoginFailure {
  if (code === '28000' && /no pg_hba\.conf entry/.test(message)) return fromPgHbaError(message);
  const explained = { ...explainPgError(error, loginHints(subject)), sqlState: code };
  if (code === TOO_MANY_CONNECTIONS)
    return { kind: 'transient', ...explained, limitScope: connectionLimitScope(error) };
  return { kind: TRANSIENT_SQL_STATES.includes(code) ? 'transient' : 'refused', ...explained };
}

const transientFailure = (reason: string): LoginFailure => ({
  kind: 'transient',
  reason,
  hint: 'Check the health of the server in the Azure portal, and the network of the runner.',
});

/**
 * `no encryption` reports a connection without TLS, regardless of the firewall rules. Over TLS, the firewall blocks
 * this address (docs/azure-behavior.md#login-errors).
 */
function fromPgHbaError(message: string): LoginFailure {
  if (message.includes('no encryption')) {
    return {
      kind: 'refused',
      reason: message,
      hint: 'The connection reached the server without TLS. Check the proxies between the runner and the server.',
    };
  }
  const address = /for host "(\d{1,3}(?:\.\d{1,3}){3})"/.exec(message)?.[1];
  return { kind: 'blocked', reason: message, hint: '', ...(address === undefined ? {} : { address }) };
}

function getErrorCode(error: unknown): string {
  const candidates = error instanceof AggregateError ? error.errors : [error];
  const code = candidates
    .map((e: unknown) => (e as { code?: unknown } | null)?.code)
    .find((c) => typeof c === 'string');
  return typeof code === 'string' ? code : '';
}
