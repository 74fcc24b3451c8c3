import { isRestError } from '@azure/core-rest-pipeline';
import { ActionError, type AzureDetails, fail, messageOf } from '../errors.ts';
import { absent, type Observed, unknown } from '../plan/types.ts';
import { adviceFor } from './advice.ts';

/** An operation that Azure accepted and that failed later; the SDK throws a plain Error then (facts.md §6). */
export class OperationFailed extends Error {
  readonly azure: AzureDetails;
  constructor(azure: AzureDetails, cause: unknown) {
    super(`${azure.code}: ${azure.message}`, { cause });
    this.name = 'OperationFailed';
    this.azure = azure;
  }
}

/** What Azure said, where the error is Azure's; undefined for everything else. */
export function azureDetails(error: unknown): AzureDetails | undefined {
  if (error instanceof OperationFailed) return error.azure;
  if (error instanceof ActionError) return error.azure;
  if (!isRestError(error) || error.statusCode === undefined) return undefined;
  const correlationId = error.response?.headers.get('x-ms-correlation-request-id');
  const body = bodyError(error.details);
  return {
    code: body.code ?? error.code ?? '',
    message: body.message ?? error.message,
    status: error.statusCode,
    ...(correlationId ? { correlationId } : {}),
  };
}

function bodyError(details: unknown): { code?: string; message?: string } {
  const error = (details as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  return {
    ...(typeof error?.code === 'string' ? { code: error.code } : {}),
    ...(typeof error?.message === 'string' ? { message: error.message } : {}),
  };
}

/**
 * The catalogue's error for what a call of Azure threw; what is not Azure's is handed back as it is.
 * @param doing what was being done, to follow "while"
 */
export function refused(doing: string, error: unknown): Error {
  if (error instanceof ActionError) return error;
  const azure = azureDetails(error);
  if (azure) return fail('azure-refused', { doing, advice: adviceFor(azure) }, { cause: error, azure });
  if (!isRestError(error)) return error instanceof Error ? error : new Error(messageOf(error));
  const advice = 'Check the network of the runner and https://status.azure.com, and run the workflow again.';
  return fail('azure-refused', { doing: `${doing} (${messageOf(error)})`, advice }, { cause: error });
}

/**
 * A look at something that may not be there: 404 is absent, everything else that Azure refuses is unknown (law 8).
 * @param what for the sentence "whether … exists"
 */
export async function observed<T>(what: string, look: () => Promise<Observed<T>>): Promise<Observed<T>> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ActionError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const azure = azureDetails(error);
    if (azure?.status === 404 && isNotFoundCode(azure.code)) return absent;
    const parameters = {
      what,
      reason: azure ? azure.message : messageOf(error),
      advice: adviceFor(azure ?? { code: '', message: '' }),
    };
    return unknown(fail('state-unknown', parameters, azure ? { cause: error, azure } : { cause: error }));
  }
}

/** Codes under which a 404 says that the thing itself, or its group, is not there (facts.md §2); other 404s are unknown. */
const isNotFoundCode = (code: string): boolean =>
  code === 'ResourceNotFound' || code === 'ResourceGroupNotFound';
