import type { FoundServer } from '../azure/reader.ts';
import { normalizeState, waitForReady, waitForStableState } from '../azure/server-states.ts';
import { actionError } from '../common/errors.ts';
import type { DropConfig, SweepConfig } from '../inputs/types.ts';
import { rejectUnsuitableServer } from '../resources/server/server-limits.ts';
import type { ModeContext, WritableControlPlane, WritingConfig } from './context.ts';

/**
 * Waits for the server to be Ready, for `drop` and `sweep`; starts a stopped one.
 * @returns undefined, after a warning, if the run must end without a statement about databases: `drop` does not find the
 *   server, which may have been deleted on purpose, or the server is stopped and stays stopped (`dry-run`, or a sweep
 *   with `start-if-stopped: false`)
 * @throws `server-not-suitable` before the first write;
 *   `server-not-found` for a sweep, which would otherwise succeed every night without doing anything; why the server
 *   could not be read, because unknown is never treated as absent
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
    if (config.mode === 'sweep') throw error;
    run.warning(error.message);
    return undefined;
  }
  const stable = await waitForStableState(run, reader);
  const isStopped = normalizeState(stable.server) === 'Stopped';
  if (isStopped && (config.dryRun || (config.mode === 'sweep' && !config.startIfStopped))) {
    run.warning(`Server '${stable.name}' is stopped and was not started, so nothing was checked.`);
    return undefined;
  }
  rejectUnsuitableServer(config, stable.name, stable.server);
  if (isStopped && config.startIfStopped) {
    const change = {
      resource: 'server',
      name: stable.name,
      action: 'start',
      details: 'it was stopped',
    } as const;
    reporter.recordPlannedChange(change);
    reporter.onApplyStart(change);
    if ((await writer.startServer()) === 'adopted') reporter.onAdopted(change);
    else reporter.onApplied(change);
  }
  return reportServer(ctx, await waitForReady(run, reader));
}

/** Logs the server's properties, and records the server for the outputs. */
export function reportServer({ run, reporter }: ModeContext<WritingConfig>, found: FoundServer): FoundServer {
  const { name, resourceGroup, server } = found;
  const { fullyQualifiedDomainName: host, version, location, sku } = server;
  run.info(
    `Server ${name} in resource group ${resourceGroup}: PostgreSQL ${version}, ${sku?.name}, ${location}, at ${host}`,
  );
  reporter.recordServer(server);
  return found;
}
