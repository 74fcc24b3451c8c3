import { isRestError, type RestError } from '@azure/core-rest-pipeline';
import {
  ActionError,
  type AzureDetails,
  actionError,
  getErrorMessage,
  getErrorSummary,
} from '../common/errors.ts';
import { absent, type Observed, unknown } from '../reconcile/findings.ts';
import { azureHint, isBusyCode } from './hints.ts';
import { mayHaveTakenEffect } from './http-policies.ts';

/** An operation that Azure accepted and that failed later. */
export class OperationFailedError extends Error {
  readonly azure: AzureDetails;
  constructor(azure: AzureDetails) {
    super(`${azure.code}: ${azure.message}`);
    this.name = 'OperationFailedError';
    this.azure = azure;
  }
}

/** That an operation can be read by nobody, and its effect does not show in time: it may have failed. */
export class EffectNotVisibleError extends Error {
  override readonly name = 'EffectNotVisibleError';
  constructor() {
    super('Whether Azure has ended the operation cannot be read, and its effect does not show');
  }
}

/** What Azure said, where the error is Azure's; undefined for everything else. */
export function azureDetails(error: unknown): AzureDetails | undefined {
  if (error instanceof OperationFailedError) return error.azure;
  if (error instanceof ActionError) return error.azure;
  if (!isRestError(error) || error.statusCode === undefined || isClientSideError(error)) return undefined;
  const correlationId = error.response?.headers.get('x-ms-correlation-request-id');
  const body = parseErrorBody(error.details);
  const { statusCode: status } = error;
  return {
    code: body.code ?? error.code ?? '',
    message: body.message ?? error.message,
    status,
    ...(status >= 400 && status < 500 && !mayHaveTakenEffect(error) ? { wasRejected: true } : {}),
    ...(correlationId ? { correlationId } : {}),
  };
}

/** Whether it is the action that gave up a request or an answer: then Azure has said nothing. */
const isClientSideError = ({ code = '' }: RestError): boolean =>
  ['UnreadableAnswer', 'EndlessList', 'ForeignUrl', 'HostNotFound'].includes(code);

function parseErrorBody(details: unknown): { code?: string; message?: string } {
  const error = (details as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  return {
    ...(typeof error?.code === 'string' ? { code: error.code } : {}),
    ...(typeof error?.message === 'string' ? { message: error.message } : {}),
  };
}

/**
 * Why a failure of Azure is expected to pass, for the log; undefined where nothing documents that it does.
 * @param retryWhenUnreachable whether also what is only likely to pass counts: an Azure that is out of reach or fails
 */
export function transientReason(error: unknown, retryWhenUnreachable: boolean): string | undefined {
  if (error instanceof EffectNotVisibleError) return error.message;
  const azure = azureDetails(error);
  if (azure === undefined) return retryWhenUnreachable ? unreachableReason(error) : undefined;
  const { code, status = 0 } = azure;
  const named = code && ` (${code})`;
  if (isBusyCode(code)) return `The server is busy with another operation${named}`;
  if (status === 429) return `Azure throttles the subscription${named}`;
  if (status === 503) return `Azure is not available${named}`;
  return retryWhenUnreachable && (status >= 500 || status === 408)
    ? `Azure answered HTTP ${status}${named}`
    : undefined;
}

/** That Entra or Azure is out of reach, which may pass; a certificate that is not trusted does not. */
function unreachableReason(error: unknown): string | undefined {
  const isUnreachable =
    isRestError(error) || (error instanceof ActionError && error.code === 'sign-in-failed');
  return isUnreachable && !/certificate|self.signed/i.test(getErrorMessage(error))
    ? getErrorSummary(error)
    : undefined;
}

/**
 * The catalogue's error for what a call of Azure threw; what is not Azure's is handed back as it is.
 * @param doing what was being done, to follow "while"
 * @param uncertain whether an earlier request of the same may have taken effect
 */
export function toAzureError(doing: string, error: unknown, uncertain = false): Error {
  if (error instanceof ActionError) return error;
  const azure = uncertainDetails(error, uncertain);
  if (azure)
    return actionError('azure-request-failed', { doing, hint: azureHint(azure) }, { cause: error, azure });
  if (!isRestError(error)) return error instanceof Error ? error : new Error(getErrorMessage(error));
  const hint = isClientSideError(error)
    ? azureHint({ code: error.code ?? '', message: '' })
    : 'Check the network of the runner and https://status.azure.com, and run the workflow again.';
  return actionError(
    'azure-request-failed',
    { doing: `${doing} (${getErrorMessage(error)})`, hint },
    { cause: error },
  );
}

function uncertainDetails(error: unknown, uncertain: boolean): AzureDetails | undefined {
  const azure = azureDetails(error);
  if (azure === undefined || !uncertain) return azure;
  const { wasRejected: _, ...unsure } = azure;
  return unsure;
}

/**
 * A look at something that may not be there: 404 is absent, everything else that Azure refuses is unknown, and an answer that is none of ARM's too.
 * @param what for the sentence "whether … exists"
 */
export async function tryRead<T>(what: string, read: () => Promise<Observed<T>>): Promise<Observed<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ActionError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const azure = azureDetails(error);
    if (azure?.status === 404 && isNotFoundCode(azure.code)) return absent;
    const parameters = {
      what,
      reason: azure ? azure.message : getErrorMessage(error),
      hint: azureHint(azure ?? { code: clientErrorCode(error), message: '' }),
    };
    return unknown(
      actionError('state-unknown', parameters, azure ? { cause: error, azure } : { cause: error }),
    );
  }
}

const clientErrorCode = (error: unknown): string => (isRestError(error) ? (error.code ?? '') : '');

/** Codes under which a 404 says that the thing itself, or its group, is not there (facts.md §2); other 404s are unknown. */
const isNotFoundCode = (code: string): boolean =>
  code === 'ResourceNotFound' || code === 'ResourceGroupNotFound';
