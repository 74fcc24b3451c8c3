import pg from 'pg';
import { type ActionError, fail } from '../errors.ts';
import {
  type DatabaseOfRole,
  databasesOfRole,
  insideDatabaseOfRole,
  type Looking,
  type PullRequestRole,
  settledState,
} from './databases-of-role.ts';
import { type Owned, ownedHere, ownedOnServer } from './owned-objects.ts';
import { type PreparedTransaction, preparedLine, preparedTransactions } from './sessions.ts';

/** Something of a role that keeps it from being dropped. */
export interface Belonging {
  /** Where it is, and what. */
  readonly line: string;
  /** What its owner can do about it: sentences with statements. */
  readonly remedies: readonly string[];
}

/**
 * What keeps a role from being dropped: nothing is dropped and no transaction is rolled back outside the pull request's
 * own database, so whoever knows what these are has to decide about them.
 * @param dropped the pull request's own database, which goes before the role; undefined where it is gone
 */
export async function belongingsElsewhere(
  looking: Looking,
  role: PullRequestRole,
  dropped: { readonly name: string; readonly oid: string } | undefined,
): Promise<readonly Belonging[]> {
  const { session } = looking.reader;
  const found: Belonging[] = [];
  for (const database of await databasesOfRole(looking.reader, role)) {
    if (database.oid === dropped?.oid) continue;
    const owned =
      database.owned === 0
        ? await settledState(looking, database)
        : await insideDatabaseOfRole(looking, database, (inside) =>
            ownedHere(inside, role.oid, database.ofPullRequest),
          );
    if (owned === 'closed') found.push(inClosed(database));
    else if (typeof owned === 'object' && owned.count > 0) found.push(inDatabase(role, database.name, owned));
  }
  const ofServer = await ownedOnServer(session, role.oid, dropped?.name);
  if (ofServer.count > 0)
    found.push({
      line: `on the server itself: ${sentence(ofServer)}`,
      remedies: remediesFor(role, ofServer),
    });
  return [...found, ...(await preparedElsewhere(looking, role, dropped?.oid))];
}

/** Those that hold a lock on the pull request's own database are rolled back with what is in it, and in its plan. */
async function preparedElsewhere(
  { reader: { session } }: Looking,
  { oid }: PullRequestRole,
  dropped: string | undefined,
): Promise<readonly Belonging[]> {
  const all = await preparedTransactions(session, 'of the role', { oid });
  if (all.length === 0 || dropped === undefined) return all.map(prepared);
  const going = [
    ...(await preparedTransactions(session, 'in the database', { oid: dropped })),
    ...(await preparedTransactions(session, 'that lock the database', { oid: dropped })),
  ].map(({ gid }) => gid);
  return all.filter(({ gid }) => !going.includes(gid)).map(prepared);
}

/** A prepared transaction that somebody has to end. */
export function prepared(transaction: PreparedTransaction): Belonging {
  const { gid, owner, database } = transaction;
  const literal = pg.escapeLiteral(gid);
  return {
    line: preparedLine(transaction),
    remedies: [
      `In database '${database}', as ${owner}: ROLLBACK PREPARED ${literal}; to discard what it did, or COMMIT PREPARED ${literal}; to keep it.`,
    ],
  };
}

/** What a role owns in a database, as a refusal shows it. */
export const inDatabase = (role: PullRequestRole, database: string, owned: Owned): Belonging => ({
  line: `in database '${database}': ${sentence(owned)}`,
  remedies: remediesFor(role, owned),
});

/** A database that cannot be entered, so neither can rights be revoked nor objects be named there. */
export const inClosed = ({ name, owned, ofPullRequest }: DatabaseOfRole): Belonging => ({
  line: `in database '${name}', which admin-username may not enter: ${owned === 0 ? 'rights only' : plural(owned)}`,
  remedies: [
    ofPullRequest
      ? `Database '${name}' was made for a pull request, and dropping it was interrupted: run mode: drop for that pull request, or mode: sweep.`
      : `Open database '${name}', or let its owner do so: ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS true; GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(name)} TO the role that admin-username names. The next run then names what is in it.`,
  ],
});

const plural = (count: number): string => `${count} object${count === 1 ? '' : 's'}`;

const sentence = ({ count, named }: Owned): string =>
  count > named.length ? `${plural(count)}, such as ${named.join(', ')}` : named.join(', ');

/** Kinds that REASSIGN OWNED and DROP OWNED do not treat as they treat objects of a database. */
const special = ['policy', 'user mapping', 'database', 'subscription'];

function remediesFor({ name }: PullRequestRole, { types }: Owned): readonly string[] {
  const role = pg.escapeIdentifier(name);
  const asMember = `GRANT ${role} TO CURRENT_USER; then`;
  const has = (type: string): boolean => types.includes(type);
  return [
    types.some((type) => !special.includes(type)) &&
      `${asMember} in each of these databases REASSIGN OWNED BY ${role} TO CURRENT_USER; to keep the objects, or DROP OWNED BY ${role}; to delete them.`,
    has('database') &&
      `${asMember} REASSIGN OWNED BY ${role} TO CURRENT_USER; in any database to keep the databases that it owns, or DROP DATABASE for each that is to go.`,
    has('subscription') &&
      `A subscription needs ALTER SUBSCRIPTION … OWNER TO another role, or DROP SUBSCRIPTION, in its own database.`,
    has('policy') &&
      'A policy that is for this role alone needs ALTER POLICY … TO another role, or DROP POLICY.',
    has('user mapping') &&
      `A user mapping, which REASSIGN OWNED leaves as it is, needs DROP USER MAPPING FOR ${role} SERVER the server that is named with it.`,
  ].filter((remedy) => remedy !== false);
}

/** Why a role stays, and what to run. */
export const staysFor = (role: string, belongings: readonly Belonging[], rest = ''): ActionError =>
  fail('drop-refused', {
    what: `Role '${role}'`,
    reason: "outside the pull request's database, where nothing is dropped, these belong to it:",
    lines: belongings.map(({ line }) => line),
    rest,
    advice: 'As admin-username, except where another role is named, do this, and run the step again:',
    statements: [...new Set(belongings.flatMap(({ remedies }) => remedies))],
  });
