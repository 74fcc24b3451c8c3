import type { Server } from '@azure/arm-postgresql-flexible';
import { toServerFacts } from '../../azure/server-facts.ts';
import { hasPrivateAccess } from '../../azure/server-states.ts';
import { actionError } from '../../common/errors.ts';
import { skuTier } from '../../inputs/server-properties.ts';
import type { Config } from '../../inputs/types.ts';
import { type Finding, isDrift, type ReportedFinding } from '../../reconcile/findings.ts';
import type { PlanFunction } from '../../reconcile/reconcile.ts';

/**
 * Something that an existing server cannot do, so that no change of its properties resolves it. See
 * docs/azure-behavior.md#server-limits.
 */
export interface ServerLimit {
  /** What the inputs declare, and why this server cannot have it. */
  readonly reason: string;
  /** What a user can do; a phrase. */
  readonly remedy: string;
  /** Whether this mode cannot do its work because of it. */
  readonly prevents: boolean;
  /** Whether the difference in a finding remains because of it. */
  readonly explains: (finding: Finding) => boolean;
}

/** The limits that concern the inputs, by the server as ARM shows it. */
export function findServerLimits(config: Config, server: Server): readonly ServerLimit[] {
  return [
    replicaLimit(config, server),
    passwordLimit(config, server),
    privateAccessLimit(config, server),
    clusterLimit(config, server),
    pgBouncerLimit(config, server),
  ].filter((limit) => limit !== undefined);
}

/**
 * Ends a run that writes before its first write.
 * @throws `server-not-suitable` with every limit that prevents the mode
 */
export function rejectUnsuitableServer(config: Config, name: string, server: Server): void {
  const reasons = findServerLimits(config, server)
    .filter(({ prevents }) => prevents)
    .map(({ reason, remedy }) => `${reason}: ${remedy}`);
  if (reasons.length > 0)
    throw actionError('server-not-suitable', { server: name, mode: config.mode, reasons });
}

/** Gives the findings of a plan that a limit explains the remedy of that limit, instead of one that cannot work. */
export const withServerLimits =
  <R, W, C>(limits: readonly ServerLimit[], planFunction: PlanFunction<R, W, C>): PlanFunction<R, W, C> =>
  async (source, policy, reader) => {
    const plan = await planFunction(source, policy, reader);
    const explain = (finding: ReportedFinding): ReportedFinding => {
      const limit = isDrift(finding) ? limits.find(({ explains }) => explains(finding)) : undefined;
      return limit === undefined ? finding : { ...finding, remedy: `${limit.reason}: ${limit.remedy}` };
    };
    return { ...plan, findings: plan.findings.map(explain), remaining: plan.remaining.map(explain) };
  };

function replicaLimit({ mode }: Config, server: Server): ServerLimit | undefined {
  const role = server.replicationRole ?? server.replica?.role ?? '';
  if (!/^(Geo)?AsyncReplica$/i.test(role)) return undefined;
  const { primaryServer: source } = toServerFacts(server);
  return {
    reason: `the server is a read replica (${role})${source ? ` of server '${source}'` : ''}, which cannot be written`,
    remedy: `${source ? `set server-name to ${source}` : 'set server-name to its source'}, or promote the replica (az postgres flexible-server replica promote)`,
    prevents: mode !== 'check',
    explains: () => true,
  };
}

function passwordLimit(config: Config, { authConfig }: Server): ServerLimit | undefined {
  const { mode } = config;
  const isDisabled = authConfig?.passwordAuth?.toLowerCase() === 'disabled';
  const willBeEnabled = mode === 'ensure' && config.onDrift === 'fix' && config.server.passwordAuth === true;
  if (!isDisabled || mode === 'check' || willBeEnabled) return undefined;
  return {
    reason: `mode ${mode} logs in with admin-password, but password authentication is Disabled on the server`,
    remedy:
      mode === 'ensure'
        ? 'declare password-auth: Enabled with on-drift: fix, or enable it in the Azure portal'
        : 'enable it in the Azure portal, or by mode: ensure with password-auth: Enabled and on-drift: fix',
    prevents: true,
    explains: () => false,
  };
}

function privateAccessLimit({ mode, firewall }: Config, server: Server): ServerLimit | undefined {
  if (!hasPrivateAccess(server) || firewall.declaredRules.length === 0) return undefined;
  return {
    reason: 'the server is inside a virtual network (private access), where Azure has no firewall rules',
    remedy:
      'remove allowed-ip-ranges and allow-azure-services, and admit clients by the network security group of its subnet',
    prevents: mode === 'ensure',
    explains: ({ resource }) => resource === 'firewall rule',
  };
}

function clusterLimit(config: Config, { cluster }: Server): ServerLimit | undefined {
  if ((cluster?.clusterSize ?? 0) === 0 || (config.mode !== 'ensure' && config.mode !== 'check'))
    return undefined;
  const only = cluster?.defaultDatabaseName;
  const isOther = only !== undefined && config.database !== undefined && config.database.name !== only;
  if (config.pullRequest === undefined && !isOther) return undefined;
  return {
    reason: `the server is an elastic cluster, which has one database${only === undefined ? '' : ` ('${only}')`}`,
    remedy:
      config.pullRequest === undefined
        ? `declare database: ${only}, or another server-name`
        : 'declare another server-name for per-pull-request',
    prevents: config.mode === 'ensure',
    explains: ({ resource, kind }) => kind === 'missing' && ['database', 'role'].includes(resource),
  };
}

function pgBouncerLimit(
  { server: { skuName, parameters } }: Config,
  { sku }: Server,
): ServerLimit | undefined {
  const isPgBouncer = (name: string): boolean => /^pgbouncer\./i.test(name);
  const size = skuName ?? sku?.name ?? '';
  if (skuTier(size) !== 'Burstable' || ![...parameters.keys()].some(isPgBouncer)) return undefined;
  return {
    reason: `the size ${size} is burstable, for which Azure has no PgBouncer`,
    remedy: 'remove its parameters from server-parameters, or declare a larger sku-name',
    // The other parameters can be set, so `ensure` continues and reports these as drift.
    prevents: false,
    explains: ({ resource, name }) => resource === 'server parameter' && isPgBouncer(name),
  };
}
