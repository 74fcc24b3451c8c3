import { type Account, actionsBot, personOf } from './accounts.ts';
import { type GitHubError, gitHubErrors } from './errors.ts';

export type Level = 'read' | 'write';

/** What a token may do, by the names that a workflow's `permissions:` have; what is missing is forbidden. */
export type Permissions = Readonly<Record<string, Level>>;

/** Whom a request comes from, and what it may do. */
export interface Caller {
  readonly account: Account;
  /** `all` for a token that nobody registered: whoever drives the action by hand brings their own. */
  readonly permissions: Permissions | 'all';
  /** Keys of the repositories that it reaches; others do not exist for it. */
  readonly repositories: ReadonlySet<string> | 'all';
  /** Requests in an hour ("Rate limits for the REST API": 1000 by a job's token in a repository, else 5000). */
  readonly hourly: number;
}

/** What a control call says of a token. */
export interface TokenChange {
  readonly permissions: Permissions | undefined;
  readonly login: string | undefined;
  readonly revoked: boolean | undefined;
}

interface Registered {
  permissions: Permissions | 'all';
  login: string | undefined;
  revoked: boolean;
  readonly repositories: Set<string>;
}

const unregistered: Caller = {
  account: actionsBot,
  permissions: 'all',
  repositories: 'all',
  hourly: 5000,
};

/** The tokens that control has named. */
export class Tokens {
  readonly #registered = new Map<string, Registered>();

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
  callerOf(authorization: string | undefined): Caller | GitHubError {
    if (authorization === undefined || authorization.trim() === '')
      return gitHubErrors.requiresAuthentication();
    const [, token] = /^(?:token|bearer)\s+(\S+)\s*$/i.exec(authorization) ?? [];
    if (token === undefined) return gitHubErrors.badCredentials();
    const known = this.#registered.get(token);
    if (known === undefined) return unregistered;
    if (known.revoked) return gitHubErrors.badCredentials();
    const { permissions, login, repositories } = known;
    return {
      account: login === undefined ? actionsBot : personOf(login),
      permissions,
      repositories,
      hourly: login === undefined ? 1000 : 5000,
    };
  }
}

const ranks: Readonly<Record<Level, number>> = { read: 1, write: 2 };

/**
 * Check that a token has one of these permissions at this level or above.
 * @throws {GitHubError} 403 Resource not accessible.
 */
export function checkPermission(caller: Caller, anyOf: readonly string[], level: Level): void {
  const { permissions, account } = caller;
  if (permissions === 'all') return;
  const has = (name: string) => {
    const granted = permissions[name];
    return granted !== undefined && ranks[granted] >= ranks[level];
  };
  if (anyOf.some(has)) return;
  throw gitHubErrors.notAccessible(account.type === 'Bot' ? 'integration' : 'personal access token');
}
