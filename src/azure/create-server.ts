import type { Server } from '@azure/arm-postgresql-flexible';
import type { Credentials } from '../config/config.ts';
import type { NewServer } from '../config/creation.ts';
import { unfinishedBy } from '../config/creation-tag.ts';
import { ActionError, fail } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import { isBusy } from './advice.ts';
import type { AzureClients } from './clients.ts';
import { azureDetails, OperationFailed, refused } from './failures.ts';
import { askOnce, type Operation, race, startOperation } from './operations.ts';
import type { AzureReader, FoundServer } from './reader.ts';
import { regionName } from './regions.ts';
import { stateOf } from './server-states.ts';

/** Milliseconds for a server that someone else is creating to become visible, before its name counts as a stranger's. */
const visibleWithin = 10_000;
/** Milliseconds for the answer whether our own creation has failed, once the server is Ready. */
const OWN_END_TIMEOUT_MS = 10_000;

/**
 * Creates a server, or adopts the one of the same name that somebody made in the meantime (a lost race). Returns
 * once ARM shows it as Ready or its own operation has ended.
 * @throws `server-name-taken`, `azure-refused`
 */
export async function createServer(
  clients: AzureClients,
  run: Run,
  reader: AzureReader,
  planned: NewServer,
  administrator: Credentials,
): Promise<'created' | 'adopted'> {
  const { resourceGroup, name } = reader.location;
  const doing = `creating server '${name}'`;
  try {
    const operation = await startOperation(clients, run, (options) =>
      clients.postgresql.servers.beginCreateOrUpdate(
        resourceGroup,
        name,
        bodyOf(planned, administrator),
        options,
      ),
    );
    await waitFor(
      run,
      `server '${name}' to be created`,
      race(operation, () => isReady(reader)),
      { pause: 200 },
    );
    return (await lostAfterAll(operation)) ? 'adopted' : 'created';
  } catch (error) {
    const code = azureDetails(error)?.code ?? '';
    if (isBusy(code) || isTaken(code)) {
      run.info(`Server '${name}' is being made by somebody else (${code}); adopting it.`);
      return adoptable(run, reader, error);
    }
    throw refused(doing, error);
  }
}

const isTaken = (code: string): boolean =>
  code === 'ServerNameAlreadyExists' || code === 'ServerGroupDropping';

/** Whether the server was made by another although it became Ready while our operation ran: then ours failed. */
async function lostAfterAll(operation: Operation): Promise<boolean> {
  try {
    await askOnce(operation, OWN_END_TIMEOUT_MS);
    return false;
  } catch (error) {
    if (error instanceof OperationFailed) return true;
    throw error;
  }
}

async function isReady(reader: AzureReader): Promise<true | undefined> {
  const seen = await reader.lookAgain();
  return seen.status === 'present' &&
    seen.value.server.state !== undefined &&
    stateOf(seen.value.server) === 'Ready'
    ? true
    : undefined;
}

/**
 * Waits a little for a server to become visible that somebody else may be creating.
 * @param cause what told that there is one
 * @throws `server-name-taken` where it does not
 */
export async function adoptable(run: Run, reader: AzureReader, cause?: unknown): Promise<'adopted'> {
  const { name } = reader.location;
  const options = { atMost: visibleWithin };
  const look = async () => ((await reader.lookAgain()).status === 'present' ? true : undefined);
  await waitFor(run, `server '${name}' to become visible`, look, options).catch((error: unknown) => {
    if (run.signal.aborted) throw error;
    const azure = azureDetails(cause);
    throw fail('server-name-taken', { server: name }, azure ? { cause, azure } : {});
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
export async function staysUnfinished(
  run: Run,
  reader: Pick<AzureReader, 'lookAgain'>,
  { name, server }: FoundServer,
  repositoryId: string,
): Promise<boolean> {
  if (unfinishedBy(server.tags) !== repositoryId) return false;
  const look = async (): Promise<false | undefined> => {
    const seen = await reader.lookAgain();
    const tags = seen.status === 'present' ? seen.value.server.tags : undefined;
    return unfinishedBy(tags) === repositoryId ? undefined : false;
  };
  const what = `another job to finish the creation of server '${name}'`;
  return await waitFor(run, what, look, { atMost: FINISH_TIMEOUT_MS }).catch((error: unknown) => {
    if (run.signal.aborted || !(error instanceof ActionError && error.code === 'timed-out')) throw error;
    run.info(`The creation of server '${name}' is still not finished; finishing it.`);
    return true;
  });
}

function bodyOf(planned: NewServer, administrator: Credentials): Server {
  return {
    location: regionName(planned.region),
    ...(planned.tags.size > 0 ? { tags: Object.fromEntries(planned.tags) } : {}),
    sku: { name: planned.skuName, tier: planned.skuTier },
    administratorLogin: administrator.username,
    administratorLoginPassword: administrator.password,
    version: planned.version,
    storage: {
      storageSizeGB: planned.storageSizeGB,
      autoGrow: planned.storageAutoGrow ? 'Enabled' : 'Disabled',
    },
    backup: {
      backupRetentionDays: planned.backupRetentionDays,
      geoRedundantBackup: planned.geoRedundantBackup ? 'Enabled' : 'Disabled',
    },
    highAvailability: { mode: planned.highAvailability },
    ...(planned.availabilityZone === undefined ? {} : { availabilityZone: planned.availabilityZone }),
    ...accessOf(planned),
    ...(planned.cluster === undefined ? {} : { cluster: planned.cluster }),
    createMode: 'Create',
  };
}

/** Only what is declared, so that Azure's own defaults hold for the rest. */
function accessOf({ passwordAuth, entraAuth, publicAccess, tenantId }: NewServer): Partial<Server> {
  const onOff = (value: boolean): 'Enabled' | 'Disabled' => (value ? 'Enabled' : 'Disabled');
  const authConfig = {
    ...(passwordAuth === undefined ? {} : { passwordAuth: onOff(passwordAuth) }),
    ...(entraAuth === undefined ? {} : { activeDirectoryAuth: onOff(entraAuth) }),
    ...(entraAuth && tenantId !== undefined ? { tenantId } : {}),
  };
  return {
    ...(Object.keys(authConfig).length === 0 ? {} : { authConfig }),
    ...(publicAccess === undefined ? {} : { network: { publicNetworkAccess: onOff(publicAccess) } }),
  };
}
