/**
 * Marks: what the action writes as COMMENT ON DATABASE and COMMENT ON ROLE, by which it knows its own again (design.md,
 * Marks). Whatever is read back is data from outside: parsed strictly, and never trusted further than it can be checked.
 */

const maker = 'azure-postgresql-action';

/** Of a pull request's database. */
export interface DatabaseMark {
  readonly kind: 'pull-request';
  /** GitHub's numeric id. */
  readonly repositoryId: string;
  readonly pullRequest: number;
  /** The input `database`, from which the database's name is made. */
  readonly base: string;
}

/** Of an application role: a pull request's, or a base database's. */
export type RoleMark = PullRequestRoleMark | BaseRoleMark;

interface PullRequestRoleMark extends DatabaseMark {
  /** The input `database`, for whose database alone the role is; `base` is the input `app-username`. */
  readonly database: string;
}

interface BaseRoleMark {
  readonly kind: 'base';
  readonly repositoryId: string;
  readonly base: string;
  readonly database: string;
}

/** A mark as it was read: every field that a mark can have. */
export interface ReadMark {
  readonly kind: 'pull-request' | 'base';
  readonly repositoryId: string;
  readonly pullRequest: number | undefined;
  readonly base: string;
  readonly database: string | undefined;
  /** After this moment the database may be swept. */
  readonly expires: Date | undefined;
}

/** The comment's text. */
export function markText(mark: DatabaseMark | RoleMark, expires?: Date): string {
  return JSON.stringify({
    madeBy: maker,
    ...mark,
    ...(expires === undefined ? {} : { expires: expires.toISOString() }),
  });
}

const fields = ['madeBy', 'kind', 'repositoryId', 'pullRequest', 'base', 'database', 'expires'];

/** Bytes of the longest comment that is looked at: names have 63 at most, so marks are far shorter. */
const longest = 1000;

/** The mark that a comment is; undefined where it is none of ours in every point. */
export function parseMark(comment: string | null | undefined): ReadMark | undefined {
  const read = objectIn(comment);
  if (read === undefined || read['madeBy'] !== maker) return undefined;
  if (Object.keys(read).some((field) => !fields.includes(field))) return undefined;
  const { kind, repositoryId, pullRequest, base, database, expires } = read;
  if (typeof repositoryId !== 'string' || !/^\d{1,20}$/.test(repositoryId)) return undefined;
  if (!isName(base) || !(database === undefined || isName(database))) return undefined;
  const common = { repositoryId, base, database };
  if (kind === 'base')
    return pullRequest === undefined && expires === undefined
      ? { ...common, kind, pullRequest, expires }
      : undefined;
  const until = momentOf(expires);
  if (kind !== 'pull-request' || !isNumber(pullRequest) || until === null) return undefined;
  return { ...common, kind, pullRequest, expires: until };
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

function objectIn(comment: string | null | undefined): Readonly<Record<string, unknown>> | undefined {
  if (!comment?.startsWith('{') || comment.length > longest) return undefined;
  try {
    return JSON.parse(comment) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

/** Of the one form in which it is written, so that no reading of dates can differ; null for any other. */
function momentOf(value: unknown): Date | undefined | null {
  if (value === undefined) return undefined;
  const moment = typeof value === 'string' ? new Date(value) : undefined;
  if (moment === undefined || Number.isNaN(moment.getTime())) return null;
  return moment.toISOString() === value ? moment : null;
}

/** Whether a mark that was read says the same as the one that a thing of ours would bear; its expiry aside. */
export function isSameMark(read: ReadMark | undefined, own: DatabaseMark | RoleMark): boolean {
  if (read === undefined) return false;
  const { database, pullRequest } = { database: undefined, pullRequest: undefined, ...own };
  return (
    read.kind === own.kind &&
    read.repositoryId === own.repositoryId &&
    read.pullRequest === pullRequest &&
    read.base === own.base &&
    read.database === database
  );
}
