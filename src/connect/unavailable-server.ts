import { actionError } from '../common/errors.ts';
import type { LoginTarget } from '../postgres/login.ts';
import type { LoginFailure } from '../postgres/login-errors.ts';
import type { ConnectionLimitScope } from '../postgres/pg-errors.ts';

/** What reads the limit of connections that a login has reached; undefined if it cannot be read. */
export interface ConnectionLimitReader {
  readConnectionLimit(scope: ConnectionLimitScope, target: LoginTarget): Promise<number | undefined>;
}

/**
 * A database or a role whose limit of connections is 0 never has a free one, so another attempt cannot succeed.
 * @throws `connections-exhausted` if that is the failure
 */
export async function throwIfConnectionsDisabled(
  reader: ConnectionLimitReader,
  target: LoginTarget,
  failure: LoginFailure,
): Promise<void> {
  const { limitScope } = failure;
  if (limitScope === undefined || limitScope === 'server') return;
  const limit = await reader.readConnectionLimit(limitScope, target);
  if (limit === 0) throw exhaustedError(target, failure, limitScope, limit);
}

/** The error for a transient failure that did not end in time: `connections-exhausted` or `not-reachable`. */
export async function unavailableError(
  reader: ConnectionLimitReader,
  target: LoginTarget,
  failure: LoginFailure,
  cause?: unknown,
): Promise<Error> {
  const { limitScope, reason, hint } = failure;
  if (limitScope === undefined)
    return actionError('not-reachable', { host: target.host, reason, hint }, { cause });
  return exhaustedError(target, failure, limitScope, await reader.readConnectionLimit(limitScope, target));
}

const exhaustedError = (
  { host, user, database }: LoginTarget,
  { reason }: LoginFailure,
  scope: ConnectionLimitScope,
  limit: number | undefined,
): Error =>
  actionError('connections-exhausted', {
    host,
    scope,
    name: scope === 'database' ? database : user,
    limit,
    reason,
  });
