import { type JsonObject, parseJsonObject } from './json.ts';

/**
 * Marks: what the action writes as COMMENT ON DATABASE and COMMENT ON ROLE, by which it knows its own again (design.md,
 * Marks). Whatever is read back is data from outside: parsed strictly, and never trusted further than it can be checked.
 */

const MANAGED_BY = 'azure-postgresql-action';

/** Of a pull request's database. */
export interface DatabaseMarker {
  readonly kind: 'pull-request';
  /** GitHub's numeric id. */
  readonly repositoryId: string;
  readonly pullRequest: number;
  /** The input `database`, from which the database's name is made. */
  readonly base: string;
}

/** Of an application role: a pull request's, or a base database's. */
export type RoleMarker = PullRequestRoleMarker | BaseRoleMarker;

interface PullRequestRoleMarker extends DatabaseMarker {
  /** The input `database`, for whose database alone the role is; `base` is the input `app-username`. */
  readonly database: string;
}

interface BaseRoleMarker {
  readonly kind: 'base';
  readonly repositoryId: string;
  readonly base: string;
  readonly database: string;
}

/** A mark as it was read: every field that a mark can have. */
export interface ParsedMarker {
  readonly kind: 'pull-request' | 'base';
  readonly repositoryId: string;
  readonly pullRequest: number | undefined;
  readonly base: string;
  readonly database: string | undefined;
  /** After this moment the database may be swept. */
  readonly expires: Date | undefined;
}

/** The comment's text. */
export function serializeMarker(marker: DatabaseMarker | RoleMarker, expires?: Date): string {
  return JSON.stringify({
    madeBy: MANAGED_BY,
    ...marker,
    ...(expires === undefined ? {} : { expires: expires.toISOString() }),
  });
}

const MARKER_FIELDS = ['madeBy', 'kind', 'repositoryId', 'pullRequest', 'base', 'database', 'expires'];

/** Bytes of the longest comment that is looked at: names have 63 at most, so marks are far shorter. */
const MAX_COMMENT_LENGTH = 1000;

/** The mark that a comment is; undefined where it is none of ours in every point. */
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

/** Of the one form in which it is written, so that no reading of dates can differ; null for any other. */
function parseTimestamp(value: unknown): Date | undefined | null {
  if (value === undefined) return undefined;
  const timestamp = typeof value === 'string' ? new Date(value) : undefined;
  if (timestamp === undefined || Number.isNaN(timestamp.getTime())) return null;
  return timestamp.toISOString() === value ? timestamp : null;
}

/** Whether a mark that was read says the same as the one that a thing of ours would bear; its expiry aside. */
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
