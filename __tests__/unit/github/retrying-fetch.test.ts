import { describe, expect } from 'vitest';
import { createRetryingFetch, type Fetch } from '../../../src/github/retrying-fetch.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const api = 'https://api.github.com';
const pulls = `${api}/repos/relecloud/tours/pulls`;

/** What GitHub does with one request. `silent`: it takes the request and never answers; `stalls`: nor ends its answer. */
type FetchBehavior = Response | Error | 'silent' | 'stalls';

const okResponse = (): Response => Response.json({ number: 1 });
const errorResponse = (status: number, headers: Record<string, string> = {}): Response =>
  new Response('{"message":"no"}', { status, headers });

/** Rejects as fetch does when its signal aborts. */
const rejectOnAbort = (signal: AbortSignal | null | undefined): Promise<never> =>
  new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** An answer whose body begins and does not end before its signal aborts. */
function stallingResponse(signal: AbortSignal | null | undefined): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from('{"number":'));
      rejectOnAbort(signal).catch((reason: unknown) => controller.error(reason));
    },
  });
  return new Response(body);
}

function createFakeFetch(...behaviours: readonly FetchBehavior[]) {
  const left = [...behaviours];
  const askedAt: number[] = [];
  const fetch: Fetch = async (_url, { signal }) => {
    askedAt.push(performance.now());
    const next = left.shift() ?? okResponse();
    if (next === 'silent') return await rejectOnAbort(signal);
    if (next === 'stalls') return stallingResponse(signal);
    if (next instanceof Error) throw next;
    return next;
  };
  return { fetch, askedAt };
}

const test = base.extend('asking', async ({ inFakeTime }) => {
  /** Asks a GitHub that behaves so: the answer, or the error; and the milliseconds at which it was asked. */
  return async (behaviours: readonly FetchBehavior[], { method = 'GET', url = pulls, times = 1 } = {}) => {
    const run = createTestRun();
    const { fetch, askedAt } = createFakeFetch(...behaviours);
    const start = performance.now();
    const reliable = createRetryingFetch(fetch, run);
    const results: (Response | Error)[] = [];
    for (let i = 0; i < times; i += 1)
      results.push(await inFakeTime(reliable(url, { method }).catch((error: Error) => error)));
    const [result] = results;
    return {
      status: result instanceof Response ? result.status : undefined,
      text: result instanceof Response ? await result.text() : undefined,
      message: result instanceof Error ? result.message : undefined,
      asked: askedAt.map((at) => Math.round(at - start)),
      said: run.logLines,
    };
  };
});

const connectionReset = (): Error => new TypeError('fetch failed', { cause: new Error('read ECONNRESET') });

describe('a request that GitHub does not answer', () => {
  test.for(['silent', 'stalls'] as const)(
    'ends after ten seconds, and after three attempts in all: %s',
    async (behaviour, { asking }) => {
      const seen = await asking([behaviour, behaviour, behaviour]);
      expect(seen.message).toBe('no answer within 10 s');
      expect(seen.asked).toEqual([0, 11_000, 24_000]);
      expect(seen.said).toEqual([
        'GitHub, GET /repos/relecloud/tours/pulls: no answer within 10 s. Asking again in 1.0 s (attempt 2 of 3).',
        'GitHub, GET /repos/relecloud/tours/pulls: no answer within 10 s. Asking again in 3.0 s (attempt 3 of 3).',
      ]);
    },
  );

  test('is the last one that is sent again: the next ones get one attempt', async ({ asking }) => {
    const seen = await asking(Array(5).fill('silent'), { times: 3 });
    expect(seen.asked).toHaveLength(5);
  });

  test('ends at once when the run ends, with the reason of the run', async () => {
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
  ])('is passed over: %s', async ([_, failure], { asking }) => {
    const seen = await asking([failure]);
    expect([seen.status, seen.asked]).toEqual([200, [0, 1000]]);
    expect(seen.said).toHaveLength(1);
  });

  test.for(['PATCH', 'DELETE', 'PUT'])(
    'is passed over in a %s, which may be repeated',
    async (method, { asking }) => {
      expect((await asking([connectionReset()], { method })).asked).toEqual([0, 1000]);
    },
  );

  test.for<[string, FetchBehavior]>([
    ['502', errorResponse(502)],
    ['a broken connection', connectionReset()],
    ['no answer', 'silent'],
  ])('never repeats a POST, which may have taken effect: %s', async ([_, failure], { asking }) => {
    const seen = await asking([failure], { method: 'POST' });
    expect([seen.status === 200, seen.asked, seen.said]).toEqual([false, [0], []]);
  });

  test.for([`${api}/graphql`, 'https://github.example/api/graphql'])(
    'repeats a query by GraphQL: %s',
    async (url, { asking }) => {
      expect((await asking([errorResponse(502)], { method: 'POST', url })).asked).toEqual([0, 1000]);
    },
  );

  test('says what broke, not that the fetch failed', async ({ asking }) => {
    expect((await asking([connectionReset(), connectionReset(), connectionReset()])).message).toBe(
      'read ECONNRESET',
    );
  });
});

describe('an answer that another request would get too', () => {
  test.for([400, 401, 403, 404, 409, 422, 501])('is returned at once: %i', async (status, { asking }) => {
    expect(await asking([errorResponse(status)])).toMatchObject({ status, asked: [0], said: [] });
  });

  test('of more than 32 MiB is an error, and its rest is not read', async ({ asking }) => {
    let read = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 1 << 20;
        controller.enqueue(new Uint8Array(1 << 20));
      },
    });
    const seen = await asking([new Response(endless)]);
    expect([seen.message, seen.asked]).toEqual(['the answer has more than 32 MiB', [0]]);
    expect(read).toBeLessThan(40 << 20);
  });
});

describe('a limit of GitHub is waited out where it says how long, and that is a minute at most', () => {
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
  ])('%s', async ([_, headers, wait], { asking }) => {
    for (const status of [403, 429])
      for (const method of ['GET', 'POST']) {
        const seen = await asking([errorResponse(status, headers)], { method });
        expect([seen.status, seen.asked]).toEqual([200, [0, wait]]);
        expect(seen.said).toEqual([expect.stringContaining(`HTTP ${status}. Asking again in`)]);
      }
  });

  test.for<[string, Record<string, string>]>([
    ['more than a minute', { 'retry-after': '61' }],
    ['a Retry-After that cannot be read', { 'retry-after': 'soon' }],
    ['a negative one', { 'retry-after': '-5' }],
    ['an hour until the reset', { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': atSecond(3600) }],
    ['a reset that cannot be read', { date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'noon' }],
    ['a limit that is not used up', { date, 'x-ratelimit-remaining': '9', 'x-ratelimit-reset': atSecond(5) }],
    ['nothing', {}],
  ])('%s is not waited for', async ([_, headers], { asking }) => {
    for (const status of [403, 429])
      expect(await asking([errorResponse(status, headers)])).toMatchObject({ status, asked: [0] });
  });

  test('a 503 with Retry-After is asked again after that time, and not at all where it is long', async ({
    asking,
  }) => {
    expect((await asking([errorResponse(503, { 'retry-after': '20' })])).asked).toEqual([0, 20_000]);
    expect((await asking([errorResponse(503, { 'retry-after': '3600' })])).asked).toEqual([0]);
  });
});

test('an answer without a body stays one', async ({ asking }) => {
  const seen = await asking([new Response(null, { status: 204 })], { method: 'DELETE' });
  expect([seen.status, seen.text]).toEqual([204, '']);
});
