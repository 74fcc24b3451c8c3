import type { AzureReader, FoundServer } from '../../azure/reader.ts';
import { hasPrivateAccess, isBeingCreatedOrDeleted, normalizeState } from '../../azure/server-states.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import type { ReportedFinding } from '../../reconcile/findings.ts';
import { READ_ONLY_POLICY } from '../../reconcile/policy.ts';
import { type PlanFunction, reconcile } from '../../reconcile/reconcile.ts';
import {
  armDatabaseResources,
  childReads,
  serverChildResources,
  serverOnlyResources,
  undeclaredFirewallRules,
} from '../../resources/index.ts';
import {
  findServerLimits,
  type ServerLimit,
  withServerLimits,
} from '../../resources/server/server-limits.ts';
import { expectedHost, type ModeContext, openControlPlane, saveSignIn } from '../context.ts';
import { createFirewallAuditSource, warnAboutOpenFirewall } from './firewall-audit.ts';
import { reportCheck } from './report-check.ts';
import { type EarlySqlLogins, runSqlChecks, startSqlLogins } from './sql-checks.ts';

/** `mode: check`: reads and compares what `ensure` would change, without a writer, so nothing can be changed. */
export async function check(ctx: ModeContext<CheckConfig>): Promise<void> {
  saveSignIn(ctx);
  const { reader } = await openControlPlane(ctx);
  const earlyLogins = startSqlLogins(ctx, expectedHost(ctx), reader.trackChanges());
  try {
    await checkServer(ctx, reader, earlyLogins);
  } finally {
    for (const { login } of earlyLogins.values()) login.discard();
    reader.discardReads();
  }
}

async function checkServer(
  ctx: ModeContext<CheckConfig>,
  reader: AzureReader,
  earlyLogins: EarlySqlLogins,
): Promise<void> {
  const { reporter } = ctx;
  const { findings, readErrors } = await reporter.phase('Check server', async () =>
    checkResources(ctx, await findLimits(ctx, reader), serverOnlyResources, reader),
  );
  const observed = await reader.getServer();
  if (observed.status !== 'present')
    return await reportCheck(ctx, { serverId: undefined, findings, readErrors, internetOpenRules: [] });
  const { server } = observed.value;
  reporter.recordServer(server);
  // The contents of a server that is being created or deleted are unknown.
  if (isBeingCreatedOrDeleted(normalizeState(server)))
    return await reportCheck(ctx, { serverId: server.id, findings, readErrors, internetOpenRules: [] });
  const contents = await reporter.phase('Check firewall and database', () =>
    checkServerContents(ctx, reader, server),
  );
  const armFindings = [...findings, ...contents.findings];
  const sqlFindings = await reporter.phase('Check in PostgreSQL', () =>
    runSqlChecks(ctx, server, armFindings, findServerLimits(ctx.config, server), earlyLogins),
  );
  await reportCheck(ctx, {
    serverId: server.id,
    findings: [...armFindings, ...sqlFindings],
    readErrors: [...readErrors, ...contents.readErrors],
    internetOpenRules: contents.internetOpenRules,
  });
}

interface ResourceCheck {
  readonly findings: readonly ReportedFinding[];
  /** Why Azure did not return a resource. Each is also a finding of kind `unknown`, which is not drift. */
  readonly readErrors: readonly Error[];
}

/** What Azure Resource Manager stores of the server: parameters, firewall rules, databases. */
async function checkServerContents(
  ctx: ModeContext<CheckConfig>,
  reader: AzureReader,
  server: FoundServer['server'],
): Promise<ResourceCheck & { readonly internetOpenRules: readonly string[] }> {
  const limits = findServerLimits(ctx.config, server);
  reader.startReads(childReads(ctx.config));
  const resources = [...serverChildResources, ...armDatabaseResources];
  const declared = await checkResources(ctx, limits, resources, reader);
  if (hasPrivateAccess(server)) return { ...declared, internetOpenRules: [] };
  const undeclared = await checkResources(
    ctx,
    [],
    undeclaredFirewallRules,
    createFirewallAuditSource(ctx, reader),
  );
  return {
    findings: [...declared.findings, ...undeclared.findings],
    readErrors: [...declared.readErrors, ...undeclared.readErrors],
    internetOpenRules: await warnAboutOpenFirewall(ctx, reader),
  };
}

async function findLimits(
  { config }: ModeContext<CheckConfig>,
  reader: AzureReader,
): Promise<readonly ServerLimit[]> {
  const observed = await reader.getServer();
  return observed.status === 'present' ? findServerLimits(config, observed.value.server) : [];
}

const checkResources = <R>(
  { reporter, config }: ModeContext<CheckConfig>,
  limits: readonly ServerLimit[],
  resources: readonly PlanFunction<R, never>[],
  reader: R,
): Promise<ResourceCheck> =>
  reconcile(
    reporter,
    resources.map((resource) => withServerLimits(limits, resource)),
    { desired: config, policy: READ_ONLY_POLICY, reader },
  );
