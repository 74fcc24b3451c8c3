import { ACTIONS_BOT, type Account, userAccount } from './accounts.ts';
import { type GitHubError, gitHubErrors } from './errors.ts';

export type PermissionLevel = 'read' | 'write';

/** What a token may do, by the names that a workflow's `permissions:` have; what is missing is forbidden. */
export type Permissions = Readonly<Record<string, PermissionLevel>>;

/** Whom a request comes from, and what it may do. */
export interface Caller {
  readonly account: Account;
  /** `all` for a token that nobody registered: whoever drives the action by hand brings their own. */
  readonly permissions: Permissions | 'all';
  /** Keys of the repositories that it reaches; others do not exist for it. */
  readonly repositories: ReadonlySet<string> | 'all';
  /** Requests in an hour ("Rate limits for the REST API": 1000 by a job's token in a repository, else 5000). */
  readonly hourlyLimit: number;
}

/** What a control call says of a token. */
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

/** The tokens that control has named. */
export class TokenRegistry {
  readonly #registered = new Map<string, RegisteredToken>();

  /** Register a token for a repository, or change what is known of it; without permissions it has all. */
  register(token: string, change: TokenChange, repositoryKey: string): void {
    const known = this.#registered.get(token) ?? {
      permissions: 'all',
      login: undefined,
      revoked: false,
      repositories: new Set(),
    };
    this.#registered.set(token, {
      permissions: change.permissions ?? known.permissions,
      login: change.login ?? known.login,
      revoked: change.revoked ?? known.revoked,
      repositories: known.repositories.add(repositoryKey),
    });
  }

  /** Who sends this `Authorization` header; 401 without a token, with a revoked one, and for any other scheme. */
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
 * Check that a token has one of these permissions at this level or above.
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
