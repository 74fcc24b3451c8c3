import type { FoundServer } from '../azure/reader.ts';
import { isBeingCreatedOrDeleted, normalizeState } from '../azure/server-states.ts';
import { waitForReady, waitForStableState } from '../azure/wait-for-ready.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { unfinishedCreationOwner, withoutCreationTag } from '../common/creation-tag.ts';
import { actionError } from '../common/errors.ts';
import type { EnsureConfig } from '../inputs/types.ts';
import { createPlan, type Plan, type PlannedChange } from '../reconcile/plan.ts';
import { controlPlaneResources, serverChildResources } from '../resources/index.ts';
import { isCreationAbandoned, waitUntilVisible } from '../resources/server/create-server.ts';
import { validateCreation } from '../resources/server/new-server.ts';
import { creatorRepositoryId, isServerStateFinding } from '../resources/server/server-handler.ts';
import { logServer, type ModeContext, reconcile, type WritableControlPlane } from './context.ts';

/** Control plane: group and server, then what is kept in it. Returns the server once it is Ready. */
export async function ensureServer(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
): Promise<FoundServer> {
  const { run, config, reporter } = ctx;
  if (await wasCreationInterrupted(ctx, azure)) return await finishCreation(ctx, azure);
  const firstPlan = await reconcile(reporter, controlPlaneResources, config, azure, (planned) =>
    prepareCreation(ctx, azure, planned),
  );
  if (reporter.hasCreated('server')) return await finishCreation(ctx, azure);
  const stable = await waitForStableState(run, azure.reader);
  if (await isCreationAbandoned(run, azure.reader, stable, creatorRepositoryId(config)))
    return await finishCreation(ctx, azure);
  // Stopped or half there when it was looked at first, or made by somebody else in the meantime: it is compared now.
  const wasStopped = normalizeState(stable.server) === 'Stopped' && config.startIfStopped;
  const createdOrAdopted = firstPlan.plannedChanges.some(isServerCreation);
  if (wasStopped || createdOrAdopted || firstPlan.findings.some(isServerStateFinding))
    await reconcile(reporter, controlPlaneResources, config, azure);
  const found = await waitForReady(run, azure.reader);
  logServer(ctx, found);
  await reconcile(reporter, serverChildResources, config, azure);
  return found;
}

/** Whether a run of this repository began the server's creation and has not finished it. */
const isCreationUnfinished = ({ config }: ModeContext<EnsureConfig>, { server }: FoundServer): boolean =>
  unfinishedCreationOwner(server.tags) === creatorRepositoryId(config);

/** Whether the server was there at the first look, with a creation that was interrupted. */
async function wasCreationInterrupted(
  ctx: ModeContext<EnsureConfig>,
  { reader }: WritableControlPlane,
): Promise<boolean> {
  const observed = await reader.getServer();
  if (observed.status !== 'present' || isBeingCreatedOrDeleted(normalizeState(observed.value.server)))
    return false;
  const interrupted = isCreationUnfinished(ctx, observed.value);
  if (interrupted)
    ctx.run.info(`The creation of server '${observed.value.name}' was interrupted; finishing it.`);
  return interrupted;
}

/**
 * Parameters, rules and the maintenance window, which are part of making a server, and then the end of its tag. The
 * window comes last, since its request can take the tag away too; where none is declared, one more request does.
 */
async function finishCreation(
  ctx: ModeContext<EnsureConfig>,
  azure: WritableControlPlane,
): Promise<FoundServer> {
  const { run, config, reporter } = ctx;
  const fixConfig: EnsureConfig = { ...config, onDrift: 'fix' };
  if (!reporter.hasCreated('server')) {
    const server = { ...config.server, maintenanceWindow: undefined };
    await reconcile(reporter, controlPlaneResources, { ...fixConfig, server }, azure);
  }
  const found = await waitForReady(run, azure.reader);
  logServer(ctx, found);
  await reconcile(reporter, serverChildResources, fixConfig, azure);
  await reconcile(reporter, controlPlaneResources, fixConfig, azure);
  const last = await azure.reader.getServer();
  if (last.status === 'present' && isCreationUnfinished(ctx, last.value))
    await azure.writer.updateServer(
      ({ tags }) => ({ tags: withoutCreationTag(tags) }),
      'the tags',
      ({ tags }) => unfinishedCreationOwner(tags) === undefined,
    );
  return found;
}

const isServerCreation = ({ change }: PlannedChange<AzureWriter>): boolean =>
  change.resource === 'server' && change.action === 'create';

/** Before the first write of a creation: every fault that matters to it, and whether the name is free. */
async function prepareCreation(
  { run, config }: ModeContext<EnsureConfig>,
  { reader }: WritableControlPlane,
  planned: Plan<AzureWriter>,
): Promise<Plan<AzureWriter>> {
  if (!planned.plannedChanges.some(isServerCreation)) return planned;
  const { name } = config.server;
  const errors = validateCreation(config);
  if (errors.length > 0) throw actionError('creation-inputs-invalid', { server: name, errors });
  if (await reader.isNameAvailable(config.server.region ?? '')) return planned;
  run.info(
    `The name '${name}' is in use; looking whether it is a server of this subscription that is being made just now.`,
  );
  await waitUntilVisible(run, reader);
  return await createPlan(controlPlaneResources, config, reader);
}
