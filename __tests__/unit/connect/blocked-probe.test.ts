import { describe, expect } from 'vitest';
import { waitUntilBlocked } from '../../../src/connect/blocked-probe.ts';
import { FakeFirewall, loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const TIMEOUT_MS = 60_000;
const passwordRequest = { kind: 'refused', reason: 'the server asks for a password', hint: '' } as const;

const test = base.extend('probe', async ({ inFakeTime }) => {
  const run = createTestRun();
  const firewall = new FakeFirewall(run);
  firewall.loginFailures = [passwordRequest];
  const login = (timeoutMs: number) => firewall.login(loginTarget, timeoutMs);
  /** Waits, and returns after how many milliseconds the firewall counted as blocking. */
  const wait = async (): Promise<number> => {
    const start = performance.now();
    await inFakeTime(waitUntilBlocked(run, login, TIMEOUT_MS));
    return performance.now() - start;
  };
  return { run, firewall, wait };
});

describe('the firewall counts as blocking this runner', () => {
  test.for([0, 2000, 20_000])(
    'after three seconds in which no connection was answered, if the rule works for %d ms more',
    async (worksFor, { probe: { firewall, wait } }) => {
      firewall.allowsWithoutRule = worksFor > 0;
      setTimeout(() => {
        firewall.allowsWithoutRule = false;
      }, worksFor);
      const took = await wait();
      expect(took - worksFor).toBeGreaterThanOrEqual(3000);
      expect(took - worksFor).toBeLessThanOrEqual(3000 + Math.max(300, worksFor * 0.05) + 50);
    },
  );

  test('not while the server is slow: a response to a later connection shows that it is not the firewall', async ({
    probe: { run, firewall, wait },
  }) => {
    // The firewall drops all connections but one every 2.5 seconds.
    const { login } = firewall;
    let answeredAt = performance.now();
    firewall.login = (...args) => {
      firewall.allowsWithoutRule = performance.now() - answeredAt >= 2500;
      if (firewall.allowsWithoutRule) answeredAt = performance.now();
      return login.apply(firewall, args);
    };
    setTimeout(() => run.abort(new Error('over')), 50_000);
    expect(String(await errorOf(wait()))).toContain('over');
  });

  test('as soon as PostgreSQL refuses its address', async ({ probe: { firewall, wait } }) => {
    firewall.blocked = 'reject';
    expect(await wait()).toBeLessThan(100);
  });
});

test('a firewall that does not block this runner is an error after the timeout, and sends no more connections', async ({
  probe: { firewall, wait },
}) => {
  firewall.allowsWithoutRule = true;
  const start = performance.now();
  expect(String(await errorOf(wait()))).toContain('(timed-out)');
  expect(performance.now() - start).toBeLessThanOrEqual(TIMEOUT_MS + 2000);
  const { loginCount } = firewall;
  expect(loginCount).toBeLessThan(80);
});
