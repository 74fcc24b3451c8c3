import type { DatabaseConfig, RoleConfig } from '../inputs/types.ts';

/** What `drop` and `sweep` delete of one pull request. */
export interface PullRequestTeardown {
  /** Undefined if the database of this name does not belong to the pull request: then only its roles are deleted. */
  readonly database: Pick<DatabaseConfig, 'name' | 'marker'> | undefined;
  readonly roles: readonly RoleConfig[];
  /** Delete the database only if its marker states that it had expired by then; undefined: regardless of its expiry. */
  readonly expiredBy: Date | undefined;
}
