import type { DatabaseConfig, RoleConfig } from '../config/config.ts';
import { isSameMark, type ReadMark } from '../config/marks.ts';
import { seal } from '../config/names.ts';
import { type ActionError, fail } from '../errors.ts';

/**
 * Whose a database or a role is: the filter on everything that alters or drops (law 7). A mark alone proves nothing,
 * since whoever owns a thing can write one; so it counts only on what the administrator itself owns or administers.
 */

/** What is seen of a database that tells whose it is. */
export interface SeenDatabase {
  readonly owner: string;
  /** Whether the owner is the administrator that looks, who alone can have written its mark. */
  readonly ownedByUs: boolean;
  readonly mark: ReadMark | undefined;
  readonly connectionLimit: number;
}

/** What is seen of a role that tells whose it is. */
export interface SeenRole {
  readonly mark: ReadMark | undefined;
  /** Whether the administrator that looks administers it; nobody else can have written its mark. */
  readonly administered: boolean;
}

/** The seal of this database while it is being made. */
export const sealOf = ({ name, mark }: Pick<DatabaseConfig, 'name' | 'mark'>): number =>
  seal(name, ...(mark === undefined ? [] : [mark.kind, mark.repositoryId, mark.pullRequest, mark.base]));

/** Whether a run of ours began to make it and did not come to the end, or is at it just now. */
export const isBeingMade = (seen: SeenDatabase, desired: Pick<DatabaseConfig, 'name' | 'mark'>): boolean =>
  seen.ownedByUs && seen.connectionLimit === sealOf(desired);

/** Whether it is the pull request's database that is meant, of this repository. */
export const isOursToDrop = (seen: SeenDatabase, desired: Pick<DatabaseConfig, 'name' | 'mark'>): boolean =>
  desired.mark !== undefined &&
  seen.ownedByUs &&
  (isSameMark(seen.mark, desired.mark) || isBeingMade(seen, desired));

/** Whether it is the application role that is meant, of this repository and for this database. */
export const isOurRole = (seen: SeenRole, { mark }: Pick<RoleConfig, 'mark'>): boolean =>
  seen.administered && isSameMark(seen.mark, mark);

/** Why a database of this name is not touched. */
export function foreignDatabase(seen: SeenDatabase, { name, mark }: DatabaseConfig): ActionError {
  return fail('not-ours', {
    what: `Database '${name}'`,
    reason: seen.ownedByUs ? whose(seen.mark, mark?.repositoryId) : `it belongs to the role '${seen.owner}'.`,
    advice: 'Choose another database, or remove this one yourself if nobody needs it.',
  });
}

/** Why a role of this name is not touched. */
export function foreignRole(seen: SeenRole, { name, mark }: RoleConfig): ActionError {
  return fail('not-ours', {
    what: `Role '${name}'`,
    reason: seen.administered
      ? whose(seen.mark, mark.repositoryId)
      : 'it was made by somebody else than admin-username, or before the server became PostgreSQL 16.',
    advice: 'Choose another app-username, or remove this role yourself if nobody needs it.',
  });
}

function whose(mark: ReadMark | undefined, repositoryId: string | undefined): string {
  if (mark === undefined) return 'it bears no mark of this action, so somebody else made it.';
  if (repositoryId !== undefined && mark.repositoryId !== repositoryId)
    return `its mark says that it is of another repository (id ${mark.repositoryId}).`;
  const of = mark.pullRequest === undefined ? 'of a base database' : `of pull request #${mark.pullRequest}`;
  const where = mark.database === undefined ? '' : `, for database '${mark.database}'`;
  return `its mark says that it is ${of}, made from '${mark.base}'${where}.`;
}
