import { getErrorMessage } from '../common/errors.ts';
import { abortableSleep, formatDuration, type RunContext } from '../common/polling.ts';
import { parseRetryAfter } from '../common/retry-after.ts';

export type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/** Milliseconds for one answer, its body included. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** Milliseconds before the second and the third attempt, where GitHub does not say how long to wait. */
const RETRY_DELAYS_MS = [1000, 3000];
/** Milliseconds of the longest wait that GitHub may ask for; what takes longer is reported instead of waited for. */
const MAX_RETRY_DELAY_MS = 60_000;
/** Bytes of the largest answer that is read; a page of a hundred pull requests has some four million. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;

/**
 * `fetch` for GitHub's API with a time limit for each answer, a limit for its size and a bounded number of attempts, where
 * GitHub's documentation says that a request may be repeated: after a network error and a 5xx other than 501, and, as long
 * after a 429 or 403 as `Retry-After` or the rate limit's reset says, where that is a minute at most. A POST that may have
 * taken effect is not repeated. Each wait is logged.
 *
 * The returned function throws what `fetch` throws, and an Error where the time or the size is exceeded; an answer with an
 * error status is returned.
 */
export function createRetryingFetch(fetch: Fetch, run: RunContext): Fetch {
  // A run asks GitHub many times: once it has not answered at all, each later request gets one attempt.
  let maxAttempts = RETRY_DELAYS_MS.length + 1;
  return async (url, options) => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await sendOnce(fetch, url, options, run);
      const isLast = attempt === maxAttempts;
      const delayMs = isLast ? undefined : retryDelayMs(result, isRetryable(url, options), attempt);
      if (isLast && 'failure' in result) maxAttempts = 1;
      if (delayMs === undefined) return unwrapResult(result);
      const what = `${options.method} ${new URL(url).pathname}`;
      run.info(
        `GitHub, ${what}: ${describeResult(result)}. Asking again in ${formatDuration(delayMs)} (attempt ${attempt + 1} of ${maxAttempts}).`,
      );
      await abortableSleep(run, delayMs);
    }
  };
}

function unwrapResult(result: AttemptResult): Response {
  if ('answer' in result) return result.answer;
  throw result.failure;
}

const describeResult = (result: AttemptResult): string =>
  'answer' in result ? `HTTP ${result.answer.status}` : result.failure.message;

type AttemptResult = { readonly answer: Response } | { readonly failure: Error };

/** One attempt: an answer that has been read to its end, or why there is none. */
async function sendOnce(
  fetch: Fetch,
  url: string,
  options: RequestInit,
  run: RunContext,
): Promise<AttemptResult> {
  const timeout = new AbortController();
  const timeoutError = new Error(`no answer within ${formatDuration(RESPONSE_TIMEOUT_MS)}`);
  const timer = setTimeout(() => timeout.abort(timeoutError), RESPONSE_TIMEOUT_MS);
  try {
    const signal = AbortSignal.any([run.signal, timeout.signal]);
    const response = await fetch(url, { ...options, signal });
    const body = await readBody(response);
    return { answer: new Response(body, { status: response.status, headers: [...response.headers] }) };
  } catch (error) {
    run.signal.throwIfAborted();
    if (error instanceof ResponseTooLargeError) throw error;
    return { failure: timeout.signal.aborted ? timeoutError : toFetchError(error) };
  } finally {
    clearTimeout(timer);
  }
}

class ResponseTooLargeError extends Error {}

async function readBody(response: Response): Promise<Buffer | null> {
  if (response.body === null || [204, 205, 304].includes(response.status)) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES)
      throw new ResponseTooLargeError(`the answer has more than ${MAX_RESPONSE_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `fetch failed` alone says nothing: its cause does. */
function toFetchError(error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? getErrorMessage(error.cause) : '';
  return new Error(cause || getErrorMessage(error), { cause: error });
}

/** GraphQL is a POST too, but all that is asked by it here is a query. */
const isRetryable = (url: string, { method }: RequestInit): boolean =>
  method !== 'POST' || new URL(url).pathname.endsWith('/graphql');

/** Milliseconds until the next attempt; undefined where there is to be none. */
function retryDelayMs(result: AttemptResult, canRetry: boolean, attempt: number): number | undefined {
  const defaultDelayMs = RETRY_DELAYS_MS[attempt - 1];
  if ('failure' in result) return canRetry ? defaultDelayMs : undefined;
  const { status, headers } = result.answer;
  if (status === 429 || status === 403)
    return acceptableDelay(retryAfterMs(headers) ?? rateLimitResetMs(headers));
  if (status < 500 || status === 501 || !canRetry) return undefined;
  return headers.has('retry-after') ? acceptableDelay(retryAfterMs(headers)) : defaultDelayMs;
}

const acceptableDelay = (wait: number | undefined): number | undefined =>
  wait !== undefined && wait <= MAX_RETRY_DELAY_MS ? Math.max(wait, 0) : undefined;

const retryAfterMs = (headers: Headers): number | undefined =>
  parseRetryAfter(headers.get('retry-after'), serverTimeMs(headers));

/** Milliseconds until the rate limit is reset, where it is used up. */
function rateLimitResetMs(headers: Headers): number | undefined {
  const reset = headers.get('x-ratelimit-reset') ?? '';
  if (headers.get('x-ratelimit-remaining') !== '0' || !/^\d{1,12}$/.test(reset)) return undefined;
  // The second that it names has to be over.
  return (Number(reset) + 1) * 1000 - serverTimeMs(headers);
}

/** GitHub's own clock, since the runner's may differ. */
const serverTimeMs = (headers: Headers): number => Date.parse(headers.get('date') ?? '') || Date.now();
