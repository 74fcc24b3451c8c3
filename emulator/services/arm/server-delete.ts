import type { ArmContext, ArmHandler } from './arm-request.ts';
import type { FlexibleServer } from './arm-store.ts';
import { operationErrors } from './errors.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

/** Remove a server with its data plane; what it executed stays known to control. */
export async function destroyServer(server: FlexibleServer, { store }: ArmContext): Promise<void> {
  if (server.postgres) store.deletedServerStatements.push(...(await server.postgres.listStatements()));
  await server.postgres?.destroy();
  store.removeServer(server);
}

/** `DELETE …/flexibleServers/{name}`: 202, or 204 where there is none. Its URLs name the region as people do. */
export const deleteServer: ArmHandler = (call, context) => {
  const { store, operations, options } = context;
  const server = store.findServer(call.params.subscription, call.params.group, call.params.server);
  if (!server) return { status: 204 };
  const previousState = server.state;
  const isBusy = previousState === 'Dropping' || previousState === 'Provisioning';
  if (!isBusy) server.state = 'Dropping';
  return operations.begin(call, {
    operationName: 'DropServerManagementOperation',
    retryAfterSeconds: RETRY_AFTER_SECONDS.deleteServer,
    locationSegment: encodeURIComponent(server.location.displayName),
    durationMs: operationDurationMs('deleteServer', options.provisionMs),
    work: async (untilDone) => {
      if (isBusy) {
        await untilDone();
        throw previousState === 'Dropping'
          ? operationErrors.dropping()
          : operationErrors.serverIsBusy(server.name);
      }
      try {
        await untilDone();
      } catch (error) {
        server.state = previousState;
        throw error;
      }
      await destroyServer(server, context);
    },
  });
};
