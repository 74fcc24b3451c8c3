import { isRestError, type RestError } from '@azure/core-rest-pipeline';
import { ActionError, type AzureDetails, fail, happenedIn, messageOf } from '../errors.ts';
import { absent, type Observed, unknown } from '../plan/types.ts';
import { adviceFor, isBusy } from './advice.ts';
import { mayHaveTakenEffect } from './policies.ts';

/** An operation that Azure accepted and that failed later. */
export class OperationFailed extends Error {
  readonly azure: AzureDetails;
  constructor(azure: AzureDetails) {
    super(`${azure.code}: ${azure.message}`);
    this.name = 'OperationFailed';
    this.azure = azure;
  }
}

/** That an operation can be read by nobody, and its effect does not show in time: it may have failed. */
export class EffectNotShown extends Error {
  override readonly name = 'EffectNotShown';
  constructor() {
    super('Whether Azure has ended the operation cannot be read, and its effect does not show');
  }
}

/** What Azure said, where the error is Azure's; undefined for everything else. */
export function azureDetails(error: unknown): AzureDetails | undefined {
  if (error instanceof OperationFailed) return error.azure;
  if (error instanceof ActionError) return error.azure;
  if (!isRestError(error) || error.statusCode === undefined || isOurOwn(error)) return undefined;
  const correlationId = error.response?.headers.get('x-ms-correlation-request-id');
  const body = bodyError(error.details);
  const { statusCode: status } = error;
  return {
    code: body.code ?? error.code ?? '',
    message: body.message ?? error.message,
    status,
    ...(status >= 400 && status < 500 && !mayHaveTakenEffect(error) ? { refused: true } : {}),
    ...(correlationId ? { correlationId } : {}),
  };
}

/** Whether it is the action that gave up a request or an answer: then Azure has said nothing. */
const isOurOwn = ({ code = '' }: RestError): boolean =>
  ['UnreadableAnswer', 'EndlessList', 'ForeignUrl', 'HostNotFound'].includes(code);

function bodyError(details: unknown): { code?: string; message?: string } {
  const error = (details as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  return {
    ...(typeof error?.code === 'string' ? { code: error.code } : {}),
    ...(typeof error?.message === 'string' ? { message: error.message } : {}),
  };
}

/**
 * Why a failure of Azure is expected to pass, for the log; undefined where nothing documents that it does.
 * @param insistent whether also what is only likely to pass counts: an Azure that is out of reach or fails
 */
export function transientReason(error: unknown, insistent: boolean): string | undefined {
  if (error instanceof EffectNotShown) return error.message;
  const azure = azureDetails(error);
  if (azure === undefined) return insistent ? silence(error) : undefined;
  const { code, status = 0 } = azure;
  const named = code && ` (${code})`;
  if (isBusy(code)) return `The server is busy with another operation${named}`;
  if (status === 429) return `Azure throttles the subscription${named}`;
  if (status === 503) return `Azure is not available${named}`;
  return insistent && (status >= 500 || status === 408) ? `Azure answered HTTP ${status}${named}` : undefined;
}

/** That Entra or Azure is out of reach, which may pass; a certificate that is not trusted does not. */
function silence(error: unknown): string | undefined {
  const isSilent = isRestError(error) || (error instanceof ActionError && error.code === 'sign-in-failed');
  return isSilent && !/certificate|self.signed/i.test(messageOf(error)) ? happenedIn(error) : undefined;
}

/**
 * The catalogue's error for what a call of Azure threw; what is not Azure's is handed back as it is.
 * @param doing what was being done, to follow "while"
 * @param uncertain whether an earlier request of the same may have taken effect
 */
export function refused(doing: string, error: unknown, uncertain = false): Error {
  if (error instanceof ActionError) return error;
  const azure = detailsOf(error, uncertain);
  if (azure) return fail('azure-refused', { doing, advice: adviceFor(azure) }, { cause: error, azure });
  if (!isRestError(error)) return error instanceof Error ? error : new Error(messageOf(error));
  const advice = isOurOwn(error)
    ? adviceFor({ code: error.code ?? '', message: '' })
    : 'Check the network of the runner and https://status.azure.com, and run the workflow again.';
  return fail('azure-refused', { doing: `${doing} (${messageOf(error)})`, advice }, { cause: error });
}

function detailsOf(error: unknown, uncertain: boolean): AzureDetails | undefined {
  const azure = azureDetails(error);
  if (azure === undefined || !uncertain) return azure;
  const { refused: _, ...unsure } = azure;
  return unsure;
}

/**
 * A look at something that may not be there: 404 is absent, everything else that Azure refuses is unknown, and an answer that is none of ARM's too.
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
      advice: adviceFor(azure ?? { code: ownCodeOf(error), message: '' }),
    };
    return unknown(fail('state-unknown', parameters, azure ? { cause: error, azure } : { cause: error }));
  }
}

const ownCodeOf = (error: unknown): string => (isRestError(error) ? (error.code ?? '') : '');

/** Codes under which a 404 says that the thing itself, or its group, is not there (facts.md §2); other 404s are unknown. */
const isNotFoundCode = (code: string): boolean =>
  code === 'ResourceNotFound' || code === 'ResourceGroupNotFound';
