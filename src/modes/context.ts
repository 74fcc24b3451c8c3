import { resolveEndpoints } from '../azure/clouds.ts';
import { selectAuthMethod } from '../azure/credentials.ts';
import { AzureReader, type FoundServer } from '../azure/reader.ts';
import { normalizeState } from '../azure/server-states.ts';
import { waitForReady, waitForStableState } from '../azure/wait-for-ready.ts';
import { AzureWriter } from '../azure/writer.ts';
import { actionError } from '../common/errors.ts';
import { captureNetworkSettings, logNetworkSettings } from '../common/network.ts';
import type { RunContext } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import { ActionState } from '../github/state.ts';
import { findSecretWarnings } from '../inputs/parse/parse-config.ts';
import type { CheckConfig, Config, DropConfig, SweepConfig } from '../inputs/types.ts';
import { applyPlan, createPlan, type Plan, type PlanFunction } from '../reconcile/plan.ts';
import type { Reporter } from '../reporting/reporter.ts';
import { type AzureConnection, connectToAzure } from './run-context.ts';

/** A mode that writes, and so has an administrator. */
export type WritingConfig = Exclude<Config, CheckConfig>;

/** What every part of a route works with. */
export interface ModeContext<C extends Config> {
  readonly runtime: ActionsRuntime;
  readonly run: RunContext;
  readonly config: C;
  readonly reporter: Reporter;
}

/** ARM to a mode that only reads. */
export interface ControlPlane {
  readonly azureConnection: AzureConnection;
  readonly reader: AzureReader;
}

/** ARM to a mode that writes too. */
export interface WritableControlPlane extends ControlPlane {
  readonly writer: AzureWriter;
}

/**
 * Makes the clients, which sign in at their first request, and saves for `post` how they do; before that warns of secrets
 * that probably contain a mistake.
 */
export function openControlPlane({ runtime, run, config }: ModeContext<Config>): ControlPlane {
  for (const warning of findSecretWarnings(config)) run.warning(warning);
  const { clientSecret: _, ...signIn } = config.signIn;
  const way = selectAuthMethod(config.signIn, runtime.canRequestIdToken);
  const network = captureNetworkSettings(process.env);
  new ActionState(runtime).saveSignIn({ way, signIn, cloud: config.cloud, network });
  logNetworkSettings(process.env, run.info);
  const azureConnection = connectToAzure(
    runtime,
    way,
    config.signIn,
    resolveEndpoints(config.cloud, process.env),
  );
  return { azureConnection, reader: new AzureReader(azureConnection.clients, run, config.server) };
}

/** Adds the writer, which a mode that only reads never constructs (design.md, one path for every mode). */
export function withWriter(
  { run }: ModeContext<WritingConfig>,
  { azureConnection, reader }: ControlPlane,
): WritableControlPlane {
  return { azureConnection, reader, writer: new AzureWriter(azureConnection.clients, run, reader) };
}

/**
 * One pass over some kinds: observe, diff, and apply where there is a writer.
 * @param beforeApply looks at the plan before its first write; may refuse it, or hand back another
 * @throws with a writer, why something could not be seen: unknown is never taken for absent (law 8)
 */
export async function reconcile<R, W>(
  reporter: Reporter,
  planners: readonly PlanFunction<R, W>[],
  config: Config,
  { reader, writer }: { readonly reader: R; readonly writer?: W | undefined },
  beforeApply: (plan: Plan<W>) => Promise<Plan<W>> = async (plan) => plan,
): Promise<Plan<W>> {
  const initialPlan = await createPlan(planners, config, reader);
  if (writer === undefined) {
    reporter.recordPlan(initialPlan);
    return initialPlan;
  }
  if (initialPlan.readErrors[0]) throw initialPlan.readErrors[0];
  const approvedPlan = await beforeApply(initialPlan);
  reporter.recordPlan(approvedPlan);
  await applyPlan(approvedPlan, writer, reporter);
  return approvedPlan;
}

/** Tells which server it is, in the log and for the outputs. */
export function logServer(
  { run, reporter }: ModeContext<WritingConfig>,
  { name, resourceGroup, server }: FoundServer,
): void {
  const { fullyQualifiedDomainName: host, id, version, location, sku } = server;
  run.info(
    `Server '${name}' in resource group '${resourceGroup}': PostgreSQL ${version}, ${sku?.name}, ${location}, at ${host}.`,
  );
  reporter.host = host;
  reporter.serverId = id;
}

/**
 * The server once it is Ready; a stopped one is started. Undefined, with a warning, where a run must not go on and must
 * not claim anything about what is in the server: `drop` does not find it (it may have been deleted on purpose), or it is
 * stopped and stays so (a dry run starts nothing, and `start-if-stopped: false` lets a sweep wait for the next night).
 * @throws `server-not-found` for a sweep, and why it could not be seen: unknown is never taken for absent
 */
export async function findReadyServer(
  ctx: ModeContext<DropConfig | SweepConfig>,
  { reader, writer }: WritableControlPlane,
): Promise<FoundServer | undefined> {
  const { run, config, reporter } = ctx;
  const observed = await reader.getServer();
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') {
    const { name: server, resourceGroup } = config.server;
    const subscription = config.signIn.subscriptionId;
    const error = actionError('server-not-found', { server, subscription, resourceGroup });
    // A sweep that never sees its server would be green every night.
    if (config.mode === 'sweep') throw error;
    run.warning(error.message);
    return undefined;
  }
  const stable = await waitForStableState(run, reader);
  const isStopped = normalizeState(stable.server) === 'Stopped';
  if (isStopped && (config.dryRun || (config.mode === 'sweep' && !config.startIfStopped))) {
    run.warning(`Server '${stable.name}' is stopped and was not started, so nothing was looked at.`);
    return undefined;
  }
  if (isStopped && config.startIfStopped) {
    const change = {
      resource: 'server',
      name: stable.name,
      action: 'start',
      details: 'it was stopped',
    } as const;
    reporter.onApplyStart(change);
    if ((await writer.startServer()) !== 'adopted') reporter.onApplied(change);
  }
  const found = await waitForReady(run, reader);
  logServer(ctx, found);
  return found;
}
