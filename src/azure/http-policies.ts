import {
  isRestError,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
  type SendRequest,
} from '@azure/core-rest-pipeline';
import { type JsonObject, parseJsonObject } from '../common/json.ts';
import { describeTimeout } from '../common/network-failure.ts';
import { formatDuration } from '../common/polling.ts';
import { parseRetryAfter } from '../common/retry-after.ts';

/** Milliseconds for the response to one attempt of a request; ARM answers reads and accepts writes in seconds. */
const RESPONSE_TIMEOUT_MS = 30_000;
/** Bytes of the largest response that is read; a list of all servers of a large subscription has some megabytes. */
const MAX_RESPONSE_BYTES = 16 * 2 ** 20;
/** Seconds to wait after 429 or 503 if Retry-After is missing or cannot be read. */
const DEFAULT_RETRY_AFTER_S = 10;

/** Requests with an attempt that got no conclusive response, so that it may have taken effect. */
const requestsWithUnknownEffect = new WeakSet<PipelineRequest>();

/**
 * Whether a failed request may have taken effect: one of its attempts got no response, or an inconclusive one (408, 5xx),
 * after which the SDK sent the request again.
 */
export const mayHaveTakenEffect = ({ request }: RestError): boolean =>
  request === undefined || requestsWithUnknownEffect.has(request);

/**
 * Limits the time and the response size of each attempt of a request, and logs why the SDK waits before a retry. If
 * a 429 or 503 has no readable Retry-After, it sets a default, because the SDK would retry sooner.
 */
export function attemptLimitPolicy(log: (text: string) => void): PipelinePolicy {
  return {
    name: 'attemptPolicy',
    async sendRequest(request, next) {
      try {
        const response = await sendWithinLimits(request, next, log);
        if (response.status === 408 || response.status >= 500) requestsWithUnknownEffect.add(request);
        logRetry(response, log);
        return response;
      } catch (error) {
        requestsWithUnknownEffect.add(request);
        if (isRestError(error) && error.code !== 'ETIMEDOUT')
          log(`${describeRequest(request)}: ${error.message}`);
        throw error;
      }
    },
  };
}

/** @throws RestError `ETIMEDOUT`, after which the SDK sends the request again; `UnreadableAnswer` for a large response */
async function sendWithinLimits(
  request: PipelineRequest,
  next: SendRequest,
  log: (text: string) => void,
): Promise<PipelineResponse> {
  const outerSignal = request.abortSignal as AbortSignal | undefined;
  const limit = new AbortController();
  const { promise: limited, reject } = Promise.withResolvers<never>();
  const abortAttempt = (error: RestError): void => {
    log(error.message);
    reject(error);
    limit.abort();
  };
  const abortSlowAttempt = (): void => {
    const reason = `no answer within ${formatDuration(RESPONSE_TIMEOUT_MS)}`;
    const cause = describeTimeout(reason, request.url);
    const message = `${describeRequest(request)}: ${cause.message}`;
    abortAttempt(Object.assign(new RestError(message, { code: 'ETIMEDOUT', request }), { cause }));
  };
  const timer = setTimeout(abortSlowAttempt, RESPONSE_TIMEOUT_MS);
  request.abortSignal =
    outerSignal === undefined ? limit.signal : AbortSignal.any([outerSignal, limit.signal]);
  request.onDownloadProgress = ({ loadedBytes }) => {
    if (loadedBytes > MAX_RESPONSE_BYTES)
      abortAttempt(
        new RestError(`${describeRequest(request)}: the answer has more than ${MAX_RESPONSE_BYTES} bytes`, {
          code: 'UnreadableAnswer',
          request,
        }),
      );
  };
  const sent = next(request);
  sent.catch(() => {});
  try {
    return await Promise.race([sent, limited]);
  } finally {
    clearTimeout(timer);
    if (outerSignal === undefined) delete request.abortSignal;
    else request.abortSignal = outerSignal;
  }
}

function logRetry({ status, headers, request }: PipelineResponse, log: (text: string) => void): void {
  if (status !== 429 && status < 500) return;
  const retryAfter = retryAfterMs(headers);
  const isDefault = retryAfter === undefined && (status === 429 || status === 503);
  if (isDefault) headers.set('retry-after', String(DEFAULT_RETRY_AFTER_S));
  const wait = isDefault ? DEFAULT_RETRY_AFTER_S * 1000 : retryAfter;
  const source = isDefault
    ? 'because the response has no readable Retry-After'
    : 'as its Retry-After requests';
  const after = wait === undefined ? '' : ` after ${formatDuration(wait)}, ${source}`;
  const reason = status === 429 ? 'Azure throttles this subscription' : 'Azure failed';
  log(`${reason} (HTTP ${status}): ${describeRequest(request)} may be sent again${after}.`);
}

/** Milliseconds, from the headers that the SDK obeys, in the SDK's order. */
function retryAfterMs(headers: PipelineResponse['headers']): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const milliseconds = Number(headers.get(name) || Number.NaN);
    if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  }
  const milliseconds = parseRetryAfter(headers.get('retry-after'));
  return milliseconds === undefined ? undefined : Math.max(0, milliseconds);
}

/** Method and path. The query is left out, because it holds signatures in the URLs of operations. */
const describeRequest = ({ method, url }: PipelineRequest): string => `${method} ${new URL(url).pathname}`;

/**
 * Rejects a successful response that is not ARM's: a page of a proxy, a list without items, another resource than the one
 * requested, a next page on another host. The SDK would read them as an empty list or a resource without properties.
 * @param endpoint of ARM; requests to other hosts are rejected, so that the token is sent only to ARM
 */
export function responseValidationPolicy(endpoint: string): PipelinePolicy {
  return {
    name: 'answerPolicy',
    async sendRequest(request, next) {
      if (!isResourceManagerUrl(endpoint, request.url))
        throw new RestError(
          `${new URL(request.url).origin} is not Azure Resource Manager, so nothing was sent`,
          {
            code: 'UnexpectedHost',
            request,
          },
        );
      const response = await next(request);
      const problem = findResponseProblem(endpoint, response);
      if (problem === undefined) return response;
      requestsWithUnknownEffect.add(request);
      throw new RestError(
        `${describeRequest(request)}: the answer is not one of Azure Resource Manager: ${problem}`,
        {
          code: 'UnreadableAnswer',
          statusCode: response.status,
          request,
          response,
        },
      );
    },
  };
}

/** Whether a URL is on ARM's host. */
export const isResourceManagerUrl = (endpoint: string, url: string): boolean =>
  URL.canParse(url) && new URL(url).origin === new URL(endpoint).origin;

function findResponseProblem(
  endpoint: string,
  { request, status, bodyAsText }: PipelineResponse,
): string | undefined {
  const { method, url } = request;
  const { pathname } = new URL(url);
  // The code that polls an operation checks the response. The response to a POST has another form.
  const isPoll = /\/(azureAsyncOperation|operationResults)\//i.test(pathname);
  if ((status !== 200 && status !== 201) || isPoll || method === 'POST' || method === 'HEAD')
    return undefined;
  if (method === 'DELETE' && !bodyAsText) return undefined;
  const body = parseJsonObject(bodyAsText ?? '');
  if (body === undefined) return 'it is not a JSON object';
  if (method === 'DELETE') return undefined;
  if (method === 'GET' && isCollection(pathname)) return findListProblem(endpoint, url, body);
  return findResourceProblem(pathname, body);
}

function findResourceProblem(pathname: string, { id, name }: JsonObject): string | undefined {
  const expectedName = decodeURIComponent(pathname.split('/').at(-1) ?? '');
  if (typeof id !== 'string' || typeof name !== 'string') return 'it has no id and name';
  return name.toLowerCase() === expectedName.toLowerCase()
    ? undefined
    : `it is '${name.slice(0, 80)}', not '${expectedName}'`;
}

function findListProblem(endpoint: string, url: string, { value, nextLink }: JsonObject): string | undefined {
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'object' || item === null))
    return 'it has no list of resources';
  if (nextLink === undefined || nextLink === null || nextLink === '') return undefined;
  if (typeof nextLink !== 'string' || !isResourceManagerUrl(endpoint, nextLink))
    return 'its next page is on another host';
  return nextLink === url ? 'its next page is the same page' : undefined;
}

/** ARM's paths end in a type for a list, or in a name for a resource: `…/providers/NAMESPACE/type[/name/type…]`. */
function isCollection(pathname: string): boolean {
  const segments =
    pathname
      .split(/\/providers\//i)
      .at(-1)
      ?.split('/') ?? [];
  // After a provider's namespace, and from the start of a path without one, types alternate with names.
  return /\/providers\//i.test(pathname) ? segments.length % 2 === 0 : pathname.split('/').length % 2 === 0;
}
