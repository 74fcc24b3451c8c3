import type { Server } from '@azure/arm-postgresql-flexible';
import { azureDetails, OperationFailedError, toAzureError } from '../../azure/azure-errors.ts';
import { isBusyCode } from '../../azure/hints.ts';
import type { Operation } from '../../azure/operations.ts';
import type { AzureReader, FoundServer } from '../../azure/reader.ts';
import { normalizeState, SHARED_SERVER_PAUSES } from '../../azure/server-states.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { unfinishedCreationOwner } from '../../common/creation-tag.ts';
import { actionError } from '../../common/errors.ts';
import { followAge, isWaitTimeout, type RunContext, type SetReason, waitFor } from '../../common/polling.ts';

/** Milliseconds for a server that another client is creating to become visible, before its name counts as taken. */
const VISIBILITY_TIMEOUT_MS = 10_000;
/** How long Azure usually creates a server (docs/azure-behavior.md#operation-timings). */
const SERVER_CREATION_TIME = '5 to 10 min';
/** Between the reads of a server that this run creates: only one run does, and every later step waits for it. */
const CREATION_PAUSES = followAge({ share: 0.03 });
/** Milliseconds for a last poll of this run's creation, once the server is Ready. */
const FINAL_POLL_TIMEOUT_MS = 10_000;

/**
 * Creates a server, or adopts the server of the same name that another client created in the meantime. Returns once ARM
 * shows it as Ready.
 * @throws `server-name-taken`, `azure-request-failed`
 */
export async function createServer(writer: AzureWriter, body: Server): Promise<'created' | 'adopted'> {
  const { run, reader } = writer;
  const { name } = reader.serverRef;
  try {
    const operation = await writer.startServerCreation(body);
    const pollReady = async (setReason: SetReason): Promise<true | undefined> => {
      const [ready] = await Promise.all([isReady(reader), operation.checkForFailure(setReason)]);
      return ready || undefined;
    };
    await waitFor(run, `server '${name}' to be created`, pollReady, {
      pauses: CREATION_PAUSES,
      usually: SERVER_CREATION_TIME,
    });
    return (await hasFailed(operation)) ? 'adopted' : 'created';
  } catch (error) {
    const code = azureDetails(error)?.code ?? '';
    if (isBusyCode(code) || isNameConflict(code)) {
      run.info(`Another client is creating server '${name}' (${code}); adopting it.`);
      return waitUntilVisible(run, reader, error);
    }
    throw toAzureError(`creating server '${name}'`, error);
  }
}

const isNameConflict = (code: string): boolean =>
  code === 'ServerNameAlreadyExists' || code === 'ServerGroupDropping';

async function isReady(reader: AzureReader): Promise<boolean> {
  const observed = await reader.refreshServer();
  return observed.status === 'present' && normalizeState(observed.value.server) === 'Ready';
}

/** Whether this run's operation failed although the server is Ready: then another client created the server. */
async function hasFailed(operation: Operation): Promise<boolean> {
  try {
    await operation.poll(FINAL_POLL_TIMEOUT_MS);
    return false;
  } catch (error) {
    if (error instanceof OperationFailedError) return true;
    throw error;
  }
}

/**
 * Waits some seconds for a server to become visible that another client may be creating.
 * @param cause the error that reports that the name is in use
 * @throws `server-name-taken` if the server does not become visible
 */
export async function waitUntilVisible(
  run: RunContext,
  reader: AzureReader,
  cause?: unknown,
): Promise<'adopted'> {
  const { name, resourceGroup } = reader.config;
  const options = { pauses: SHARED_SERVER_PAUSES, timeoutMs: VISIBILITY_TIMEOUT_MS };
  const poll = async () => ((await reader.refreshServer()).status === 'present' ? true : undefined);
  await waitFor(run, `server '${name}' to become visible`, poll, options).catch((error: unknown) => {
    if (!isWaitTimeout(run, error)) throw error;
    const azure = azureDetails(cause);
    throw actionError('server-name-taken', { server: name, resourceGroup }, azure ? { cause, azure } : {});
  });
  return 'adopted';
}

/** Milliseconds for another job of this repository to finish the creation that it has started. */
const FINISH_TIMEOUT_MS = 120_000;

/**
 * Whether an unfinished creation stays unfinished although its job had time to finish it: then that job has ended. Jobs
 * that finished it together would only block each other, because a server performs one operation at a time.
 * @param repositoryId whose creations count; other repositories finish their own
 */
export async function isCreationAbandoned(
  run: RunContext,
  reader: Pick<AzureReader, 'refreshServer'>,
  { name, server }: FoundServer,
  repositoryId: string,
): Promise<boolean> {
  if (unfinishedCreationOwner(server.tags) !== repositoryId) return false;
  const poll = async (): Promise<false | undefined> => {
    const observed = await reader.refreshServer();
    const tags = observed.status === 'present' ? observed.value.server.tags : undefined;
    return unfinishedCreationOwner(tags) === repositoryId ? undefined : false;
  };
  const what = `another job to finish the creation of server '${name}'`;
  const options = { pauses: SHARED_SERVER_PAUSES, timeoutMs: FINISH_TIMEOUT_MS };
  return await waitFor(run, what, poll, options).catch((error: unknown) => {
    if (!isWaitTimeout(run, error)) throw error;
    run.info(`The creation of server '${name}' is still not finished; finishing it.`);
    return true;
  });
}
