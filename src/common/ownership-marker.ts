import { asObject, type JsonObject, parseJsonObject } from './json.ts';

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

/** The options of a membership in a role; before PostgreSQL 16 they do not exist, and both are true. */
export interface MembershipOptions {
  readonly inherit: boolean;
  readonly set: boolean;
}

/**
 * Set while a migration as the administrator runs: the administrator is then a member of the role. The value is its own
 * grant of the role before the migration, which is restored; null if there was none.
 */
export interface MigrationMembership {
  readonly before: MembershipOptions | null;
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
  /** Only of the role of a base database. */
  readonly migrationMembership?: MigrationMembership;
}

/** The text of the comment. */
export function serializeMarker(
  marker: (DatabaseMarker | RoleMarker) & Pick<ParsedMarker, 'migrationMembership'>,
  expires?: Date,
): string {
  return JSON.stringify({
    madeBy: MANAGED_BY,
    ...marker,
    ...(expires === undefined ? {} : { expires: expires.toISOString() }),
  });
}

const MARKER_FIELDS = [
  'madeBy',
  'kind',
  'repositoryId',
  'pullRequest',
  'base',
  'database',
  'expires',
  'migrationMembership',
];

/** Characters of the longest comment that is parsed. Names have at most 63 bytes, so markers are far shorter. */
const MAX_COMMENT_LENGTH = 1000;

/** Parses a comment. @returns undefined if it is not exactly a marker of this action */
export function parseMarker(comment: string | null | undefined): ParsedMarker | undefined {
  const parsed = parseComment(comment);
  if (parsed === undefined || parsed['madeBy'] !== MANAGED_BY) return undefined;
  if (Object.keys(parsed).some((field) => !MARKER_FIELDS.includes(field))) return undefined;
  const { repositoryId, base, database } = parsed;
  if (typeof repositoryId !== 'string' || !/^\d{1,20}$/.test(repositoryId)) return undefined;
  if (!isNonEmptyString(base) || !(database === undefined || isNonEmptyString(database))) return undefined;
  const common = { repositoryId, base, database };
  return parsed['kind'] === 'base' ? parseBaseMarker(common, parsed) : parsePullRequestMarker(common, parsed);
}

type CommonFields = Pick<ParsedMarker, 'repositoryId' | 'base' | 'database'>;

function parseBaseMarker(
  common: CommonFields,
  { pullRequest, expires, migrationMembership }: JsonObject,
): ParsedMarker | undefined {
  const membership = parseMigrationMembership(migrationMembership);
  if (pullRequest !== undefined || expires !== undefined || membership === null) return undefined;
  const marker = { ...common, kind: 'base', pullRequest, expires } as const;
  return membership === undefined ? marker : { ...marker, migrationMembership: membership };
}

function parsePullRequestMarker(
  common: CommonFields,
  { kind, pullRequest, expires, migrationMembership }: JsonObject,
): ParsedMarker | undefined {
  const expiresAt = parseTimestamp(expires);
  if (kind !== 'pull-request' || !isPositiveInteger(pullRequest)) return undefined;
  if (expiresAt === null || migrationMembership !== undefined) return undefined;
  return { ...common, kind, pullRequest, expires: expiresAt };
}

/** Undefined if it is not set, null if it is not valid. */
function parseMigrationMembership(value: unknown): MigrationMembership | undefined | null {
  if (value === undefined) return undefined;
  const membership = asObject(value);
  if (membership === undefined || Object.keys(membership).join() !== 'before') return null;
  if (membership['before'] === null) return { before: null };
  const options = asObject(membership['before']);
  const { inherit, set } = options ?? {};
  return Object.keys(options ?? {}).length === 2 && typeof inherit === 'boolean' && typeof set === 'boolean'
    ? { before: { inherit, set } }
    : null;
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
