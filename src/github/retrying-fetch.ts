import { getErrorMessage } from '../common/errors.ts';
import { ResponseTooLargeError } from '../common/get-text.ts';
import { describeTimeout, NetworkError } from '../common/network-failure.ts';
import { abortableSleep, formatDuration, type RunContext } from '../common/polling.ts';
import { describeExchange } from '../common/request-log.ts';
import { parseRetryAfter } from '../common/retry-after.ts';

export type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/** What decides about a retry. */
interface RetriableResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null | undefined };
}

/** Sends one request, and returns the response with its complete body. `signal` ends it. */
type Send<R> = (url: string, options: RequestInit, signal: AbortSignal) => Promise<R>;

/** Milliseconds for one response with its body. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** Milliseconds before the second and the third attempt, if the response has no Retry-After. */
const RETRY_DELAYS_MS = [1000, 3000];
/** The longest Retry-After or rate limit reset, in milliseconds, to wait for; a longer one is an error. */
const MAX_RETRY_DELAY_MS = 60_000;
/** Bytes of the largest response; a page of 100 pull requests has about 4 MB. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;

/** {@link createRetryingSend} for `fetch`, with a limit for the size of a response. */
export const createRetryingFetch = (fetch: Fetch, run: RunContext): Fetch =>
  createRetryingSend(async (url, options, signal) => {
    const response = await fetch(url, { ...options, signal });
    const body = await readBody(response);
    return new Response(body, { status: response.status, headers: [...response.headers] });
  }, run);

/**
 * Wraps the requests to GitHub: each response has a limit for its time, and a request has up to three attempts. It is sent
 * again after a network error, a 5xx other than 501, and a 429 or 403 whose `Retry-After` or rate limit reset is at most a
 * minute away. A POST that may have taken effect is not sent again. Each wait is logged, and each request in the debug log.
 *
 * The returned function throws what `send` throws, and an Error if a response exceeds a limit. A response with an
 * error status is returned.
 */
export function createRetryingSend<R extends RetriableResponse>(
  send: Send<R>,
  run: RunContext,
): (url: string, options: RequestInit) => Promise<R> {
  // After a request without any response, later requests of the run get one attempt, so that they do not all wait for
  // the timeout.
  let maxAttempts = RETRY_DELAYS_MS.length + 1;
  return async (url, options) => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await sendOnce(send, url, options, run);
      const isLast = attempt === maxAttempts;
      const delayMs = isLast ? undefined : retryDelayMs(result, isRetryable(url, options), attempt);
      if (isLast && 'failure' in result) maxAttempts = 1;
      if (delayMs === undefined) return unwrapResult(result);
      const what = `${options.method} ${new URL(url).pathname}`;
      run.info(
        `GitHub, ${what}: ${describeResult(result)}. Trying again in ${formatDuration(delayMs)} (attempt ${attempt + 1} of ${maxAttempts}).`,
      );
      await abortableSleep(run, delayMs);
    }
  };
}

function unwrapResult<R>(result: AttemptResult<R>): R {
  if ('response' in result) return result.response;
  throw result.failure;
}

const describeResult = (result: AttemptResult<RetriableResponse>): string =>
  'response' in result ? `HTTP ${result.response.status}` : result.failure.message;

type AttemptResult<R> = { readonly response: R } | { readonly failure: Error };

/** One attempt: a response with its complete body, or the reason why there is none. */
async function sendOnce<R extends RetriableResponse>(
  send: Send<R>,
  url: string,
  options: RequestInit,
  run: RunContext,
): Promise<AttemptResult<R>> {
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort(describeTimeout(`no response within ${formatDuration(RESPONSE_TIMEOUT_MS)}`, url));
  }, RESPONSE_TIMEOUT_MS);
  const start = performance.now();
  let received: R | undefined;
  try {
    received = await send(url, options, AbortSignal.any([run.signal, timeout.signal]));
    return { response: received };
  } catch (error) {
    run.signal.throwIfAborted();
    if (error instanceof ResponseTooLargeError) throw error;
    return { failure: timeout.signal.aborted ? timeout.signal.reason : toFetchError(error) };
  } finally {
    clearTimeout(timer);
    const result = { response: received, durationMs: performance.now() - start };
    run.debug(describeExchange(options.method ?? 'GET', url, result));
  }
}

async function readBody(response: Response): Promise<Buffer | null> {
  if (response.body === null || [204, 205, 304].includes(response.status)) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES)
      throw new ResponseTooLargeError(`the response has more than ${MAX_RESPONSE_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Of `fetch`, the reason is in the cause; its own message is always `fetch failed`. */
function toFetchError(error: unknown): Error {
  if (error instanceof NetworkError) return error;
  return new Error(getErrorMessage(error).replace(/^fetch failed: /, ''), { cause: error });
}

/** GraphQL uses POST too, but the action sends only queries. */
const isRetryable = (url: string, { method }: RequestInit): boolean =>
  method !== 'POST' || new URL(url).pathname.endsWith('/graphql');

/** Milliseconds until the next attempt; undefined if the result is final. */
function retryDelayMs(
  result: AttemptResult<RetriableResponse>,
  canRetry: boolean,
  attempt: number,
): number | undefined {
  const defaultDelayMs = RETRY_DELAYS_MS[attempt - 1];
  if ('failure' in result) return canRetry ? defaultDelayMs : undefined;
  const { status, headers } = result.response;
  if (status === 429 || status === 403)
    return acceptableDelay(retryAfterMs(headers) ?? rateLimitResetMs(headers));
  if (status < 500 || status === 501 || !canRetry) return undefined;
  // A Retry-After without a readable time, also an empty one, ends the retries.
  const hasRetryAfter = typeof headers.get('retry-after') === 'string';
  return hasRetryAfter ? acceptableDelay(retryAfterMs(headers)) : defaultDelayMs;
}

const acceptableDelay = (delayMs: number | undefined): number | undefined =>
  delayMs !== undefined && delayMs <= MAX_RETRY_DELAY_MS ? Math.max(delayMs, 0) : undefined;

const retryAfterMs = (headers: RetriableResponse['headers']): number | undefined =>
  parseRetryAfter(headers.get('retry-after'), serverTimeMs(headers));

/** Milliseconds until the reset of a rate limit that is used up. */
function rateLimitResetMs(headers: RetriableResponse['headers']): number | undefined {
  const reset = headers.get('x-ratelimit-reset') ?? '';
  if (headers.get('x-ratelimit-remaining') !== '0' || !/^\d{1,12}$/.test(reset)) return undefined;
  // The reset takes place at the end of that second.
  return (Number(reset) + 1) * 1000 - serverTimeMs(headers);
}

/** GitHub's clock, because the runner's may differ. */
const serverTimeMs = (headers: RetriableResponse['headers']): number =>
  Date.parse(headers.get('date') ?? '') || Date.now();
