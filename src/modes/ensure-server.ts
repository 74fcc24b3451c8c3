import type { FoundServer } from '../azure/reader.ts';
import {
  isBeingCreatedOrDeleted,
  isTransient,
  normalizeState,
  stateHint,
  waitForReady,
  waitForStableState,
} from '../azure/server-states.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { unfinishedCreationOwner, withoutCreationTag } from '../common/creation-tag.ts';
import { actionError } from '../common/errors.ts';
import type { EnsureConfig } from '../inputs/types.ts';
import type { Change } from '../reconcile/findings.ts';
import { type ChangePolicy, ensurePolicy } from '../reconcile/policy.ts';
import { createPlan, type Plan, type ReconcileOutcome, reconcile } from '../reconcile/reconcile.ts';
import { childReads, controlPlaneResources, serverChildResources } from '../resources/index.ts';
import { isCreationAbandoned, waitUntilVisible } from '../resources/server/create-server.ts';
import { validateCreation } from '../resources/server/new-server.ts';
import { creatorRepositoryId, isServerStateFinding } from '../resources/server/server-handler.ts';
import { rejectUnsuitableServer } from '../resources/server/server-limits.ts';
import { validateServerParameters } from '../resources/server-parameter/server-parameter-handler.ts';
import type { ModeContext, WritableControlPlane } from './context.ts';
import { reportServer } from './ready-server.ts';

/** The server once it is Ready. */
interface EnsuredServer extends ReconcileOutcome {
  readonly found: FoundServer;
}

/** Ensures resource group and server, then the server's parameters, allow-list and firewall rules. */
export async function ensureServer(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
): Promise<EnsuredServer> {
  const { run, config, reporter } = ctx;
  const options = { desired: config, policy: ensurePolicy(config), ...azure };
  await rejectUnusableServer(ctx, azure);
  if (await wasCreationInterrupted(ctx, azure)) return await finishCreation(ctx, azure, 'existing');
  const first = await reconcile(reporter, controlPlaneResources, {
    ...options,
    beforeApply: (plan) => prepareCreation(ctx, azure, options.policy, plan),
  });
  if (first.changes.some(isServerCreation))
    return withEarlier([first], await finishCreation(ctx, azure, 'created'));
  const stable = await waitForStableState(run, azure.reader);
  if (await isCreationAbandoned(run, azure.reader, stable, creatorRepositoryId(config)))
    return withEarlier([first], await finishCreation(ctx, azure, 'existing'));
  // The first plan could not compare a server that was stopped, or that another run was creating.
  const wasStopped = normalizeState(stable.server) === 'Stopped' && config.startIfStopped;
  const wasAdopted = first.plannedChanges.some(({ change }) => isServerCreation(change));
  const results: ReconcileOutcome[] = [first];
  if (wasStopped || wasAdopted || first.findings.some(isServerStateFinding))
    results.push(await reconcile(reporter, controlPlaneResources, options));
  const found = reportServer(ctx, await waitForReady(run, azure.reader));
  azure.reader.startReads(childReads(config));
  const children = await reconcile(reporter, serverChildResources, options);
  return withEarlier(results, { found, ...children });
}

/**
 * Rejects a server that no change makes usable, before the first write.
 * @throws `server-not-suitable`, or `server-not-usable` for a state that neither passes nor is changed by this run
 */
async function rejectUnusableServer(
  { config }: ModeContext<EnsureConfig>,
  { reader }: WritableControlPlane,
): Promise<void> {
  const observed = await reader.getServer();
  if (observed.status !== 'present') return;
  const { name, server } = observed.value;
  const state = normalizeState(server);
  if (isBeingCreatedOrDeleted(state)) return;
  const isUsable = state === 'Ready' || isTransient(state) || (state === 'Stopped' && config.startIfStopped);
  if (!isUsable) throw actionError('server-not-usable', { server: name, state, hint: stateHint(state) });
  rejectUnsuitableServer(config, name, server);
}

const withEarlier = (earlier: readonly ReconcileOutcome[], last: EnsuredServer): EnsuredServer => ({
  found: last.found,
  changes: [...earlier, last].flatMap(({ changes }) => changes),
  remaining: [...earlier, last].flatMap(({ remaining }) => remaining),
});

/** Whether the server carries the tag of a creation by this repository that has not finished. */
const isCreationUnfinished = ({ config }: ModeContext<EnsureConfig>, { server }: FoundServer): boolean =>
  unfinishedCreationOwner(server.tags) === creatorRepositoryId(config);

/** Whether the server existed before this run, with an interrupted creation. */
async function wasCreationInterrupted(
  ctx: ModeContext<EnsureConfig>,
  { reader }: WritableControlPlane,
): Promise<boolean> {
  const observed = await reader.getServer();
  if (observed.status !== 'present' || isBeingCreatedOrDeleted(normalizeState(observed.value.server)))
    return false;
  const isInterrupted = isCreationUnfinished(ctx, observed.value);
  if (isInterrupted)
    ctx.run.info(
      `The creation of server '${observed.value.name}' by another run is not finished; finishing it.`,
    );
  return isInterrupted;
}

/**
 * Finishes a creation: parameters, rules, the maintenance window, and then the removal of the creation tag. All declared
 * properties are set regardless of `on-drift`, because no user has changed a server that is still being created. The
 * window is set last, because its request can also remove the tag; without a declared window, a separate request does.
 * @param server `created` by this run, so its properties are as declared; `existing`: another run has created it, failed
 *   or was killed, and did not report it, so this one does
 */
async function finishCreation(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
  server: 'created' | 'existing',
): Promise<EnsuredServer> {
  const { run, config, reporter } = ctx;
  const policy: ChangePolicy = { ...ensurePolicy(config), update: 'all' };
  const options = { desired: config, policy, ...azure };
  const results: ReconcileOutcome[] = [];
  if (server === 'existing')
    results.push(
      await reconcile(reporter, controlPlaneResources, {
        ...options,
        beforeApply: async (plan) => withoutMaintenanceWindow(await prepareUpdate(ctx, azure, plan)),
      }),
    );
  const found = reportServer(ctx, await waitForReady(run, azure.reader));
  azure.reader.startReads(childReads(config));
  results.push(await reconcile(reporter, serverChildResources, options));
  const before = server === 'existing' ? await azure.reader.refreshServer() : undefined;
  const last = await reconcile(reporter, controlPlaneResources, options);
  await removeCreationTag(ctx, azure);
  // Otherwise the run that created the server has finished it in the meantime.
  if (before?.status === 'present' && isCreationUnfinished(ctx, before.value)) {
    const change = completedCreation(found.name);
    run.info(`Finished the creation of server '${found.name}', which another run had begun:`);
    reporter.onApplied(change);
    results.push({ changes: [change], remaining: [] });
  }
  return withEarlier(results, { found, ...last });
}

const completedCreation = (name: string): Change => ({
  resource: 'server',
  name,
  action: 'create',
  details: 'completing the creation that another run started',
});

const withoutMaintenanceWindow = (plan: Plan<AzureWriter>): Plan<AzureWriter> => ({
  ...plan,
  plannedChanges: plan.plannedChanges.filter(({ finding }) => finding?.property !== 'maintenance window'),
});

async function removeCreationTag(
  ctx: ModeContext<EnsureConfig>,
  { reader, writer }: WritableControlPlane,
): Promise<void> {
  const observed = await reader.getServer();
  if (observed.status !== 'present' || !isCreationUnfinished(ctx, observed.value)) return;
  await writer.updateServer(
    ({ tags }) => ({ tags: withoutCreationTag(tags) }),
    'the tags',
    ({ tags }) => unfinishedCreationOwner(tags) === undefined,
  );
}

const isServerCreation = ({ resource, action }: Change): boolean =>
  resource === 'server' && action === 'create';

/**
 * Before the first change of an existing server, checks the declared parameters, which are compared only after it.
 * @throws `server-parameters-invalid`
 */
async function prepareUpdate(
  { config }: ModeContext<EnsureConfig>,
  { reader }: WritableControlPlane,
  plan: Plan<AzureWriter>,
): Promise<Plan<AzureWriter>> {
  if (plan.plannedChanges.length > 0) await validateServerParameters(reader, config);
  return plan;
}

/**
 * Before the first write of a creation, checks the inputs that only a creation needs, and whether the name is available.
 * @returns the plan; a new one if another run is creating the server
 * @throws `creation-inputs-invalid`, `server-name-taken`
 */
async function prepareCreation(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
  policy: ChangePolicy,
  plan: Plan<AzureWriter>,
): Promise<Plan<AzureWriter>> {
  if (!plan.plannedChanges.some(({ change }) => isServerCreation(change)))
    return await prepareUpdate(ctx, azure, plan);
  const { run, config } = ctx;
  const { reader } = azure;
  const { name } = config.server;
  const errors = validateCreation(config);
  if (errors.length > 0) throw actionError('creation-inputs-invalid', { server: name, errors });
  if (await reader.isNameAvailable(config.server.region ?? '')) return plan;
  run.info(`The name '${name}' is in use; checking whether another run is creating this server.`);
  await waitUntilVisible(run, reader);
  return await createPlan(controlPlaneResources, config, policy, reader);
}
