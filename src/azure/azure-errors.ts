import { isRestError, type RestError } from '@azure/core-rest-pipeline';
import {
  ActionError,
  type AzureDetails,
  actionError,
  getErrorMessage,
  getErrorSummary,
} from '../common/errors.ts';
import { parseJsonObject } from '../common/json.ts';
import { findNetworkFailure, foreignAnswerHint } from '../common/network-failure.ts';
import { absent, type Observed, unknown } from '../reconcile/findings.ts';
import { azureHint, isBusyCode } from './hints.ts';
import { mayHaveTakenEffect } from './http-policies.ts';

/** The failure of an operation that Azure had accepted. */
export class OperationFailedError extends Error {
  readonly azure: AzureDetails;
  constructor(azure: AzureDetails) {
    super(`${azure.code}: ${azure.message}`);
    this.name = 'OperationFailedError';
    this.azure = azure;
  }
}

/** An operation cannot be read and its effect is not visible in time, so it may have failed. */
export class EffectNotVisibleError extends Error {
  override readonly name = 'EffectNotVisibleError';
  constructor() {
    super('The state of the Azure operation cannot be read, and its effect is not visible');
  }
}

/** Code, message and status of an error that Azure answered; undefined for other errors. */
export function azureDetails(error: unknown): AzureDetails | undefined {
  if (error instanceof OperationFailedError) return error.azure;
  if (error instanceof ActionError) return error.azure;
  if (!isRestError(error) || error.statusCode === undefined || isClientSideError(error)) return undefined;
  const { statusCode: status } = error;
  const foreign = findForeignAnswer(error);
  // Whether the request reached Azure is not known, so it does not count as rejected.
  if (foreign !== undefined) return { code: '', message: foreign.text, status };
  const correlationId = error.response?.headers.get('x-ms-correlation-request-id');
  const body = parseErrorBody(error.details);
  return {
    code: body.code ?? error.code ?? '',
    message: body.message ?? error.message,
    status,
    ...(status >= 400 && status < 500 && !mayHaveTakenEffect(error) ? { wasRejected: true } : {}),
    ...(correlationId ? { correlationId } : {}),
  };
}

/** A response that is not ARM's: what it is, and what to do. */
interface ForeignAnswer {
  readonly text: string;
  readonly hint: string;
}

/**
 * ARM answers an error with a JSON object or without a body. Undefined for these, and for an error without a response. The
 * SDK reports other bodies as `PARSE_ERROR`, or as an error whose message is the whole page.
 */
function findForeignAnswer({ code, message, request, response }: RestError): ForeignAnswer | undefined {
  if (request === undefined) return undefined;
  if (code === 'UnreadableAnswer') return { text: message, hint: foreignAnswerHint(request.url) };
  const body = response?.bodyAsText?.trim() ?? '';
  if (response === undefined || body === '' || parseJsonObject(body) !== undefined) return undefined;
  const [, title] = /<title[^>]*>\s*([^<]*[^<\s])/i.exec(body.slice(0, 10_000)) ?? [];
  const page = title === undefined ? '' : `, the page '${title.slice(0, 100)}'`;
  return {
    text: `${request.method} ${new URL(request.url).pathname}: the answer is not one of Azure Resource Manager: HTTP ${response.status}${page}`,
    hint: foreignAnswerHint(request.url),
  };
}

/** Whether the action rejected a request or a response, so there is no error of Azure. */
const isClientSideError = ({ code = '' }: RestError): boolean =>
  ['UnreadableAnswer', 'EndlessList', 'UnexpectedHost', 'HostNotFound'].includes(code);

function parseErrorBody(details: unknown): { code?: string; message?: string } {
  const error = (details as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  return {
    ...(typeof error?.code === 'string' ? { code: error.code } : {}),
    ...(typeof error?.message === 'string' ? { message: error.message } : {}),
  };
}

/**
 * Why to retry after a failure that is documented as transient, for the log; undefined for other failures.
 * @param retryWhenUnreachable whether to retry also after failures that are only likely to be transient: Azure is
 *   unreachable or answers with a server error
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

/** Why Entra or Azure is unreachable; undefined for a cause that another attempt does not change. */
function unreachableReason(error: unknown): string | undefined {
  const isUnreachable =
    isRestError(error) || (error instanceof ActionError && error.code === 'sign-in-failed');
  return isUnreachable && findNetworkFailure(error)?.isTransient !== false
    ? getErrorSummary(error)
    : undefined;
}

/**
 * The `azure-request-failed` error for what the SDK threw; other errors are returned unchanged.
 * @param doing to follow "while"
 * @param hasUncertainEffect whether an earlier request of the same write may have taken effect
 */
export function toAzureError(doing: string, error: unknown, hasUncertainEffect = false): Error {
  if (error instanceof ActionError) return error;
  const foreign = isRestError(error) ? findForeignAnswer(error) : undefined;
  if (foreign !== undefined)
    return actionError(
      'azure-request-failed',
      { doing: `${doing} (${foreign.text})`, hint: foreign.hint },
      { cause: error },
    );
  const azure = hasUncertainEffect ? withoutRejection(azureDetails(error)) : azureDetails(error);
  if (azure)
    return actionError(
      'azure-request-failed',
      { doing, hint: azureHint(azure, doing) },
      { cause: error, azure },
    );
  if (!isRestError(error)) return error instanceof Error ? error : new Error(getErrorMessage(error));
  const hint = isClientSideError(error)
    ? azureHint({ code: error.code ?? '', message: '' }, doing)
    : (networkHint(error) ??
      'Check the network of the runner and https://status.azure.com, and run the workflow again.');
  return actionError(
    'azure-request-failed',
    { doing: `${doing} (${getErrorMessage(error)})`, hint },
    { cause: error },
  );
}

/** What to do about a failure of the network; undefined for other errors. */
function networkHint(error: unknown): string | undefined {
  const failure = findNetworkFailure(error);
  if (failure === undefined) return undefined;
  return failure.isTransient && failure.proxy === undefined
    ? `${failure.hint} https://status.azure.com reports outages.`
    : failure.hint;
}

function withoutRejection(azure: AzureDetails | undefined): AzureDetails | undefined {
  if (azure === undefined) return undefined;
  const { wasRejected: _, ...details } = azure;
  return details;
}

/**
 * Reads a resource that may be absent. Only a 404 of ARM is absent; every other failure, also a response that is not ARM's,
 * is unknown, which is never treated as absent.
 * @param what to follow "whether"
 */
export async function tryRead<T>(what: string, read: () => Promise<Observed<T>>): Promise<Observed<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ActionError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const azure = azureDetails(error);
    if (azure?.status === 404 && isNotFoundCode(azure.code)) return absent;
    return unknown(toUnknownStateError(what, error, azure));
  }
}

function toUnknownStateError(what: string, error: unknown, azure: AzureDetails | undefined): ActionError {
  const foreign = isRestError(error) ? findForeignAnswer(error) : undefined;
  if (foreign !== undefined)
    return actionError('state-unknown', { what, reason: foreign.text, hint: foreign.hint }, { cause: error });
  const doing = `reading ${what}`;
  if (azure !== undefined)
    return actionError(
      'state-unknown',
      { what, reason: azure.message, hint: azureHint(azure, doing) },
      { cause: error, azure },
    );
  const hint = networkHint(error) ?? azureHint({ code: clientErrorCode(error), message: '' }, doing);
  return actionError('state-unknown', { what, reason: getErrorMessage(error), hint }, { cause: error });
}

const clientErrorCode = (error: unknown): string => (isRestError(error) ? (error.code ?? '') : '');

/** The codes of a 404 for an absent resource or resource group (docs/azure-behavior.md#not-found); other 404s are unknown. */
const isNotFoundCode = (code: string): boolean =>
  code === 'ResourceNotFound' || code === 'ResourceGroupNotFound';
