import { messageOf } from '../errors.ts';
import { duration, pauseFor, type Run } from '../waiting.ts';

export type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/** Milliseconds for one answer, its body included. */
const answerTimeout = 10_000;
/** Milliseconds before the second and the third attempt, where GitHub does not say how long to wait. */
const pauses = [1000, 3000];
/** Milliseconds of the longest wait that GitHub may ask for; what takes longer is reported instead of waited for. */
const longestWait = 60_000;
/** Bytes of the largest answer that is read; a page of a hundred pull requests has some four million. */
const largestAnswer = 32 * 1024 * 1024;

/**
 * `fetch` for GitHub's API with a time limit for each answer, a limit for its size and a bounded number of attempts, where
 * GitHub's documentation says that a request may be repeated: after a network error and a 5xx other than 501, and, as long
 * after a 429 or 403 as `Retry-After` or the rate limit's reset says, where that is a minute at most. A POST that may have
 * taken effect is not repeated. Each wait is logged.
 *
 * The returned function throws what `fetch` throws, and an Error where the time or the size is exceeded; an answer with an
 * error status is returned.
 */
export function reliableFetch(fetch: Fetch, run: Run): Fetch {
  // A run asks GitHub many times: once it has not answered at all, each later request gets one attempt.
  let attempts = pauses.length + 1;
  return async (url, options) => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await ask(fetch, url, options, run);
      const isLast = attempt === attempts;
      const wait = isLast ? undefined : waitAfter(result, isRepeatable(url, options), attempt);
      if (isLast && 'failure' in result) attempts = 1;
      if (wait === undefined) return answerOf(result);
      const what = `${options.method} ${new URL(url).pathname}`;
      run.info(
        `GitHub, ${what}: ${happened(result)}. Asking again in ${duration(wait)} (attempt ${attempt + 1} of ${attempts}).`,
      );
      await pauseFor(run, wait);
    }
  };
}

function answerOf(result: Result): Response {
  if ('answer' in result) return result.answer;
  throw result.failure;
}

const happened = (result: Result): string =>
  'answer' in result ? `HTTP ${result.answer.status}` : result.failure.message;

type Result = { readonly answer: Response } | { readonly failure: Error };

/** One attempt: an answer that has been read to its end, or why there is none. */
async function ask(fetch: Fetch, url: string, options: RequestInit, run: Run): Promise<Result> {
  const limit = new AbortController();
  const reason = new Error(`no answer within ${duration(answerTimeout)}`);
  const timer = setTimeout(() => limit.abort(reason), answerTimeout);
  try {
    const signal = AbortSignal.any([run.signal, limit.signal]);
    const response = await fetch(url, { ...options, signal });
    const body = await bodyOf(response);
    return { answer: new Response(body, { status: response.status, headers: [...response.headers] }) };
  } catch (error) {
    run.signal.throwIfAborted();
    if (error instanceof TooLarge) throw error;
    return { failure: limit.signal.aborted ? reason : failureOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

class TooLarge extends Error {}

async function bodyOf(response: Response): Promise<Buffer | null> {
  if (response.body === null || [204, 205, 304].includes(response.status)) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > largestAnswer)
      throw new TooLarge(`the answer has more than ${largestAnswer / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `fetch failed` alone says nothing: its cause does. */
function failureOf(error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : '';
  return new Error(cause || messageOf(error), { cause: error });
}

/** GraphQL is a POST too, but all that is asked by it here is a query. */
const isRepeatable = (url: string, { method }: RequestInit): boolean =>
  method !== 'POST' || new URL(url).pathname.endsWith('/graphql');

/** Milliseconds until the next attempt; undefined where there is to be none. */
function waitAfter(result: Result, repeatable: boolean, attempt: number): number | undefined {
  const pause = pauses[attempt - 1];
  if ('failure' in result) return repeatable ? pause : undefined;
  const { status, headers } = result.answer;
  if (status === 429 || status === 403) return short(retryAfter(headers) ?? untilReset(headers));
  if (status < 500 || status === 501 || !repeatable) return undefined;
  return headers.has('retry-after') ? short(retryAfter(headers)) : pause;
}

const short = (wait: number | undefined): number | undefined =>
  wait !== undefined && wait <= longestWait ? Math.max(wait, 0) : undefined;

/** `Retry-After` in milliseconds, from seconds or a date; undefined where it is neither. */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at - clockOf(headers);
}

/** Milliseconds until the rate limit is reset, where it is used up. */
function untilReset(headers: Headers): number | undefined {
  const reset = headers.get('x-ratelimit-reset') ?? '';
  if (headers.get('x-ratelimit-remaining') !== '0' || !/^\d{1,12}$/.test(reset)) return undefined;
  // The second that it names has to be over.
  return (Number(reset) + 1) * 1000 - clockOf(headers);
}

/** GitHub's own clock, since the runner's may differ. */
const clockOf = (headers: Headers): number => Date.parse(headers.get('date') ?? '') || Date.now();
