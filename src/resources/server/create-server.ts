import type { Server } from '@azure/arm-postgresql-flexible';
import { azureDetails, OperationFailedError, toAzureError } from '../../azure/azure-errors.ts';
import type { AzureClients } from '../../azure/clients.ts';
import { isBusyCode } from '../../azure/hints.ts';
import {
  createOperationPoll,
  type Operation,
  pollWithTimeout,
  startOperation,
} from '../../azure/operations.ts';
import type { AzureReader, FoundServer } from '../../azure/reader.ts';
import { normalizeRegion } from '../../azure/regions.ts';
import { normalizeState } from '../../azure/server-states.ts';
import { ActionError, actionError } from '../../common/errors.ts';
import { type RunContext, waitFor } from '../../common/polling.ts';
import { unfinishedCreationOwner } from '../../inputs/creation-tag.ts';
import type { NewServer } from '../../inputs/defaults.ts';
import type { Credentials } from '../../inputs/types.ts';

/** Milliseconds for a server that someone else is creating to become visible, before its name counts as a stranger's. */
const VISIBILITY_TIMEOUT_MS = 10_000;
/** Milliseconds for the answer whether our own creation has failed, once the server is Ready. */
const FINAL_POLL_TIMEOUT_MS = 10_000;

/**
 * Creates a server, or adopts the one of the same name that somebody made in the meantime (a lost race). Returns
 * once ARM shows it as Ready or its own operation has ended.
 * @throws `server-name-taken`, `azure-request-failed`
 */
export async function createServer(
  clients: AzureClients,
  run: RunContext,
  reader: AzureReader,
  newServer: NewServer,
  administrator: Credentials,
): Promise<'created' | 'adopted'> {
  const { resourceGroup, name } = reader.serverRef;
  const doing = `creating server '${name}'`;
  try {
    const operation = await startOperation(clients, run, (options) =>
      clients.postgresql.servers.beginCreateOrUpdate(
        resourceGroup,
        name,
        toServerBody(newServer, administrator),
        options,
      ),
    );
    await waitFor(
      run,
      `server '${name}' to be created`,
      createOperationPoll(operation, () => pollReady(reader)),
      { initialIntervalMs: 200 },
    );
    return (await hasOperationFailed(operation)) ? 'adopted' : 'created';
  } catch (error) {
    const code = azureDetails(error)?.code ?? '';
    if (isBusyCode(code) || isNameConflict(code)) {
      run.info(`Server '${name}' is being made by somebody else (${code}); adopting it.`);
      return waitUntilVisible(run, reader, error);
    }
    throw toAzureError(doing, error);
  }
}

const isNameConflict = (code: string): boolean =>
  code === 'ServerNameAlreadyExists' || code === 'ServerGroupDropping';

/** Whether the server was made by another although it became Ready while our operation ran: then ours failed. */
async function hasOperationFailed(operation: Operation): Promise<boolean> {
  try {
    await pollWithTimeout(operation, FINAL_POLL_TIMEOUT_MS);
    return false;
  } catch (error) {
    if (error instanceof OperationFailedError) return true;
    throw error;
  }
}

async function pollReady(reader: AzureReader): Promise<true | undefined> {
  const observedServer = await reader.refreshServer();
  return observedServer.status === 'present' &&
    observedServer.value.server.state !== undefined &&
    normalizeState(observedServer.value.server) === 'Ready'
    ? true
    : undefined;
}

/**
 * Waits a little for a server to become visible that somebody else may be creating.
 * @param cause what told that there is one
 * @throws `server-name-taken` where it does not
 */
export async function waitUntilVisible(
  run: RunContext,
  reader: AzureReader,
  cause?: unknown,
): Promise<'adopted'> {
  const { name } = reader.serverRef;
  const options = { timeoutMs: VISIBILITY_TIMEOUT_MS };
  const poll = async () => ((await reader.refreshServer()).status === 'present' ? true : undefined);
  await waitFor(run, `server '${name}' to become visible`, poll, options).catch((error: unknown) => {
    if (run.signal.aborted) throw error;
    const azure = azureDetails(cause);
    throw actionError('server-name-taken', { server: name }, azure ? { cause, azure } : {});
  });
  return 'adopted';
}

/** Milliseconds for another job of this repository to finish the creation that it has begun. */
const FINISH_TIMEOUT_MS = 120_000;

/**
 * Whether a creation that was going on just now is not finished although its job had the time: then that job has ended.
 * Jobs that did it together would only hinder each other, since the server takes one operation at a time.
 * @param repositoryId whose creations count; those of others are theirs to finish
 */
export async function isCreationAbandoned(
  run: RunContext,
  reader: Pick<AzureReader, 'refreshServer'>,
  { name, server }: FoundServer,
  repositoryId: string,
): Promise<boolean> {
  if (unfinishedCreationOwner(server.tags) !== repositoryId) return false;
  const poll = async (): Promise<false | undefined> => {
    const observedServer = await reader.refreshServer();
    const tags = observedServer.status === 'present' ? observedServer.value.server.tags : undefined;
    return unfinishedCreationOwner(tags) === repositoryId ? undefined : false;
  };
  const what = `another job to finish the creation of server '${name}'`;
  return await waitFor(run, what, poll, { timeoutMs: FINISH_TIMEOUT_MS }).catch((error: unknown) => {
    if (run.signal.aborted || !(error instanceof ActionError && error.code === 'timed-out')) throw error;
    run.info(`The creation of server '${name}' is still not finished; finishing it.`);
    return true;
  });
}

function toServerBody(newServer: NewServer, administrator: Credentials): Server {
  return {
    location: normalizeRegion(newServer.region),
    ...(newServer.tags.size > 0 ? { tags: Object.fromEntries(newServer.tags) } : {}),
    sku: { name: newServer.skuName, tier: newServer.skuTier },
    administratorLogin: administrator.username,
    administratorLoginPassword: administrator.password,
    version: newServer.version,
    storage: {
      storageSizeGB: newServer.storageSizeGB,
      autoGrow: newServer.storageAutoGrow ? 'Enabled' : 'Disabled',
    },
    backup: {
      backupRetentionDays: newServer.backupRetentionDays,
      geoRedundantBackup: newServer.geoRedundantBackup ? 'Enabled' : 'Disabled',
    },
    highAvailability: { mode: newServer.highAvailability },
    ...(newServer.availabilityZone === undefined ? {} : { availabilityZone: newServer.availabilityZone }),
    ...toAccessProperties(newServer),
    ...(newServer.cluster === undefined ? {} : { cluster: newServer.cluster }),
    createMode: 'Create',
  };
}

/** Only what is declared, so that Azure's own defaults hold for the rest. */
function toAccessProperties({ passwordAuth, entraAuth, publicAccess, tenantId }: NewServer): Partial<Server> {
  const toEnabledDisabled = (value: boolean): 'Enabled' | 'Disabled' => (value ? 'Enabled' : 'Disabled');
  const authConfig = {
    ...(passwordAuth === undefined ? {} : { passwordAuth: toEnabledDisabled(passwordAuth) }),
    ...(entraAuth === undefined ? {} : { activeDirectoryAuth: toEnabledDisabled(entraAuth) }),
    ...(entraAuth && tenantId !== undefined ? { tenantId } : {}),
  };
  return {
    ...(Object.keys(authConfig).length === 0 ? {} : { authConfig }),
    ...(publicAccess === undefined
      ? {}
      : { network: { publicNetworkAccess: toEnabledDisabled(publicAccess) } }),
  };
}
