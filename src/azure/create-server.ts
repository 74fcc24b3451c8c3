import type { Server } from '@azure/arm-postgresql-flexible';
import type { Credentials } from '../config/config.ts';
import type { NewServer } from '../config/creation.ts';
import { fail } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import { isBusy } from './advice.ts';
import type { AzureClients } from './clients.ts';
import { azureDetails, OperationFailed, refused } from './failures.ts';
import { type Operation, race, startOperation } from './operations.ts';
import type { AzureReader } from './reader.ts';

/** Milliseconds for a server that someone else is creating to become visible, before its name counts as a stranger's. */
const visibleWithin = 10_000;

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
  if (!(await nameIsAvailable(clients, run, name, planned.region))) return adopt(run, reader, name);
  try {
    const operation = await startOperation(run, (options) =>
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
      race(operation, () => readyServer(reader)),
    );
    return (await lostAfterAll(operation)) ? 'adopted' : 'created';
  } catch (error) {
    const code = azureDetails(error)?.code ?? '';
    if (isBusy(code) || isTaken(code)) return adopt(run, reader, name, error);
    throw refused(doing, error);
  }
}

const isTaken = (code: string): boolean =>
  code === 'ServerNameAlreadyExists' || code === 'ServerGroupDropping';

/** Whether the server was made by another although it became Ready while our operation ran: then ours failed. */
async function lostAfterAll(operation: Operation): Promise<boolean> {
  try {
    await operation.ended();
    return false;
  } catch (error) {
    if (error instanceof OperationFailed) return true;
    throw error;
  }
}

async function readyServer(reader: AzureReader): Promise<true | undefined> {
  const seen = await reader.lookAgain();
  return seen.status === 'present' && seen.value.server.state === 'Ready' ? true : undefined;
}

async function nameIsAvailable(
  clients: AzureClients,
  run: Run,
  name: string,
  region: string,
): Promise<boolean> {
  const doing = `asking whether the server name '${name}' is free in ${region}`;
  const question = { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers' };
  const answer = await clients.postgresql.nameAvailability
    .checkWithLocation(regionName(region), question, { abortSignal: run.signal })
    .catch((error: unknown) => {
      throw refused(doing, error);
    });
  if (answer.nameAvailable === false && answer.reason === 'Invalid') {
    const azure = { code: 'Invalid', message: answer.message ?? 'The server name is not valid.' };
    throw fail('azure-refused', { doing, advice: 'Choose another server-name.' }, { azure });
  }
  return answer.nameAvailable !== false;
}

/** Waits a little for the server to become visible; it may be in creation by another run. */
async function adopt(run: Run, reader: AzureReader, name: string, cause?: unknown): Promise<'adopted'> {
  run.info(`Server '${name}' is being made by somebody else; adopting it.`);
  const options = { atMost: visibleWithin };
  const look = async () => ((await reader.lookAgain()).status === 'present' ? true : undefined);
  await waitFor(run, `server '${name}' to become visible`, look, options).catch((error: unknown) => {
    if (run.signal.aborted) throw error;
    const azure = azureDetails(cause);
    throw fail('server-name-taken', { server: name }, azure ? { cause, azure } : {});
  });
  return 'adopted';
}

/** Azure's short form of a region: `West Europe` → `westeurope`. */
export const regionName = (region: string): string => region.toLowerCase().replaceAll(' ', '');

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
    createMode: 'Create',
  };
}
