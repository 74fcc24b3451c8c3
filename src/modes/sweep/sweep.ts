import { setFlagsFromString } from 'node:v8';
import { hasPublicAccess } from '../../azure/server-states.ts';
import { count } from '../../common/count.ts';
import { ActionError, actionError, getErrorMessage, toActionError } from '../../common/errors.ts';
import type { ServerConnections } from '../../connect/server-connections.ts';
import { GitHubRequestError } from '../../github/api.ts';
import type { SweepConfig } from '../../inputs/types.ts';
import { toSqlError } from '../../postgres/pg-errors.ts';
import { SqlReader } from '../../postgres/sql-reader.ts';
import { type Lookup, present } from '../../reconcile/findings.ts';
import { isManagedDatabase } from '../../reconcile/ownership.ts';
import { findSweepItems, type SweepItem } from '../../reconcile/sweep-items.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import { formatUtc } from '../../reporting/log-lines.ts';
import { createConnections, type ModeContext, type WritableControlPlane, withWriter } from '../context.ts';
import { dropPullRequest } from '../drop.ts';
import { commentOnDrop } from '../pull-request-comment.ts';
import { findReadyServer } from '../ready-server.ts';
import { recordFailure, sweepFirewallRules } from './sweep-firewall-rules.ts';

/**
 * `mode: sweep`: deletes what ended runs and closed pull requests of this repository have left on the server. A failure
 * does not stop the rest.
 * @throws `sweep-incomplete` with every failure
 */
export function sweep(ctx: ModeContext<SweepConfig>): Promise<void> {
  // Each pull request has sessions of its own. V8 would collect them only after the heap has grown to several times of
  // what is in use.
  setFlagsFromString('--optimize-for-size');
  return withWriter(ctx, (azure) => sweepWith(ctx, azure));
}

async function sweepWith(ctx: ModeContext<SweepConfig>, azure: WritableControlPlane): Promise<void> {
  const { reporter } = ctx;
  const found = await reporter.phase('Find server', () => findReadyServer(ctx, azure));
  if (found === undefined) return;
  const failures: Error[] = [];
  if (hasPublicAccess(found.server))
    await reporter.phase('Sweep firewall rules', () => sweepFirewallRules(ctx, azure, failures));
  const connections = createConnections(ctx, azure, found);
  await reporter.phase('Sweep databases', () => sweepDatabases(ctx, azure, connections, failures));
  if (failures.length > 0) throw actionError('sweep-incomplete', { failures });
}

/** Sessions at once: a burstable server allows 35, which other clients share. */
const SWEEP_CONCURRENCY = 4;

/** What sweeping one pull request needs. */
interface SweepContext {
  readonly ctx: ModeContext<SweepConfig>;
  readonly azure: WritableControlPlane;
  readonly connections: ServerConnections;
  /** Numbers of the open pull requests, as listed at the start. */
  readonly openPullRequests: ReadonlySet<number>;
  /** The server's time at the start. */
  readonly now: Date;
  readonly failures: Error[];
}

async function sweepDatabases(
  ctx: ModeContext<SweepConfig>,
  azure: WritableControlPlane,
  connections: ServerConnections,
  failures: Error[],
): Promise<void> {
  const { run, config, gitHub, reporter } = ctx;
  const listingSession = await connections.connect();
  const reader = new SqlReader(listingSession);
  try {
    const [databases, roles, now] = [
      await reader.markedDatabases(),
      await reader.markedRoles(),
      await reader.now(),
    ];
    const { items, notOwned } = findSweepItems(config.repository.id, databases, roles);
    for (const resource of notOwned) reporter.recordSkipped(resource);
    run.info(
      items.length === 0
        ? 'No database and no role of a pull request of this repository'
        : `Found databases or roles of ${count(items.length, 'pull request')} of this repository`,
    );
    if (items.length === 0) return;
    const listed = await gitHub.listOpenPullRequests();
    // Without the list, each pull request is requested individually.
    if (listed.status === 'unknown') run.warning(listed.error.message);
    const openPullRequests = listed.status === 'present' ? listed.value : new Set<number>();
    const sweepContext = { ctx, azure, connections, openPullRequests, now, failures };
    const queue = [...items];
    const endings = await Promise.all(
      Array.from({ length: Math.min(SWEEP_CONCURRENCY, items.length) }, () => runWorker(sweepContext, queue)),
    );
    // Workers that cannot log in or lose their sessions leave items only if all of them stop.
    if (queue.length > 0) failures.push(uncheckedError(queue, endings));
  } finally {
    await listingSession.close();
  }
}

/** How often a worker logs in, if it loses its session. */
const MAX_WORKER_LOGINS = 3;

/** @returns why the worker stopped before the queue was empty; undefined if it did not */
async function runWorker(sweepContext: SweepContext, queue: SweepItem[]): Promise<unknown> {
  const { connections, ctx } = sweepContext;
  let ending: unknown;
  for (let attempt = 0; attempt < MAX_WORKER_LOGINS && queue.length > 0; attempt += 1) {
    try {
      const session = await connections.openSession(connections.administrator);
      ending = await processQueue(sweepContext, queue, new SqlReader(session)).finally(() => session.close());
    } catch (error) {
      ctx.run.signal.throwIfAborted();
      ctx.run.debug(`A worker stops, because it cannot log in: ${getErrorMessage(error)}`);
      return error;
    }
  }
  return ending;
}

/**
 * Sweeps items until the queue is empty. If the session is lost, the current item returns to the queue for another worker.
 * @returns why the session was lost; undefined if it was not
 */
async function processQueue(
  sweepContext: SweepContext,
  queue: SweepItem[],
  reader: SqlReader,
): Promise<unknown> {
  const { run } = sweepContext.ctx;
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    try {
      await sweepPullRequest(sweepContext, item, reader);
    } catch (error) {
      run.signal.throwIfAborted();
      if (reader.session.isLost) {
        queue.push(item);
        return error;
      }
      recordFailure(run, sweepContext.failures, describeItem(item), error);
    }
  }
  return undefined;
}

/** The error for items that no worker could check, with the first cause and what to do about it. */
function uncheckedError(queue: readonly SweepItem[], endings: readonly unknown[]): Error {
  const cause = toActionError(toSqlError(endings.find((ending) => ending !== undefined)));
  return actionError(
    'sweep-unchecked',
    { names: queue.map(describeItem), reason: cause.summary, hint: cause.hint },
    { cause },
  );
}

/** Drops what one pull request has on the server, if it has expired or is closed. */
async function sweepPullRequest(
  sweepContext: SweepContext,
  item: SweepItem,
  reader: SqlReader,
): Promise<void> {
  const { ctx, azure, connections, now } = sweepContext;
  const { reporter } = ctx;
  const resourceRef = { resource: item.resource, name: displayName(item) } as const;
  const decision = await decideDrop(sweepContext, item);
  if (decision.status === 'unknown') {
    reporter.recordSkipped({ ...resourceRef, reason: decision.error.message });
    if (!(decision.error instanceof GitHubRequestError) || decision.error.status !== 404)
      throw decision.error;
    return;
  }
  const { action, reason } = decision.value;
  if (action === 'skip') return reporter.recordSkipped({ ...resourceRef, reason });
  const what = ctx.config.dryRun ? 'Would drop' : 'Dropping';
  ctx.run.info(`${what} ${resourceRef.resource} ${resourceRef.name}: ${reason}`);
  const expiredBy = action === 'drop expired' ? now : undefined;
  const teardown = await planTeardown(ctx.config, item, expiredBy, reader);
  let blockedError: ActionError | undefined;
  try {
    blockedError = await dropPullRequest(ctx, azure, connections, reader, teardown);
  } catch (error) {
    if (!(error instanceof ActionError) || error.code !== 'renewed') throw error;
    return reporter.recordSkipped({ ...resourceRef, reason: error.summary });
  }
  const { number, base, name } = item;
  // The comment names a dropped database, so there is none if a database of this name still exists.
  if (teardown.database !== undefined) await commentOnDrop(ctx, { number, base, name, reason });
  if (blockedError !== undefined) throw blockedError;
}

const displayName = ({ resource, name, roles: [role] }: SweepItem): string =>
  resource === 'role' ? (role?.name ?? name) : name;

/** The pull request of an item, and what it has on the server, as the subject of a failure. */
function describeItem({ resource, number, name, roles }: SweepItem): string {
  const parts = [
    ...(resource === 'database' ? [`database '${name}'`] : []),
    ...roles.map((role) => `role '${role.name}'`),
  ];
  return [`pull request #${number}`, ...parts].join(', ');
}

/** Whether to drop an item, and why. */
interface DropDecision {
  readonly action: 'drop expired' | 'drop closed' | 'skip';
  readonly reason: string;
}

/** Unknown if GitHub does not return the state of the pull request, which is requested right before the drop. */
async function decideDrop(
  { ctx: { gitHub }, openPullRequests, now }: SweepContext,
  { number, expires }: SweepItem,
): Promise<Lookup<DropDecision>> {
  if (expires !== undefined && expires <= now)
    return present({ action: 'drop expired', reason: `it expired at ${formatUtc(expires)}` });
  const expiry = expires === undefined ? '' : `, and it expires at ${formatUtc(expires)}`;
  const skip = { action: 'skip', reason: `pull request #${number} is open${expiry}` } as const;
  if (openPullRequests.has(number)) return present(skip);
  const observed = await gitHub.getPullRequestState(number);
  if (observed.status !== 'present') return observed;
  return present(
    observed.value === 'closed'
      ? { action: 'drop closed', reason: `pull request #${number} is closed` }
      : skip,
  );
}

/** What to delete of a pull request: only its roles, if its database's name belongs to another database. */
async function planTeardown(
  { repository }: SweepConfig,
  { name, number, base, roles }: SweepItem,
  expiredBy: Date | undefined,
  reader: SqlReader,
): Promise<PullRequestTeardown> {
  const marker = { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base } as const;
  const database = { name, marker };
  const observed = await reader.database(name);
  const isUnmanaged = observed.status === 'present' && !isManagedDatabase(observed.value, database);
  return { database: isUnmanaged ? undefined : database, roles, expiredBy };
}
