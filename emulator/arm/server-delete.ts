import type { ArmContext, ArmHandler } from './call.ts';
import { operationFailures } from './errors.ts';
import type { FlexibleServer } from './store.ts';
import { durationOf, retryAfterSeconds } from './timing.ts';

/** Remove a server with its data plane; what it executed stays known to control. */
export async function dropServer(server: FlexibleServer, { store }: ArmContext): Promise<void> {
  if (server.postgres) store.pastStatements.push(...(await server.postgres.statements()));
  await server.postgres?.destroy();
  store.removeServer(server);
}

/** `DELETE …/flexibleServers/{name}`: 202, or 204 where there is none. Its URLs name the region as people do. */
export const deleteServer: ArmHandler = (call, context) => {
  const { store, operations, options } = context;
  const server = store.findServer(call.names.subscription, call.names.group, call.names.server);
  if (!server) return { status: 204 };
  const before = server.state;
  const busy = before === 'Dropping' || before === 'Provisioning';
  if (!busy) server.state = 'Dropping';
  return operations.begin(call, {
    operation: 'DropServerManagementOperation',
    retryAfter: retryAfterSeconds.deleteServer,
    location: encodeURIComponent(server.location.displayName),
    duration: durationOf('deleteServer', options.provision),
    work: async (elapse) => {
      if (busy) {
        await elapse();
        throw before === 'Dropping'
          ? operationFailures.dropping()
          : operationFailures.serverIsBusy(server.name);
      }
      try {
        await elapse();
      } catch (error) {
        server.state = before;
        throw error;
      }
      await dropServer(server, context);
    },
  });
};
