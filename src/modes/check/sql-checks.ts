import type { FoundServer } from '../../azure/reader.ts';
import { toServerFacts } from '../../azure/server-facts.ts';
import { acceptsConnections, normalizeState } from '../../azure/server-states.ts';
import { ActionError } from '../../common/errors.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import {
  adminLogin,
  type EarlyLogin,
  type LoginTarget,
  login,
  startEarlyLogin,
} from '../../postgres/login.ts';
import type { Session } from '../../postgres/session.ts';
import { SqlReader, type SqlSnapshot } from '../../postgres/sql-reader.ts';
import type { Finding, ReportedFinding } from '../../reconcile/findings.ts';
import { READ_ONLY_POLICY } from '../../reconcile/policy.ts';
import { type PlanFunction, reconcile } from '../../reconcile/reconcile.ts';
import {
  databaseOnlyResources,
  inDatabaseResources,
  roleResources,
  startDataPlaneReads,
} from '../../resources/index.ts';
import { type ServerLimit, withServerLimits } from '../../resources/server/server-limits.ts';
import type { SqlWriterDeps } from '../../resources/sql-writer-deps.ts';
import type { ModeContext } from '../context.ts';

/** Resources that only SQL can read, and the database in which they are read. */
interface SqlCheck {
  readonly targets: readonly Pick<Finding, 'resource' | 'name'>[];
  readonly database: string;
  readonly resources: readonly PlanFunction<SqlReader, SqlWriterDeps>[];
}

/** A login that begins while the run signs in, and what is read in its session in `postgres`. */
interface EarlySqlLogin {
  readonly login: EarlyLogin;
  readonly snapshot: Promise<SqlSnapshot | undefined>;
}

/** By database; see {@link startSqlLogins}. */
export type EarlySqlLogins = ReadonlyMap<string, EarlySqlLogin>;

/**
 * Starts the logins that {@link runSqlChecks} will need if nothing is missing.
 * @param host that the server has, if it exists; undefined if only ARM knows it
 * @param isCurrent see {@link startEarlyLogin}
 */
export function startSqlLogins(
  { runtime, run, config }: ModeContext<CheckConfig>,
  host: string | undefined,
  isCurrent: () => boolean,
): EarlySqlLogins {
  const { administrator } = config;
  if (administrator === undefined || host === undefined) return new Map();
  const target = adminLogin(host, administrator, runtime.applicationName, {});
  const databases = new Set(listSqlChecks(config, []).map(({ database }) => database));
  return new Map(
    [...databases].map((database) => {
      const login = startEarlyLogin({ ...target, database }, CHECK_LOGIN_TIMEOUT_MS, run.signal, isCurrent);
      const snapshot = login.session.then((session) =>
        session === undefined || database !== target.database
          ? undefined
          : startDataPlaneReads(session, config),
      );
      return [database, { login, snapshot }];
    }),
  );
}

/**
 * Checks what only SQL can read, if the runner can log in already: a check never opens the firewall. Without a login
 * these resources are unknown, which is a notice and not an error.
 * @param armFindings findings so far, by which a missing database is known
 * @param limits what the server cannot do
 */
export async function runSqlChecks(
  ctx: ModeContext<CheckConfig>,
  server: FoundServer['server'],
  armFindings: readonly ReportedFinding[],
  limits: readonly ServerLimit[],
  earlyLogins: EarlySqlLogins,
): Promise<readonly ReportedFinding[]> {
  const sqlChecks = listSqlChecks(ctx.config, armFindings).map((check) => ({
    ...check,
    resources: check.resources.map((resource) => withServerLimits(limits, resource)),
  }));
  const checksByDatabase = Map.groupBy(sqlChecks, ({ database }) => database);
  const findings: ReportedFinding[] = [];
  const uncheckedByReason = new Map<string, { readonly checks: SqlCheck[]; readonly remedy: string }>();
  const administrator = findAdminLogin(ctx, server);
  let unavailable: SessionUnavailable | undefined;
  for (const [database, checks] of checksByDatabase) {
    const opened =
      'reason' in administrator
        ? administrator
        : (unavailable ??
          (await tryOpenSession(ctx, { ...administrator, database }, earlyLogins.get(database)?.login)));
    if ('reason' in opened) {
      const { reason, remedy = 'run the check where the runner can log in' } = opened;
      const { checks: earlier = [] } = uncheckedByReason.get(reason) ?? {};
      uncheckedByReason.set(reason, { checks: [...earlier, ...checks], remedy });
      if (opened.affectsAllDatabases) unavailable = opened;
    } else {
      const early = earlyLogins.get(database);
      // Has an effect only if another login was needed, and then its snapshot must not be awaited.
      early?.login.discard();
      const snapshot = await early?.snapshot;
      const reader = snapshot?.session === opened.session ? snapshot : new SqlReader(opened.session);
      findings.push(...(await runChecksInSession(ctx, checks, reader)));
    }
  }
  for (const [reason, { checks: unchecked, remedy }] of uncheckedByReason)
    findings.push(...reportUnchecked(ctx, unchecked, reason, remedy));
  return findings;
}

function listSqlChecks(
  { database, appRole, adoptObjects, extensions, pullRequest }: CheckConfig,
  armFindings: readonly ReportedFinding[],
): readonly SqlCheck[] {
  if (database === undefined) return [];
  const isDatabaseMissing = armFindings.some(
    ({ resource, kind }) => resource === 'database' && kind === 'missing',
  );
  const checks: SqlCheck[] = [];
  if (pullRequest !== undefined && !isDatabaseMissing) {
    const target = { resource: 'database', name: database.name } as const;
    checks.push({ targets: [target], database: 'postgres', resources: databaseOnlyResources });
  }
  if (appRole !== undefined) {
    const target = { resource: 'role', name: appRole.name } as const;
    checks.push({ targets: [target], database: 'postgres', resources: roleResources });
  }
  // The finding about a missing database includes what it contains.
  if (!isDatabaseMissing && (extensions.length > 0 || adoptObjects)) {
    const targets: SqlCheck['targets'] = [
      ...extensions.map((name) => ({ resource: 'extension', name }) as const),
      ...(adoptObjects ? [{ resource: 'database', name: database.name } as const] : []),
    ];
    checks.push({ targets, database: database.name, resources: inDatabaseResources });
  }
  return checks;
}

/** Why there is no session. */
interface SessionUnavailable {
  readonly reason: string;
  /** Whether other databases are unavailable for the same reason. */
  readonly affectsAllDatabases: boolean;
  /** What a user can do; a phrase. By default to run the check where the login works. */
  readonly remedy?: string;
}

function findAdminLogin(
  { runtime, config: { administrator } }: ModeContext<CheckConfig>,
  server: FoundServer['server'],
): LoginTarget | SessionUnavailable {
  const state = normalizeState(server);
  const host = server.fullyQualifiedDomainName;
  if (!acceptsConnections(state))
    return { reason: `the server is in state ${state}.`, affectsAllDatabases: true };
  if (administrator === undefined)
    return {
      reason: 'only PostgreSQL can show this, and admin-username and admin-password are not set.',
      affectsAllDatabases: true,
      remedy: 'pass admin-username and admin-password to this step',
    };
  if (!host) return { reason: 'Azure returns no host name for the server.', affectsAllDatabases: true };
  return adminLogin(host, administrator, runtime.applicationName, toServerFacts(server));
}

/** Milliseconds for a login; a firewall that blocks this runner never answers. */
const CHECK_LOGIN_TIMEOUT_MS = 5000;

async function tryOpenSession(
  { run }: ModeContext<CheckConfig>,
  target: LoginTarget,
  early: EarlyLogin | undefined,
): Promise<{ readonly session: Session } | SessionUnavailable> {
  const attempt = early?.resume(target) ?? login(target, CHECK_LOGIN_TIMEOUT_MS, run.signal);
  const result = await attempt.result;
  run.signal.throwIfAborted();
  if ('session' in result) return { session: result.session };
  const { reason, kind } = result.failure;
  return { reason: `this runner cannot log in: ${reason}`, affectsAllDatabases: kind === 'blocked' };
}

/** @returns the findings; an unreadable resource is also a notice */
async function runChecksInSession(
  { reporter, config, runtime }: ModeContext<CheckConfig>,
  checks: readonly SqlCheck[],
  reader: SqlReader,
): Promise<readonly ReportedFinding[]> {
  const findings: ReportedFinding[] = [];
  try {
    for (const { targets, resources } of checks) {
      const options = { desired: config, policy: READ_ONLY_POLICY, reader };
      try {
        const result = await reconcile(reporter, resources, options);
        findings.push(...result.findings);
        for (const error of result.readErrors) runtime.notice(error.message);
      } catch (error) {
        const difference = toNotOwnedFinding(error);
        for (const target of targets) {
          const finding = { ...target, ...difference };
          reporter.recordFinding(finding);
          findings.push(finding);
        }
      }
    }
    return findings;
  } finally {
    await reader.session.close();
  }
}

/** A resource with the same name that has another owner is drift, and does not end the check. */
function toNotOwnedFinding(error: unknown): Omit<ReportedFinding, 'resource' | 'name'> {
  if (!(error instanceof ActionError) || error.code !== 'not-owned') throw error;
  const { summary, hint } = error;
  return {
    property: 'owner',
    expected: 'managed by this action',
    actual: summary,
    kind: 'changed',
    remedy: hint,
  };
}

function reportUnchecked(
  { runtime, reporter }: ModeContext<CheckConfig>,
  checks: readonly SqlCheck[],
  reason: string,
  remedy: string,
): readonly ReportedFinding[] {
  const findings = checks
    .flatMap(({ targets }) => targets)
    .map((target) => ({
      ...target,
      property: '',
      expected: '',
      actual: reason,
      kind: 'unknown' as const,
      remedy,
    }));
  for (const finding of findings) reporter.recordFinding(finding);
  const names = findings.map(({ resource, name }) => `${resource} '${name}'`).join(', ');
  runtime.notice(`Not checked: ${names}, because ${reason} What to do: ${remedy}.`);
  return findings;
}
