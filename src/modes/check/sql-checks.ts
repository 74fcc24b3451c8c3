import { acceptsConnections } from '../../azure/server-states.ts';
import { ActionError } from '../../common/errors.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import { login } from '../../postgres/login.ts';
import type { Session } from '../../postgres/session.ts';
import { SqlReader } from '../../postgres/sql-reader.ts';
import type { Finding, ReportedFinding } from '../../reconcile/findings.ts';
import type { PlanFunction } from '../../reconcile/plan.ts';
import { databaseOnlyResources, inDatabaseResources, roleResources } from '../../resources/index.ts';
import type { SqlWriter } from '../../resources/sql-writer.ts';
import { type ModeContext, reconcile } from '../context.ts';
import { adminLogin } from '../run-context.ts';

/** Things that SQL alone knows, and from where they are looked at. */
interface SqlCheck {
  readonly targets: readonly Pick<Finding, 'resource' | 'name'>[];
  readonly database: string;
  readonly planners: readonly PlanFunction<SqlReader, SqlWriter>[];
}

/**
 * What only SQL can tell, where the runner can log in already; the firewall is never opened for it (law 2). Where it
 * cannot, these things are unknown, which is a notice and no failure.
 * @param state of the server
 */
export async function runSqlChecks(ctx: ModeContext<CheckConfig>, state: string): Promise<void> {
  const byDatabase = Map.groupBy(listSqlChecks(ctx), ({ database }) => database);
  const uncheckedByReason = new Map<string, SqlCheck[]>();
  let unavailable = findLoginObstacle(ctx, state);
  for (const [database, checks] of byDatabase) {
    const opened = unavailable ?? (await tryOpenSession(ctx, database));
    if ('why' in opened) {
      uncheckedByReason.set(opened.why, [...(uncheckedByReason.get(opened.why) ?? []), ...checks]);
      if (opened.affectsAllDatabases) unavailable = opened;
    } else await runChecksInSession(ctx, checks, opened.session);
  }
  for (const [why, checks] of uncheckedByReason) reportUnchecked(ctx, checks, why);
}

function listSqlChecks({ config, reporter }: ModeContext<CheckConfig>): readonly SqlCheck[] {
  const { database, appRole, extensions, pullRequest } = config;
  if (database === undefined) return [];
  const isDatabaseMissing = reporter.drift.some(
    ({ resource, kind }) => resource === 'database' && kind === 'missing',
  );
  const checks: SqlCheck[] = [];
  if (pullRequest !== undefined && !isDatabaseMissing) {
    const target = { resource: 'database', name: database.name } as const;
    checks.push({ targets: [target], database: 'postgres', planners: databaseOnlyResources });
  }
  if (appRole !== undefined) {
    const target = { resource: 'role', name: appRole.name } as const;
    checks.push({ targets: [target], database: 'postgres', planners: roleResources });
  }
  // They went with the database, which is told.
  if (!isDatabaseMissing && extensions.length > 0) {
    const targets = extensions.map((name) => ({ resource: 'extension', name }) as const);
    checks.push({ targets, database: database.name, planners: inDatabaseResources });
  }
  return checks;
}

async function runChecksInSession(
  ctx: ModeContext<CheckConfig>,
  checks: readonly SqlCheck[],
  session: Session,
): Promise<void> {
  const { reporter, config, runtime } = ctx;
  try {
    for (const { targets, planners } of checks) {
      const result = reconcile(reporter, planners, config, { reader: new SqlReader(session) });
      const { readErrors } = await result.catch((error: unknown) => {
        const difference = toNotOwnedFinding(error);
        for (const target of targets) reporter.recordFinding({ ...target, ...difference });
        return { readErrors: [] };
      });
      for (const error of readErrors) runtime.notice(error.message);
    }
  } finally {
    await session.close();
  }
}

/** That somebody else's thing is there in place of ours is what a check is for, and no reason to end it. */
function toNotOwnedFinding(error: unknown): Omit<ReportedFinding, 'resource' | 'name'> {
  if (!(error instanceof ActionError) || error.code !== 'not-owned') throw error;
  const { summary, hint } = error;
  return { property: 'owner', expected: 'ours', actual: summary, kind: 'changed', remedy: hint };
}

function reportUnchecked(
  { runtime, reporter }: ModeContext<CheckConfig>,
  checks: readonly SqlCheck[],
  why: string,
): void {
  const things = checks.flatMap((check) => check.targets);
  for (const target of things) reporter.recordUnknown(target, why);
  const names = things.map(({ resource, name }) => `${resource} '${name}'`).join(', ');
  runtime.notice(`Not looked at: ${names}, since ${why}`);
}

/** Why there is no session; `affectsAllDatabases`: in no other database either. */
interface SessionUnavailable {
  readonly why: string;
  readonly affectsAllDatabases: boolean;
}

function findLoginObstacle(
  { config, reporter }: ModeContext<CheckConfig>,
  state: string,
): SessionUnavailable | undefined {
  const why = !acceptsConnections(state)
    ? `the server is in state ${state}.`
    : config.administrator === undefined
      ? 'only SQL can tell, and admin-username and admin-password are not given.'
      : reporter.host
        ? undefined
        : 'Azure names no host for the server.';
  return why === undefined ? undefined : { why, affectsAllDatabases: true };
}

async function tryOpenSession(
  { run, runtime, config, reporter }: ModeContext<CheckConfig>,
  database: string,
): Promise<{ readonly session: Session } | SessionUnavailable> {
  const target = { ...adminLogin(runtime, reporter.host ?? '', config.administrator), database };
  const result = await login(target, CHECK_LOGIN_TIMEOUT_MS, run.signal).result;
  run.signal.throwIfAborted();
  if ('session' in result) return { session: result.session };
  const { reason, kind } = result.failure;
  return { why: `this runner cannot log in: ${reason}`, affectsAllDatabases: kind === 'blocked' };
}

/** Milliseconds for a login; a firewall that shuts us out answers nothing. */
const CHECK_LOGIN_TIMEOUT_MS = 5000;
