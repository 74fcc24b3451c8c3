import { type JsonObject, parseJsonObject } from './json.ts';

/**
 * Ownership markers: JSON that the action writes as COMMENT ON DATABASE and COMMENT ON ROLE, to recognize what it has
 * created. A marker that is read is untrusted input. It is parsed strictly, and src/reconcile/ownership.ts decides
 * whether it is trusted.
 */

const MANAGED_BY = 'azure-postgresql-action';

/** The marker of a pull request's database. */
export interface DatabaseMarker {
  readonly kind: 'pull-request';
  /** GitHub's numeric id. */
  readonly repositoryId: string;
  readonly pullRequest: number;
  /** The input `database`, from which the name of the database is derived. */
  readonly base: string;
}

/** The marker of an application role, of a pull request or of a base database. */
export type RoleMarker = PullRequestRoleMarker | BaseRoleMarker;

/** `base` is the input `app-username`. */
export interface PullRequestRoleMarker extends DatabaseMarker {
  /** The input `database` of the database that the role is for. */
  readonly database: string;
}

interface BaseRoleMarker {
  readonly kind: 'base';
  readonly repositoryId: string;
  readonly base: string;
  readonly database: string;
}

/** A marker that was read, with every field that a marker can have. */
export interface ParsedMarker {
  readonly kind: 'pull-request' | 'base';
  readonly repositoryId: string;
  readonly pullRequest: number | undefined;
  readonly base: string;
  readonly database: string | undefined;
  /** When a sweep may drop the database. */
  readonly expires: Date | undefined;
}

/** The text of the comment. */
export function serializeMarker(marker: DatabaseMarker | RoleMarker, expires?: Date): string {
  return JSON.stringify({
    madeBy: MANAGED_BY,
    ...marker,
    ...(expires === undefined ? {} : { expires: expires.toISOString() }),
  });
}

const MARKER_FIELDS = ['madeBy', 'kind', 'repositoryId', 'pullRequest', 'base', 'database', 'expires'];

/** Characters of the longest comment that is parsed. Names have at most 63 bytes, so markers are far shorter. */
const MAX_COMMENT_LENGTH = 1000;

/** Parses a comment. @returns undefined if it is not exactly a marker of this action */
export function parseMarker(comment: string | null | undefined): ParsedMarker | undefined {
  const parsed = parseComment(comment);
  if (parsed === undefined || parsed['madeBy'] !== MANAGED_BY) return undefined;
  if (Object.keys(parsed).some((field) => !MARKER_FIELDS.includes(field))) return undefined;
  const { kind, repositoryId, pullRequest, base, database, expires } = parsed;
  if (typeof repositoryId !== 'string' || !/^\d{1,20}$/.test(repositoryId)) return undefined;
  if (!isNonEmptyString(base) || !(database === undefined || isNonEmptyString(database))) return undefined;
  const common = { repositoryId, base, database };
  if (kind === 'base')
    return pullRequest === undefined && expires === undefined
      ? { ...common, kind, pullRequest, expires }
      : undefined;
  const expiresAt = parseTimestamp(expires);
  if (kind !== 'pull-request' || !isPositiveInteger(pullRequest) || expiresAt === null) return undefined;
  return { ...common, kind, pullRequest, expires: expiresAt };
}

const isNonEmptyString = (value: unknown): value is string => typeof value === 'string' && value !== '';

const parseComment = (comment: string | null | undefined): JsonObject | undefined =>
  comment?.startsWith('{') && comment.length <= MAX_COMMENT_LENGTH ? parseJsonObject(comment) : undefined;

const isPositiveInteger = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

/** Accepts only the format that this action writes, because other formats can be read as another time; else null. */
function parseTimestamp(value: unknown): Date | undefined | null {
  if (value === undefined) return undefined;
  const timestamp = typeof value === 'string' ? new Date(value) : undefined;
  if (timestamp === undefined || Number.isNaN(timestamp.getTime())) return null;
  return timestamp.toISOString() === value ? timestamp : null;
}

/** Whether all fields except the expiry are equal. */
export function markersMatch(
  actual: ParsedMarker | undefined,
  expected: DatabaseMarker | RoleMarker,
): boolean {
  if (actual === undefined) return false;
  const { database, pullRequest } = { database: undefined, pullRequest: undefined, ...expected };
  return (
    actual.kind === expected.kind &&
    actual.repositoryId === expected.repositoryId &&
    actual.pullRequest === pullRequest &&
    actual.base === expected.base &&
    actual.database === database
  );
}
