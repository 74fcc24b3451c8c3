import { adoptable, staysUnfinished } from '../azure/create-server.ts';
import type { FoundServer } from '../azure/reader.ts';
import { readyServer, settledServer } from '../azure/ready.ts';
import { isHalfThere, stateOf } from '../azure/server-states.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { EnsureConfig } from '../config/config.ts';
import { creationFaults, newServer } from '../config/creation.ts';
import { unfinishedBy, withoutCreationTag } from '../config/creation-tag.ts';
import { fail } from '../errors.ts';
import { type Plan, plan, type Step } from '../plan/engine.ts';
import { serverChildren, servers } from '../resources/catalogue.ts';
import { creatorOf, isOfState } from '../resources/server.ts';
import { type Act, introduce, pass, type WritableControlPlane } from './control-plane.ts';

/** Control plane: group and server, then what is kept in it. Returns the server once it is Ready. */
export async function ensureServer(
  act: Act<EnsureConfig>,
  azure: WritableControlPlane,
): Promise<FoundServer> {
  const { run, config, story } = act;
  if (await wasInterrupted(act, azure)) return await finishCreation(act, azure);
  const first = await pass(story, servers, config, azure, (planned) => creatable(act, azure, planned));
  if (story.hasCreated('server')) return await finishCreation(act, azure);
  const settled = await settledServer(run, azure.reader);
  if (await staysUnfinished(run, azure.reader, settled, creatorOf(config)))
    return await finishCreation(act, azure);
  // Stopped or half there when it was looked at first, or made by somebody else in the meantime: it is compared now.
  const asleep = stateOf(settled.server) === 'Stopped' && config.startIfStopped;
  const adopted = first.steps.some(createsServer);
  if (asleep || adopted || first.findings.some(isOfState)) await pass(story, servers, config, azure);
  const found = await readyServer(run, azure.reader);
  introduce(act, found);
  await pass(story, serverChildren, config, azure);
  return found;
}

/** Whether a run of this repository began the server's creation and has not finished it. */
const isUnfinished = ({ config }: Act<EnsureConfig>, { server }: FoundServer): boolean =>
  unfinishedBy(server.tags) === creatorOf(config);

/** Whether the server was there at the first look, with a creation that was interrupted. */
async function wasInterrupted(act: Act<EnsureConfig>, { reader }: WritableControlPlane): Promise<boolean> {
  const seen = await reader.server();
  if (seen.status !== 'present' || isHalfThere(stateOf(seen.value.server))) return false;
  const interrupted = isUnfinished(act, seen.value);
  if (interrupted) act.run.info(`The creation of server '${seen.value.name}' was interrupted; finishing it.`);
  return interrupted;
}

/**
 * Parameters, rules and the maintenance window, which are part of making a server, and then the end of its tag. The
 * window comes last, since its request can take the tag away too; where none is declared, one more request does.
 */
async function finishCreation(act: Act<EnsureConfig>, azure: WritableControlPlane): Promise<FoundServer> {
  const { run, config, story } = act;
  const declared: EnsureConfig = { ...config, onDrift: 'fix' };
  if (!story.hasCreated('server')) {
    const server = { ...config.server, maintenanceWindow: undefined };
    await pass(story, servers, { ...declared, server }, azure);
  }
  const found = await readyServer(run, azure.reader);
  introduce(act, found);
  await pass(story, serverChildren, declared, azure);
  await pass(story, servers, declared, azure);
  const last = await azure.reader.server();
  if (last.status === 'present' && isUnfinished(act, last.value))
    await azure.writer.updateServer(
      ({ tags }) => ({ tags: withoutCreationTag(tags) }),
      'the tags',
      ({ tags }) => unfinishedBy(tags) === undefined,
    );
  return found;
}

const createsServer = ({ change }: Step<AzureWriter>): boolean =>
  change.resource === 'server' && change.action === 'create';

/** Before the first write of a creation: every fault that matters to it, and whether the name is free. */
async function creatable(
  { run, config }: Act<EnsureConfig>,
  { reader }: WritableControlPlane,
  planned: Plan<AzureWriter>,
): Promise<Plan<AzureWriter>> {
  if (!planned.steps.some(createsServer)) return planned;
  const { name } = config.server;
  const faults = creationFaults(config);
  if (faults.length > 0) throw fail('creation-inputs-invalid', { server: name, faults });
  if (await reader.nameIsFree(newServer(config.server).region)) return planned;
  run.info(
    `The name '${name}' is in use; looking whether it is a server of this subscription that is being made just now.`,
  );
  await adoptable(run, reader);
  return await plan(servers, config, reader);
}
