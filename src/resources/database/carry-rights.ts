import pg from 'pg';
import type { RunContext } from '../../common/polling.ts';
import { sanitizeText } from '../../common/sanitize.ts';
import type { DatabaseConfig, RoleConfig } from '../../inputs/types.ts';
import { readCurrentUser } from '../../postgres/admin-sessions.ts';
import type { Session } from '../../postgres/session.ts';
import type { NotCarried } from '../../reconcile/findings.ts';
import { findPullRequestRoleNames } from '../../reconcile/ownership.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import {
  BASE_ROLE_RIGHTS_SQL,
  DEFAULT_PRIVILEGES_SQL,
  EXTEND_RIGHTS_SQL,
  type RolePair,
} from './base-role-rights.ts';
import {
  executeAsOwners,
  listObjectsOfOtherRoles,
  type ObjectStatement,
  objectKey,
  TRANSFERABLE_TYPES,
  transferAllObjects,
} from './transfer-ownership.ts';

/** Whose rights a database that was cloned carries to which role. */
export interface CarriedRights extends RolePair {
  /** The role in `admin-username`. */
  readonly administrator: string;
  /** The input `template`; undefined for a database that was created empty. */
  readonly template: string | undefined;
}

/**
 * Gives the contents of a database to its application role: the role owns the objects, and gets the grants, policies and
 * default privileges that name `app-username`. Warns about what is not carried, with the reason for each.
 * @param session of the administrator, in the database itself
 */
export async function carryRights(
  { run, reader }: SqlWriterDeps,
  session: Session,
  { name: database, template }: Pick<DatabaseConfig, 'name' | 'template'>,
  { name: role, base, marker }: RoleConfig,
): Promise<void> {
  const roles = [role, base];
  // The owner of a foreign server needs USAGE on its foreign-data wrapper.
  const onWrappers = await session.query<ObjectStatement & pg.QueryResultRow>(
    `SELECT * FROM (${EXTEND_RIGHTS_SQL}) AS s WHERE type = 'foreign-data wrapper'`,
    roles,
  );
  await executeAsOwners(run, session, role, onWrappers);
  // In a template that is the database of a pull request, the role of that pull request stands for the base role.
  const pullRequestRoles = findPullRequestRoleNames(marker.repositoryId, await reader.markedRoles());
  const predecessors = [...(await listInheritedRoles(session, role, base)), ...pullRequestRoles];
  const bypassing = await session.query(
    'SELECT rolname AS name FROM pg_roles WHERE rolname = $1 AND rolbypassrls',
    [base],
  );
  const transferFailures = await transferAllObjects(run, session, role, {
    predecessors,
    policiesApply: bypassing.length === 0,
  });
  const statements = [
    ...(await session.query<ObjectStatement & pg.QueryResultRow>(EXTEND_RIGHTS_SQL, roles)),
    ...(await session.query<ObjectStatement & pg.QueryResultRow>(DEFAULT_PRIVILEGES_SQL, [role, null])),
  ];
  const failures = new Map([...(await executeAsOwners(run, session, role, statements)), ...transferFailures]);
  const administrator = await readCurrentUser(session);
  const rights = { role, base, administrator, template };
  const notCarried = await listNotCarried(session, rights, failures);
  if (notCarried.length > 0) warnNotCarried(run, database, rights, notCarried);
}

/** The base role, and the roles whose rights it inherits. */
async function listInheritedRoles(session: Session, role: string, base: string): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `WITH ${BASE_ROLE_RIGHTS_SQL} SELECT rolname AS name FROM base`,
    [role, base],
  );
  return [base, ...rows.map(({ name }) => name)];
}

/** What is not carried, and the owner who is the reason because the administrator does not administer it. */
interface NotCarriedObject extends NotCarried {
  readonly unadministeredOwner: string | undefined;
}

/** One line of NOT_CARRIED_SQL. */
interface Dependency {
  readonly cause:
    | 'grant'
    | 'policy'
    | 'default'
    | 'owner'
    | 'global'
    | 'membership'
    | 'text'
    | 'subscription';
  readonly type: string;
  readonly identity: string;
  /** The owner who could change it; null if that is not the reason. */
  readonly owner: string | null;
  /** For a grant the privileges, for a membership the name of the role. */
  readonly detail: string;
}

/**
 * What names $2 (base) and does not apply to $1 (role); $3 is the template, $4 are the types whose owner can change.
 * Everything that pg_shdepend lists is either carried or listed here.
 */
const NOT_CARRIED_SQL = `
  WITH ${BASE_ROLE_RIGHTS_SQL},
  member AS (
    -- An extension stands for its members.
    SELECT d.*, e.refobjid AS extension FROM dependency d LEFT JOIN pg_depend e
      ON e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e' AND e.refclassid = 'pg_extension'::regclass
  ),
  -- In every text that can name a role; $2 is matched as an identifier in quotes, or after a keyword.
  pattern AS (
    SELECT format('[''"]%1$s[''"]|\\m(ROLE|TO|USER)\\s+%1$s(?![\\w$])', regexp_replace($2::text, '([^[:alnum:]_])', '\\\\\\1', 'g')) AS text
  ),
  texts AS (
    SELECT 'pg_policy'::regclass AS classid, p.oid AS objid, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS text FROM pg_policy p
    UNION ALL SELECT 'pg_attrdef'::regclass, oid, pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT 'pg_constraint'::regclass, oid, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'
    UNION ALL SELECT 'pg_class'::regclass, oid, pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384
    UNION ALL SELECT 'pg_proc'::regclass, oid, prosrc FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'pg_trigger'::regclass, oid, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  ),
  lines AS (
    SELECT 'grant' AS cause, g.classid, g.objid, g.objsubid, g.owner, g.privileges AS detail FROM missing_grant g
    UNION ALL SELECT 'policy', 'pg_policy'::regclass, objid, 0, owner, '' FROM missing_policy
    UNION ALL SELECT 'default', 'pg_default_acl'::regclass, objid, 0, owner, string_agg(privilege, ', ' ORDER BY privilege) FROM missing_default GROUP BY objid, owner
    UNION ALL SELECT 'owner', 'pg_extension'::regclass, extension, 0, NULL, '' FROM member WHERE deptype = 'o' AND extension IS NOT NULL GROUP BY extension
    UNION ALL SELECT 'owner', d.classid, d.objid, d.objsubid, NULL, '' FROM member d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
      WHERE d.extension IS NULL AND (
        d.deptype = 'o' AND i.type <> 'default acl' AND i.type <> ALL ($4)
        OR d.deptype = 'o' AND d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT evtfoid FROM pg_event_trigger)
        OR d.deptype = 'a' AND d.classid <> 'pg_default_acl'::regclass AND d.classid NOT IN (SELECT classid FROM acl)
        OR d.deptype NOT IN ('o', 'a', 'r', 'i'))
    UNION ALL SELECT DISTINCT 'global', d.classid, d.objid, 0, NULL::oid, '' FROM pg_shdepend d JOIN base b ON b.oid = d.refobjid
      WHERE d.refclassid = 'pg_authid'::regclass AND d.dbid = 0 AND d.deptype = 'a' AND d.classid::regclass::text IN ('pg_parameter_acl', 'pg_tablespace')
    UNION ALL SELECT 'text', t.classid, t.objid, 0, NULL::oid, '' FROM texts t, pattern p
      WHERE $1 <> $2 AND t.text ~* p.text
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = t.classid AND e.objid = t.objid AND e.deptype = 'e')
  )
  SELECT l.cause, i.type, i.identity, pg_get_userbyid(l.owner) AS owner, l.detail
  FROM lines l CROSS JOIN LATERAL pg_identify_object(l.classid, l.objid, l.objsubid) i
  UNION SELECT 'membership', 'role', quote_ident(m.rolname), NULL, m.rolname FROM pg_roles b
    JOIN pg_auth_members a ON a.member = b.oid JOIN pg_roles m ON m.oid = a.roleid WHERE b.rolname = $2 AND $1 <> $2
  UNION SELECT 'global', 'attribute', 'BYPASSRLS', NULL, '' FROM pg_roles b WHERE b.rolname = $2 AND $1 <> $2 AND b.rolbypassrls
  UNION SELECT 'subscription', 'subscription', quote_ident(s.subname), NULL, '' FROM pg_subscription s
    JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $3 AND d.datname <> current_database()
  ORDER BY 1, 2, 3`;

/**
 * What a clone does not carry from `base` to `role`, derived from the catalogs alone, so that any later run can list it.
 * @param session in the database itself, of any role
 * @param failures PostgreSQL's messages for statements that this run has executed, by {@link objectKey}
 */
export async function listNotCarried(
  session: Session,
  { role, base, administrator, template }: CarriedRights,
  failures: ReadonlyMap<string, string> = new Map(),
): Promise<readonly NotCarriedObject[]> {
  const objects = await listObjectsOfOtherRoles(session, role);
  const dependencies = await session.query<Dependency & pg.QueryResultRow>(NOT_CARRIED_SQL, [
    role,
    base,
    template ?? null,
    TRANSFERABLE_TYPES,
  ]);
  const owners = await describeOwners(session, administrator, [
    ...objects.map(({ owner }) => owner),
    ...dependencies.flatMap(({ owner }) => owner ?? []),
  ]);
  /** Why the administrator could not change what this role owns. */
  const ownerReason = (subject: string, owner: string): string =>
    owners.get(owner)?.reason ??
    `PostgreSQL refused it: ${failures.get(subject) ?? 'the log of the run that created the database has its message'}`;
  const unadministered = (owner: string | null): string | undefined =>
    owner !== null && owners.get(owner)?.isSuperuser === false ? owner : undefined;
  const inherited = await listInheritedRoles(session, role, base);
  const subjects = new Set(objects.map(objectKey));
  const lacking = new Map(
    dependencies.filter(({ cause }) => cause === 'grant').map((grant) => [objectKey(grant), grant]),
  );
  return [
    ...objects.map((object) => {
      const { owner } = object;
      const subject = objectKey(object);
      const isProtected = object.type === 'server' && !inherited.includes(owner);
      const reason = isProtected
        ? 'the owner of a foreign server can read the passwords that it stores for PUBLIC'
        : ownerReason(subject, owner);
      const grant = lacking.get(subject);
      const consequence = grant === undefined ? '' : `, and ${describeDependency(grant, role, base)}`;
      return {
        subject,
        reason: `it keeps its owner '${owner}'${consequence}, because ${reason}`,
        unadministeredOwner: isProtected ? undefined : unadministered(owner),
      };
    }),
    ...dependencies
      .filter((dependency) => dependency.cause !== 'grant' || !subjects.has(objectKey(dependency)))
      .map((dependency) => {
        const subject = objectKey(dependency);
        const { owner } = dependency;
        const because = owner === null ? '' : `, because ${ownerReason(subject, owner)}`;
        return {
          subject,
          reason: `${describeDependency(dependency, role, base)}${because}`,
          unadministeredOwner: unadministered(owner),
        };
      }),
  ];
}

function describeDependency({ cause, type, detail }: Dependency, role: string, base: string): string {
  switch (cause) {
    case 'grant':
      return `'${role}' lacks ${detail}, which '${base}' has`;
    case 'policy':
      return `it applies to '${base}' and not to '${role}'`;
    case 'default':
      return `it grants ${detail} to '${base}' and not to '${role}'`;
    case 'text':
      return `its text names '${base}', so it does not hold for '${role}'; a text cannot be changed automatically`;
    case 'subscription':
      return 'PostgreSQL does not clone subscriptions';
    case 'membership':
      return `'${role}' is no member of it, because a membership holds in every database of the server; what it may do in this database is granted to '${role}' if '${base}' inherits it`;
    case 'global':
      return `'${base}' has it on the whole server, and '${role}' has rights in this database alone`;
    case 'owner':
      return OWNERSHIP_REASONS[type] ?? `PostgreSQL has no statement that carries it to '${role}'`;
  }
}

/** Why the ownership of some types does not change, by the types of pg_identify_object. */
const OWNERSHIP_REASONS: Readonly<Record<string, string>> = {
  extension: 'PostgreSQL cannot change the owner of an extension, and its members stay with it',
  'event trigger': 'only a superuser can own it',
  function: 'an event trigger runs it, also for statements of the administrator',
  'foreign-data wrapper': 'only a superuser can own it',
  'user mapping':
    'it can hold a password for another server; create one for the pull request’s role with CREATE USER MAPPING',
};

interface OwnerOfOthers {
  readonly name: string;
  readonly isSuperuser: boolean;
}

/** Why the administrator cannot act as these owners; without those as whom it can. */
async function describeOwners(
  session: Session,
  administrator: string,
  owners: readonly string[],
): Promise<ReadonlyMap<string, OwnerOfOthers & { readonly reason: string }>> {
  const rows = await session.query<OwnerOfOthers & pg.QueryResultRow>(
    // Before PostgreSQL 16, CREATEROLE administers every role that is no superuser.
    `SELECT r.rolname AS name, r.rolsuper AS "isSuperuser" FROM pg_roles r
     WHERE r.rolname = ANY ($2) AND (r.rolsuper OR NOT pg_has_role($1, r.oid, 'MEMBER')
       AND current_setting('server_version_num')::int >= 160000 AND NOT EXISTS (SELECT FROM pg_auth_members a
         WHERE a.roleid = r.oid AND a.admin_option AND pg_has_role($1, a.member, 'USAGE')))`,
    [administrator, [...new Set(owners)]],
  );
  return new Map(
    rows.map((owner) => [
      owner.name,
      {
        ...owner,
        reason: owner.isSuperuser
          ? `'${owner.name}' is a superuser of Azure`
          : `'${administrator}' does not administer role '${owner.name}'`,
      },
    ]),
  );
}

function warnNotCarried(
  run: RunContext,
  database: string,
  { role, base, administrator }: CarriedRights,
  notCarried: readonly NotCarriedObject[],
): void {
  const listed = notCarried.slice(0, MAX_LISTED).map(({ subject, reason }) => `\n- ${subject}: ${reason}.`);
  const rest = notCarried.length > listed.length ? `\n- and ${notCarried.length - listed.length} more.` : '';
  const owners = [...new Set(notCarried.flatMap(({ unadministeredOwner }) => unadministeredOwner ?? []))];
  const grants = owners
    .slice(0, MAX_LISTED)
    .map(
      (owner) =>
        `GRANT ${pg.escapeIdentifier(owner)} TO ${pg.escapeIdentifier(administrator)} WITH ADMIN OPTION;`,
    );
  // The role of a base database has no number, and that database is never dropped.
  const cloneAgain = role === base ? 'then clone the template again' : 'then run the step with reset: true';
  const hint =
    owners.length === 0
      ? ''
      : `\nTo carry what such an owner has, run this as a role that administers the owner, ${cloneAgain}: ${grants.join(' ')}`;
  run.warning(
    sanitizeText(
      `Database '${database}' does not carry these to role '${role}':${listed.join('')}${rest}${hint}`,
      MAX_WARNING_LENGTH,
    ),
  );
}

/** Objects that the warning lists. */
const MAX_LISTED = 50;

/** Characters of the warning. */
const MAX_WARNING_LENGTH = 20_000;
