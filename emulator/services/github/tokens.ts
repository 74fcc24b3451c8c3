import { ACTIONS_BOT, type Account, userAccount } from './accounts.ts';
import { type GitHubError, gitHubErrors } from './github-errors.ts';

export type PermissionLevel = 'read' | 'write';

/** The permissions of a token, by the names in a workflow's `permissions:`. A missing one is not granted. */
export type Permissions = Readonly<Record<string, PermissionLevel>>;

/** The account behind a token, with its access rights. */
export interface Caller {
  readonly account: Account;
  /** `all` for a token that was not registered, so that the action can be run manually with any token. */
  readonly permissions: Permissions | 'all';
  /** Keys of the repositories that the token can access. */
  readonly repositories: ReadonlySet<string> | 'all';
  /** Requests per hour ("Rate limits for the REST API": 1000 for a job's token, otherwise 5000). */
  readonly hourlyLimit: number;
}

/** The changes to a token by a control call. */
export interface TokenChange {
  readonly permissions: Permissions | undefined;
  readonly login: string | undefined;
  readonly revoked: boolean | undefined;
}

interface RegisteredToken {
  permissions: Permissions | 'all';
  login: string | undefined;
  revoked: boolean;
  readonly repositories: Set<string>;
}

const UNREGISTERED_CALLER: Caller = {
  account: ACTIONS_BOT,
  permissions: 'all',
  repositories: 'all',
  hourlyLimit: 5000,
};

/** The tokens that control calls have registered. */
export class TokenRegistry {
  readonly #registered = new Map<string, RegisteredToken>();

  /** Register a token for a repository, or change it. A new token without permissions has all of them. */
  register(token: string, change: TokenChange, repositoryKey: string): void {
    const current = this.#registered.get(token) ?? {
      permissions: 'all',
      login: undefined,
      revoked: false,
      repositories: new Set(),
    };
    this.#registered.set(token, {
      permissions: change.permissions ?? current.permissions,
      login: change.login ?? current.login,
      revoked: change.revoked ?? current.revoked,
      repositories: current.repositories.add(repositoryKey),
    });
  }

  /** The caller with this `Authorization` header, or a 401 error without a token, for a revoked one, and for another scheme. */
  authenticate(authorization: string | undefined): Caller | GitHubError {
    if (authorization === undefined || authorization.trim() === '')
      return gitHubErrors.requiresAuthentication();
    const [, token] = /^(?:token|bearer)\s+(\S+)\s*$/i.exec(authorization) ?? [];
    if (token === undefined) return gitHubErrors.badCredentials();
    const known = this.#registered.get(token);
    if (known === undefined) return UNREGISTERED_CALLER;
    if (known.revoked) return gitHubErrors.badCredentials();
    const { permissions, login, repositories } = known;
    return {
      account: login === undefined ? ACTIONS_BOT : userAccount(login),
      permissions,
      repositories,
      hourlyLimit: login === undefined ? 1000 : 5000,
    };
  }
}

const LEVEL_RANKS: Readonly<Record<PermissionLevel, number>> = { read: 1, write: 2 };

/**
 * Check that a token has one of these permissions at this level or a higher one.
 * @throws {GitHubError} 403 Resource not accessible.
 */
export function checkPermission(caller: Caller, anyOf: readonly string[], level: PermissionLevel): void {
  const { permissions, account } = caller;
  if (permissions === 'all') return;
  const has = (name: string) => {
    const granted = permissions[name];
    return granted !== undefined && LEVEL_RANKS[granted] >= LEVEL_RANKS[level];
  };
  if (anyOf.some(has)) return;
  throw gitHubErrors.notAccessible(account.type === 'Bot' ? 'integration' : 'personal access token');
}
