import { hasPublicAccess } from '../../azure/wait-for-ready.ts';
import { ActionError, actionError, getErrorMessage } from '../../common/errors.ts';
import { GitHubApi, GitHubRequestError } from '../../github/api.ts';
import type { DropConfig, SweepConfig } from '../../inputs/types.ts';
import { SqlReader } from '../../postgres/sql-reader.ts';
import { type Lookup, present } from '../../reconcile/findings.ts';
import { isManagedDatabase } from '../../reconcile/ownership.ts';
import { findSweepItems, type SweepItem } from '../../reconcile/sweep-items.ts';
import { formatUtc } from '../../reporting/log-lines.ts';
import { roleTeardownResources, teardownResources } from '../../resources/index.ts';
import {
  findReadyServer,
  type ModeContext,
  openControlPlane,
  type WritableControlPlane,
  withWriter,
} from '../context.ts';
import { dropPullRequest } from '../drop.ts';
import { commentOnDrop } from '../pull-request-comment.ts';
import { ServerConnections } from '../server-connections.ts';
import { recordFailure, sweepFirewallRules } from './sweep-firewall-rules.ts';

/** Sessions at once: a burstable server has thirty-five, and others want some. */
const SWEEP_CONCURRENCY = 4;

/** `mode: sweep`: `drop` over what a query finds. One failure does not stop the rest, and all are told at the end. */
export async function sweep(ctx: ModeContext<SweepConfig>): Promise<void> {
  const { config, reporter, run } = ctx;
  const azure = withWriter(ctx, openControlPlane(ctx));
  const found = await reporter.phase('Find the server', () => findReadyServer(ctx, azure));
  if (found === undefined) return;
  const gitHub = new GitHubApi(config.gitHubToken, config.repository.name, run);
  const failures: Error[] = [];
  if (hasPublicAccess(found.server))
    await reporter.phase('Sweep firewall rules', () => sweepFirewallRules(ctx, azure, gitHub, failures));
  const connections = new ServerConnections(ctx, azure, found);
  await reporter.phase('Sweep databases', () => sweepDatabases(ctx, azure, connections, gitHub, failures));
  if (failures.length > 0) throw actionError('sweep-incomplete', { failures });
}

/** Everything that one pull request's part of the sweep needs. */
interface SweepContext {
  readonly ctx: ModeContext<SweepConfig>;
  readonly azure: WritableControlPlane;
  readonly connections: ServerConnections;
  readonly gitHub: GitHubApi;
  /** The open pull requests as they were listed. */
  readonly openPullRequests: ReadonlySet<number>;
  /** The server's clock. */
  readonly now: Date;
  readonly failures: Error[];
}

async function sweepDatabases(
  ctx: ModeContext<SweepConfig>,
  azure: WritableControlPlane,
  connections: ServerConnections,
  gitHub: GitHubApi,
  failures: Error[],
): Promise<void> {
  const { run, config, reporter } = ctx;
  const listingSession = await connections.connect();
  const reader = new SqlReader(listingSession);
  try {
    const [databases, roles, now] = [
      await reader.markedDatabases(),
      await reader.markedRoles(),
      await reader.now(),
    ];
    const { items, notOwned } = findSweepItems(config.repository.id, databases, roles);
    for (const thing of notOwned) reporter.recordSkipped(thing);
    run.info(
      `Found what ${items.length} pull requests of this repository have on the server, whatever their databases are made from.`,
    );
    if (items.length === 0) return;
    const openPullRequestList = await gitHub.listOpenPullRequests();
    // Each is asked for by itself then.
    if (openPullRequestList.status === 'unknown') run.warning(openPullRequestList.error.message);
    const openPullRequests =
      openPullRequestList.status === 'present' ? openPullRequestList.value : new Set<number>();
    const sweepContext = { ctx, azure, connections, gitHub, openPullRequests, now, failures };
    const queue = [...items];
    await Promise.all(
      Array.from({ length: Math.min(SWEEP_CONCURRENCY, items.length) }, () => runWorker(sweepContext, queue)),
    );
    for (const { name } of queue)
      failures.push(new Error(`${name} was not looked at, since no session lasted.`));
  } finally {
    await listingSession.close();
  }
}

/** How often a lane logs in, where its session is lost. */
const MAX_WORKER_LOGINS = 3;

async function runWorker(sweepContext: SweepContext, queue: SweepItem[]): Promise<void> {
  const { connections, ctx } = sweepContext;
  for (let attempt = 0; attempt < MAX_WORKER_LOGINS && queue.length > 0; attempt += 1) {
    const session = await connections.openSession(connections.administrator).catch((error: unknown) => {
      ctx.run.signal.throwIfAborted();
      ctx.run.debug(`One lane fewer: ${getErrorMessage(error)}`);
      return undefined;
    });
    if (session === undefined) return;
    try {
      await processQueue(sweepContext, queue, new SqlReader(session));
    } finally {
      await session.close();
    }
  }
}

/** Takes one item after another; what was under way when the session was lost goes back, for a lane that lives. */
async function processQueue(
  sweepContext: SweepContext,
  queue: SweepItem[],
  reader: SqlReader,
): Promise<void> {
  const { run } = sweepContext.ctx;
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    try {
      await sweepPullRequest(sweepContext, item, reader);
    } catch (error) {
      run.signal.throwIfAborted();
      if (reader.session.isLost) {
        queue.push(item);
        return;
      }
      recordFailure(run, sweepContext.failures, error);
    }
  }
}

/** Looks once more at one pull request, and drops what it has where it is due. */
async function sweepPullRequest(
  sweepContext: SweepContext,
  item: SweepItem,
  reader: SqlReader,
): Promise<void> {
  const { ctx, azure, connections } = sweepContext;
  const { config, reporter } = ctx;
  const resourceRef = { resource: item.resource, name: displayName(item) } as const;
  const decision = await decideDrop(sweepContext, item);
  if (decision.status === 'unknown') {
    reporter.recordSkipped({ ...resourceRef, reason: decision.error.message });
    if (!(decision.error instanceof GitHubRequestError) || decision.error.status !== 404)
      throw decision.error;
    return;
  }
  if ('kept' in decision.value)
    return reporter.recordSkipped({ ...resourceRef, reason: decision.value.kept });
  ctx.run.info(`Due: ${resourceRef.resource} ${resourceRef.name}: ${decision.value.because}`);
  const dropping = {
    ...ctx,
    config: toDropConfig(config, item, decision.value.expired ? sweepContext.now : undefined),
  };
  const hasForeignDatabase = await isForeignDatabase(dropping.config, reader);
  // Where another's database has taken the name, only the role is left to drop.
  const planners = hasForeignDatabase ? roleTeardownResources : teardownResources;
  let blockedError: ActionError | undefined;
  try {
    blockedError = await dropPullRequest(dropping, azure, connections, reader, planners);
  } catch (error) {
    if (!(error instanceof ActionError) || error.code !== 'renewed') throw error;
    return reporter.recordSkipped({ ...resourceRef, reason: error.summary });
  }
  const { number, base, name } = item;
  // A database of that name is there, so it is not said to be gone.
  if (!hasForeignDatabase)
    await commentOnDrop(ctx, sweepContext.gitHub, {
      number,
      base,
      database: name,
      why: decision.value.because,
    });
  if (blockedError !== undefined) throw blockedError;
}

const displayName = ({ resource, name, roles: [role] }: SweepItem): string =>
  resource === 'role' ? (role?.name ?? name) : name;

async function isForeignDatabase({ database }: DropConfig, reader: SqlReader): Promise<boolean> {
  const observed = await reader.database(database.name);
  return observed.status === 'present' && !isManagedDatabase(observed.value, database);
}

/** Why an item is to be dropped, or to be kept. */
type DropDecision = { readonly because: string; readonly expired: boolean } | { readonly kept: string };

/** Expired, or of a pull request that GitHub says is closed, asked right before. What GitHub does not know is unknown. */
async function decideDrop(
  { gitHub, openPullRequests, now }: SweepContext,
  { number, expires }: SweepItem,
): Promise<Lookup<DropDecision>> {
  if (expires !== undefined && expires <= now)
    return present({ because: `it expired at ${formatUtc(expires)}`, expired: true });
  const until = expires === undefined ? '' : `, and it expires at ${formatUtc(expires)}`;
  const kept = { kept: `pull request #${number} is open${until}` };
  if (openPullRequests.has(number)) return present(kept);
  const observed = await gitHub.getPullRequestState(number);
  if (observed.status !== 'present') return observed;
  return present(
    observed.value === 'closed' ? { because: `pull request #${number} is closed`, expired: false } : kept,
  );
}

/** What `mode: drop` would be given for this pull request. */
function toDropConfig(config: SweepConfig, item: SweepItem, expiredBy: Date | undefined): DropConfig {
  const { number, base, roles } = item;
  const { repository, ...rest } = config;
  return {
    ...rest,
    mode: 'drop',
    pullRequest: { number, repository, state: undefined },
    database: {
      name: item.name,
      base,
      charset: undefined,
      collation: undefined,
      template: undefined,
      marker: { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base },
      reset: false,
      expiresInMs: undefined,
    },
    appRole: undefined,
    otherRoles: roles,
    expiredBy,
  };
}
