import { describe, expect } from 'vitest';
import { createRetryingFetch, type Fetch } from '../../../src/github/retrying-fetch.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const api = 'https://api.github.com';
const pulls = `${api}/repos/relecloud/tours/pulls`;

/** Reaction to one request. `silent`: no response; `stalls`: a response whose body does not end. */
type FetchBehavior = Response | Error | 'silent' | 'stalls';

const okResponse = (): Response => Response.json({ number: 1 });
const errorResponse = (status: number, headers: Record<string, string> = {}): Response =>
  new Response('{"message":"no"}', { status, headers });

/** Rejects as fetch does when its signal aborts. */
const rejectOnAbort = (signal: AbortSignal | null | undefined): Promise<never> =>
  new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** A response whose body starts, but does not end before the signal aborts. */
function stallingResponse(signal: AbortSignal | null | undefined): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from('{"number":'));
      rejectOnAbort(signal).catch((reason: unknown) => controller.error(reason));
    },
  });
  return new Response(body);
}

function createFakeFetch(...behaviors: readonly FetchBehavior[]) {
  const remaining = [...behaviors];
  const requestTimes: number[] = [];
  const fetch: Fetch = async (_url, { signal }) => {
    requestTimes.push(performance.now());
    const next = remaining.shift() ?? okResponse();
    if (next === 'silent') return await rejectOnAbort(signal);
    if (next === 'stalls') return stallingResponse(signal);
    if (next instanceof Error) throw next;
    return next;
  };
  return { fetch, requestTimes };
}

const test = base.extend('sendRequest', async ({ inFakeTime }) => {
  /** Sends requests to a GitHub with this behavior. Returns the first result, the milliseconds of all requests and the log. */
  return async (behaviors: readonly FetchBehavior[], { method = 'GET', url = pulls, times = 1 } = {}) => {
    const run = createTestRun();
    const { fetch, requestTimes } = createFakeFetch(...behaviors);
    const start = performance.now();
    const retryingFetch = createRetryingFetch(fetch, run);
    const results: (Response | Error)[] = [];
    for (let i = 0; i < times; i += 1)
      results.push(await inFakeTime(retryingFetch(url, { method }).catch((error: Error) => error)));
    const [result] = results;
    return {
      status: result instanceof Response ? result.status : undefined,
      text: result instanceof Response ? await result.text() : undefined,
      message: result instanceof Error ? result.message : undefined,
      requestedAt: requestTimes.map((at) => Math.round(at - start)),
      logLines: run.logLines.filter((line) => line.startsWith('GitHub, ')),
      requestLines: run.logLines.filter((line) => !line.startsWith('GitHub, ')),
    };
  };
});

const connectionReset = (): Error => new TypeError('fetch failed', { cause: new Error('read ECONNRESET') });

describe('a request without a response', () => {
  test.for(['silent', 'stalls'] as const)(
    'ends after 10 s and three attempts: %s',
    async (behaviour, { sendRequest }) => {
      const result = await sendRequest([behaviour, behaviour, behaviour]);
      expect(result.message).toBe('api.github.com:443: no response within 10 s (ETIMEDOUT)');
      expect(result.requestedAt).toEqual([0, 11_000, 24_000]);
      expect(result.logLines).toEqual([
        'GitHub, GET /repos/relecloud/tours/pulls: api.github.com:443: no response within 10 s (ETIMEDOUT). Trying again in 1.0 s (attempt 2 of 3).',
        'GitHub, GET /repos/relecloud/tours/pulls: api.github.com:443: no response within 10 s (ETIMEDOUT). Trying again in 3.0 s (attempt 3 of 3).',
      ]);
    },
  );

  test('reduces later requests to one attempt', async ({ sendRequest }) => {
    const result = await sendRequest(Array(5).fill('silent'), { times: 3 });
    expect(result.requestedAt).toHaveLength(5);
  });

  test('ends at once when the run is aborted, with its reason', async () => {
    const run = createTestRun();
    const answer = errorOf(
      createRetryingFetch(createFakeFetch('silent').fetch, run)(pulls, { method: 'GET' }),
    );
    const reason = new Error('cancelled');
    run.abort(reason);
    expect(await answer).toBe(reason);
  });
});

describe('a transient failure', () => {
  test.for<[string, FetchBehavior]>([
    ['500', errorResponse(500)],
    ['502', errorResponse(502)],
    ['503', errorResponse(503)],
    ['a broken connection', connectionReset()],
  ])('is retried: %s', async ([_, failure], { sendRequest }) => {
    const result = await sendRequest([failure]);
    expect([result.status, result.requestedAt]).toEqual([200, [0, 1000]]);
    expect(result.logLines).toHaveLength(1);
  });

  test.for(['PATCH', 'DELETE', 'PUT'])('of a %s is retried', async (method, { sendRequest }) => {
    expect((await sendRequest([connectionReset()], { method })).requestedAt).toEqual([0, 1000]);
  });

  test.for<[string, FetchBehavior]>([
    ['502', errorResponse(502)],
    ['a broken connection', connectionReset()],
    ['no response', 'silent'],
  ])('of a POST, which may have taken effect, is not retried: %s', async ([_, failure], { sendRequest }) => {
    const result = await sendRequest([failure], { method: 'POST' });
    expect([result.status === 200, result.requestedAt, result.logLines]).toEqual([false, [0], []]);
  });

  test.for([`${api}/graphql`, 'https://github.example/api/graphql'])(
    'of a GraphQL query is retried: %s',
    async (url, { sendRequest }) => {
      expect((await sendRequest([errorResponse(502)], { method: 'POST', url })).requestedAt).toEqual([
        0, 1000,
      ]);
    },
  );

  test('has the cause as its message, not that the fetch failed', async ({ sendRequest }) => {
    expect((await sendRequest([connectionReset(), connectionReset(), connectionReset()])).message).toBe(
      'read ECONNRESET',
    );
  });
});

describe('a response that a retry would not change', () => {
  test.for([400, 401, 403, 404, 409, 422, 501])(
    'is returned at once: %i',
    async (status, { sendRequest }) => {
      expect(await sendRequest([errorResponse(status)])).toMatchObject({
        status,
        requestedAt: [0],
        logLines: [],
      });
    },
  );

  test('of more than 32 MiB is an error, and the rest of it is not read', async ({ sendRequest }) => {
    let read = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 1 << 20;
        controller.enqueue(new Uint8Array(1 << 20));
      },
    });
    const result = await sendRequest([new Response(endless)]);
    expect([result.message, result.requestedAt]).toEqual(['the response has more than 32 MiB', [0]]);
    expect(read).toBeLessThan(40 << 20);
  });
});

describe('a rate limit is waited for, if it ends within a minute', () => {
  const date = 'Thu, 26 Nov 2026 12:00:00 GMT';
  const atSecond = (second: number) => String(Date.parse(date) / 1000 + second);

  test.for<[string, Record<string, string>, number]>([
    ['Retry-After in seconds', { 'retry-after': '7' }, 7000],
    ['Retry-After as a date', { date, 'retry-after': 'Thu, 26 Nov 2026 12:00:20 GMT' }, 20_000],
    ['a minute', { 'retry-after': '60' }, 60_000],
    [
      'the reset of the rate limit, by GitHub’s own clock',
      { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': atSecond(30) },
      31_000,
    ],
    [
      'a reset that has passed',
      { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': atSecond(-30) },
      0,
    ],
  ])('%s', async ([_, headers, wait], { sendRequest }) => {
    for (const status of [403, 429])
      for (const method of ['GET', 'POST']) {
        const result = await sendRequest([errorResponse(status, headers)], { method });
        expect([result.status, result.requestedAt]).toEqual([200, [0, wait]]);
        expect(result.logLines).toEqual([expect.stringContaining(`HTTP ${status}. Trying again in`)]);
      }
  });

  test.for<[string, Record<string, string>]>([
    ['more than a minute', { 'retry-after': '61' }],
    ['a Retry-After that cannot be read', { 'retry-after': 'soon' }],
    ['a negative Retry-After', { 'retry-after': '-5' }],
    ['an hour until the reset', { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': atSecond(3600) }],
    ['a reset that cannot be read', { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'noon' }],
    ['a limit that is not used up', { date, 'x-ratelimit-remaining': '9', 'x-ratelimit-reset': atSecond(5) }],
    ['no header', {}],
  ])('%s is not waited for', async ([_, headers], { sendRequest }) => {
    for (const status of [403, 429])
      expect(await sendRequest([errorResponse(status, headers)])).toMatchObject({ status, requestedAt: [0] });
  });

  test('a 503 with Retry-After is retried after that time, but not if it is more than a minute', async ({
    sendRequest,
  }) => {
    expect((await sendRequest([errorResponse(503, { 'retry-after': '20' })])).requestedAt).toEqual([
      0, 20_000,
    ]);
    expect((await sendRequest([errorResponse(503, { 'retry-after': '3600' })])).requestedAt).toEqual([0]);
  });
});

test('a response without a body has no body', async ({ sendRequest }) => {
  const result = await sendRequest([new Response(null, { status: 204 })], { method: 'DELETE' });
  expect([result.status, result.text]).toEqual([204, '']);
});
