import { describe, expect, vi } from 'vitest';
import { HedgedLogin } from '../../../src/connect/hedged-login.ts';
import type { LoginAttempt, LoginResult } from '../../../src/postgres/login.ts';
import type { LoginFailure } from '../../../src/postgres/login-errors.ts';
import { Session } from '../../../src/postgres/session.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { test as base } from '../../helpers/unit/test.ts';

const timedOut: LoginFailure = {
  kind: 'blocked',
  reason: 'the connection timed out',
  hint: '',
  isSilent: true,
};
const wrongPassword: LoginFailure = { kind: 'refused', reason: 'wrong password', hint: '' };
const startingUp: LoginFailure = { kind: 'transient', reason: 'starting up', hint: '' };

/** A session that is never opened, and counts how often it is closed. */
class FakeSession extends Session {
  closedCount = 0;

  constructor() {
    super(loginTarget, 1000, new AbortController().signal);
  }

  override async close(): Promise<void> {
    this.closedCount += 1;
  }
}

/** How a server answers an attempt; without an answer, it times out. Times in milliseconds after its start. */
interface FakeAnswer {
  readonly respondsAfter?: number;
  readonly endsAfter: number;
  readonly result: LoginResult;
}

interface FakeAttempt {
  /** Milliseconds since the first attempt. */
  readonly startedAt: number;
  readonly timeoutMs: number;
  isEnded: boolean;
  isPending: boolean;
}

/** Starts attempts whose answers depend on the milliseconds since the first one; undefined: the firewall drops it. */
class FakeServer {
  readonly attempts: FakeAttempt[] = [];
  readonly #start = performance.now();
  readonly #answer: (startedAt: number) => FakeAnswer | undefined;

  constructor(answer: (startedAt: number) => FakeAnswer | undefined) {
    this.#answer = answer;
  }

  get pendingCount(): number {
    return this.attempts.filter(({ isPending }) => isPending).length;
  }

  readonly login = (timeoutMs: number): LoginAttempt => {
    const startedAt = Math.round(performance.now() - this.#start);
    const attempt: FakeAttempt = { startedAt, timeoutMs, isEnded: false, isPending: true };
    this.attempts.push(attempt);
    const responded = Promise.withResolvers<void>();
    const result = Promise.withResolvers<LoginResult>();
    const answer = this.#answer(startedAt) ?? { endsAfter: timeoutMs, result: { failure: timedOut } };
    const { respondsAfter } = answer;
    if (respondsAfter !== undefined) setTimeout(() => attempt.isEnded || responded.resolve(), respondsAfter);
    setTimeout(() => {
      attempt.isPending = false;
      result.resolve(answer.result);
    }, answer.endsAfter);
    return {
      result: result.promise,
      responded: responded.promise,
      serverResponded: () => false,
      elapsedMs: () => 0,
      end: () => {
        attempt.isEnded = true;
        attempt.isPending = false;
      },
    };
  };
}

const test = base.extend('hedged', async ({ inFakeTime }) => {
  /** Calls `next()` for so many milliseconds, or until `isDone`, and returns the results. */
  return (
    answer: (startedAt: number) => FakeAnswer | undefined,
    { first, signal = new AbortController().signal }: { first?: FakeAnswer; signal?: AbortSignal } = {},
  ) => {
    const server = new FakeServer((at) =>
      first !== undefined && server.attempts.length === 1 ? first : answer(at),
    );
    const login = new HedgedLogin(server.login, signal, first === undefined ? undefined : server.login(8000));
    const start = performance.now();
    const elapsed = (): number => Math.round(performance.now() - start);
    const results: { at: number; result: LoginResult }[] = [];
    const runUntil = (isDone: (elapsedMs: number) => boolean): Promise<void> =>
      inFakeTime(
        (async () => {
          while (!isDone(elapsed())) {
            const result = await login.next();
            if (result !== undefined) results.push({ at: elapsed(), result });
          }
        })(),
      );
    return { server, login, results, elapsed, runUntil, runFor: (ms: number) => runUntil((at) => at >= ms) };
  };
});

describe('while the firewall drops the connections', () => {
  test('a login succeeds at most 0.3 s after the rule begins to work in the first seconds', async ({
    hedged,
  }) => {
    for (const worksAfter of [100, 1000, 2999, 3001, 5700]) {
      const session = new FakeSession();
      const { results, runUntil } = hedged((at) =>
        at < worksAfter ? undefined : { respondsAfter: 10, endsAfter: 40, result: { session } },
      );
      await runUntil(() => results.some(({ result }) => 'session' in result));
      const late = (results.at(-1)?.at ?? 0) - worksAfter;
      expect(late).toBeGreaterThan(0);
      expect(late).toBeLessThanOrEqual(340);
    }
  });

  test('a login succeeds at most 5 % of the wait, or 2 s, after the rule begins to work later', async ({
    hedged,
  }) => {
    for (const worksAfter of [10_000, 30_000, 200_000]) {
      const session = new FakeSession();
      const { results, runUntil } = hedged((at) =>
        at < worksAfter ? undefined : { respondsAfter: 10, endsAfter: 40, result: { session } },
      );
      await runUntil(() => results.some(({ result }) => 'session' in result));
      expect((results.at(-1)?.at ?? 0) - worksAfter).toBeLessThanOrEqual(
        Math.min(0.05 * worksAfter, 2000) + 40,
      );
    }
  });

  test('at most 12 attempts wait at a time, and five minutes take at most 220', async ({ hedged }) => {
    const { server, results, runUntil } = hedged(() => undefined);
    let maxPending = 0;
    await runUntil((at) => {
      maxPending = Math.max(maxPending, server.pendingCount);
      return at >= 330_000;
    });
    expect(maxPending).toBeGreaterThan(2);
    expect(maxPending).toBeLessThanOrEqual(12);
    expect(server.attempts.length).toBeLessThanOrEqual(220);
    expect(results.length).toBeGreaterThan(100);
  });

  test('an attempt waits longer the later it starts, and at most 8 s', async ({ hedged }) => {
    const { server, runFor } = hedged(() => undefined);
    await runFor(60_000);
    const timeouts = server.attempts.map(({ timeoutMs }) => timeoutMs);
    expect(timeouts[0]).toBe(3600);
    expect(timeouts.at(-1)).toBe(8000);
    expect(timeouts).toEqual(timeouts.toSorted((a, b) => a - b));
  });

  test('the attempts start fast, however long nothing was awaited before the first one', async ({
    hedged,
  }) => {
    const { server, login, runFor } = hedged(() => undefined);
    vi.advanceTimersByTime(60_000);
    await runFor(61_000);
    login.end();
    expect(server.attempts.map(({ startedAt }) => startedAt)).toEqual([60_000, 60_300, 60_600, 60_900]);
  });

  test('an attempt that waits already is used: it can succeed although later ones get no answer', async ({
    hedged,
  }) => {
    const session = new FakeSession();
    const first = { respondsAfter: 2000, endsAfter: 2050, result: { session } };
    const { results, runUntil } = hedged(() => undefined, { first });
    await runUntil(() => results.length > 0);
    expect(results).toEqual([{ at: 2050, result: { session } }]);
  });
});

describe('only one attempt at a time sends credentials', () => {
  test('a slow server gets one login: the others end with its first response, and none starts before the result', async ({
    hedged,
  }) => {
    const session = new FakeSession();
    const { server, results, runUntil } = hedged((at) =>
      at < 1000 ? undefined : { respondsAfter: 10, endsAfter: 3000, result: { session } },
    );
    await runUntil(() => results.length > 0);
    expect(results).toEqual([{ at: 4200, result: { session } }]);
    expect(server.attempts.map(({ startedAt }) => startedAt)).toEqual([0, 300, 600, 900, 1200]);
    expect(server.attempts.map(({ isEnded }) => isEnded)).toEqual([true, true, true, true, false]);
  });

  test('a wrong password is tried once, although the server answers several attempts at the same moment', async ({
    hedged,
  }) => {
    // As a server does that was frozen for two seconds.
    const { server, results, runUntil } = hedged((at) => ({
      respondsAfter: 2000 - at,
      endsAfter: 2030 - at,
      result: { failure: wrongPassword },
    }));
    await runUntil(() => results.length > 0);
    expect(results).toEqual([{ at: 2030, result: { failure: wrongPassword } }]);
    expect(server.attempts.filter(({ isEnded }) => !isEnded)).toHaveLength(1);
    expect(server.attempts).toHaveLength(7);
  });

  test('attempts continue after a result that decides nothing', async ({ hedged }) => {
    const session = new FakeSession();
    const { results, runUntil } = hedged((at) => ({
      respondsAfter: 10,
      endsAfter: 1000,
      result: at < 2000 ? { failure: startingUp } : { session },
    }));
    await runUntil(() => results.some(({ result }) => 'session' in result));
    expect(results.map(({ result }) => 'session' in result)).toEqual([false, false, true]);
  });
});

test('a server that refuses at once is asked every 0.3 s at first', async ({ hedged }) => {
  const { server, results, runFor } = hedged(() => ({
    respondsAfter: 5,
    endsAfter: 10,
    result: { failure: startingUp },
  }));
  await runFor(2900);
  expect(server.attempts).toHaveLength(10);
  expect(results).toHaveLength(10);
});

describe('the end', () => {
  test('ends the attempts that wait, but not the one that has succeeded', async ({ hedged }) => {
    const session = new FakeSession();
    // Without a response before the result, nothing has ended the others yet.
    const { server, login, results, runUntil } = hedged((at) =>
      at < 1000 ? undefined : { endsAfter: 40, result: { session } },
    );
    await runUntil(() => results.length > 0);
    login.end();
    expect(server.attempts.map(({ isEnded }) => isEnded)).toEqual([true, true, true, true, false]);
    expect(session.closedCount).toBe(0);
  });

  test('closes a second session that was opened at the same moment', async ({ hedged }) => {
    const [winner, other] = [new FakeSession(), new FakeSession()];
    const { login, results, runUntil } = hedged((at) => ({
      endsAfter: 1000 - at,
      result: { session: at === 0 ? winner : other },
    }));
    await runUntil(() => results.length > 0);
    login.end();
    expect(results.map(({ result }) => result)).toEqual([{ session: winner }]);
    expect([winner.closedCount, other.closedCount]).toEqual([0, 3]);
  });

  test('starts no further attempt, and ends a wait for the next result', async ({ hedged }) => {
    const { server, login, elapsed } = hedged(() => undefined);
    const next = login.next();
    login.end();
    expect(await next).toBeUndefined();
    expect(elapsed()).toBe(0);
    expect(server.attempts).toHaveLength(1);
  });

  test('of the run ends a wait for the next attempt at once', async ({ hedged, inFakeTime }) => {
    const controller = new AbortController();
    const { login, elapsed } = hedged(() => undefined, { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    expect(await inFakeTime(login.next())).toBeUndefined();
    expect(elapsed()).toBe(100);
  });
});
