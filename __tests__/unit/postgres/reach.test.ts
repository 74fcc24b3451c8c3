import { RestError } from '@azure/core-rest-pipeline';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { refused } from '../../../src/azure/failures.ts';
import { fail } from '../../../src/errors.ts';
import type { LoginFailure } from '../../../src/postgres/login-failures.ts';
import { enter, reach } from '../../../src/postgres/reach.ts';
import { inFakeTime } from '../../helpers/unit/fake-time.ts';
import { Firewall, target } from '../../helpers/unit/firewall.ts';
import { type TestRun, testRun, thrownBy } from '../../helpers/unit/run.ts';

vi.mock('node:timers/promises', () => import('../../helpers/unit/sleep.ts'));

let run: TestRun;
let firewall: Firewall;

beforeEach(() => {
  vi.useFakeTimers();
  run = testRun();
  firewall = new Firewall(run);
});
afterEach(() => void vi.useRealTimers());

/** Reaches, and says after how many milliseconds it was in. */
async function reached(): Promise<number> {
  const start = performance.now();
  expect(await inFakeTime(reach(run, target, firewall))).toBe(firewall.session);
  return performance.now() - start;
}

const failed = async (): Promise<string> => String(await thrownBy(inFakeTime(reach(run, target, firewall))));

const refusal = (reason: string): LoginFailure => ({ kind: 'refused', reason, advice: 'Do this.' });
const passing = (reason: string): LoginFailure => ({ kind: 'passing', reason, advice: 'Look there.' });
const forbidden = (): Error =>
  refused(
    'listing the firewall rules',
    new RestError('no', { code: 'AuthorizationFailed', statusCode: 403 }),
  );

describe('in already: nothing is opened', () => {
  test('under a declared rule', async () => {
    firewall.store('office', '203.0.113.0', { end: '203.0.113.255' });
    expect(await reached()).toBeLessThan(500);
    expect(firewall.opened).toEqual([]);
  });

  test("under a temporary rule of this very job, whose post outlives this step's use", async () => {
    firewall.store('gha-temporary-1-2-1-step1', '203.0.113.9');
    firewall.ofThisJob = ['gha-temporary-1-2-1-step1'];
    await reached();
    expect(firewall.opened).toEqual([]);
  });

  test("beside another run's temporary rule, where a lasting one covers this runner as well", async () => {
    firewall.store('gha-temporary-1-9-1-other', '203.0.113.9');
    firewall.store('office', '203.0.113.9');
    await reached();
    expect(firewall.opened).toEqual([]);
  });

  test('by a private endpoint, past the firewall', async () => {
    firewall.store('gha-temporary-1-9-1-other', '198.51.100.1');
    firewall.letsInAnyway = true;
    firewall.privateEndpoint = true;
    await reached();
    expect(firewall.opened).toEqual([]);
  });

  test('law 8: also where the rules cannot be read (403), which is only said', async () => {
    firewall.letsInAnyway = true;
    firewall.unreadable = forbidden();
    await reached();
    expect(firewall.opened).toEqual([]);
    expect(run.said.join('\n')).toContain('could not be read');
  });

  test('also where the echo services are silent', async () => {
    firewall.store('office', '203.0.113.9');
    firewall.echo = undefined;
    await reached();
    expect(firewall.opened).toEqual([]);
  });

  test('by the rule for Azure services, on a runner in Azure', async () => {
    firewall.store('azure', '0.0.0.0');
    firewall.letsInAnyway = true;
    await reached();
    expect(firewall.opened).toEqual([]);
  });
});

test("law 5: in only by another run's temporary rule, this run makes its own, for that run's post would cut it off", async () => {
  firewall.store('gha-temporary-1-9-1-other', '203.0.113.9');
  await reached();
  expect(firewall.opened).toEqual(['203.0.113.9']);
  expect(run.said.join('\n')).toContain("another run's temporary firewall rule");
});

test('law 5: in although no rule that stays is stored: the door of another run is closing, so this run makes its own', async () => {
  firewall.letsInAnyway = true;
  await reached();
  expect(firewall.opened).toEqual(['203.0.113.9']);
  expect(run.said.join('\n')).toContain('the door is closing');
});

test('shut out again on entering the database, the way is opened then', async () => {
  firewall.store('office', '198.51.100.1');
  await inFakeTime(enter(run, target, firewall));
  expect(firewall.opened).toEqual(['203.0.113.9']);
});

test('in, but not allowed to write rules: goes on with a warning that the way may close', async () => {
  firewall.letsInAnyway = true;
  firewall.unwritable = forbidden();
  await reached();
  expect(run.said.join('\n')).toContain('it may close while the job runs');
});

test('law 5: also beside rules for other addresses, which cannot be what lets this runner in', async () => {
  firewall.store('office', '198.51.100.1');
  firewall.letsInAnyway = true;
  await reached();
  expect(firewall.opened).toEqual(['203.0.113.9']);
});

test('law 9: a server that answers slowly is asked to the end before anything is opened', async () => {
  firewall.store('office', '198.51.100.1');
  firewall.letsInAnyway = true;
  firewall.slowness = 4000;
  firewall.beyond = [refusal('password authentication failed (SQLSTATE 28P01)')];
  expect(await failed()).toContain('28P01');
  expect(firewall.opened).toEqual([]);
});

test.each(['10.1.2.3', '0.0.0.0', '127.0.0.1'])(
  'an address in PostgreSQL’s refusal that no rule can be for is never opened: %s',
  async (address) => {
    firewall.blocked = 'reject';
    firewall.address = address;
    expect(await failed()).toContain(address);
    expect(firewall.opened).toEqual([]);
  },
);

describe('shut out: a temporary way is opened', () => {
  test('a swallowed connection: with the address on which the echo services agree, without waiting out the login', async () => {
    const took = await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
    // facts.md §2: the operation ends a minute later; a login is the proof.
    expect(took).toBeLessThan(firewall.propagation + 6000);
  });

  test("with the address that PostgreSQL's own refusal names, where the echo services see another", async () => {
    firewall.blocked = 'reject';
    firewall.echo = '198.51.100.44';
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test('also where the echo services are silent, if PostgreSQL names the address', async () => {
    firewall.blocked = 'reject';
    firewall.echo = undefined;
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test('the address turns out to be another once PostgreSQL names it: opened for that one', async () => {
    firewall.echo = '198.51.100.44';
    firewall.publicAccess = true;
    const start = performance.now();
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 4000);
    await reached();
    expect(firewall.opened).toEqual(['198.51.100.44', '203.0.113.9']);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('the same where a lasting rule covers the address of the echo services', async () => {
    firewall.echo = '198.51.100.44';
    firewall.store('office', '198.51.100.44');
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 12_000);
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test('runner-ip is believed: nobody else is asked', async () => {
    firewall.givenAddress = '203.0.113.9';
    firewall.echo = undefined;
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test('runner-ip is wrong: the error names both addresses and what to give (law 10)', async () => {
    firewall.givenAddress = '198.51.100.44';
    firewall.blocked = 'reject';
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toMatch(/as 203\.0\.113\.9, but 198\.51\.100\.44 was let in/);
    expect(error).toContain('What to do: Give runner-ip: 203.0.113.9');
    expect(firewall.opened).toEqual(['198.51.100.44']);
  });

  test('design.md: the rule 0.0.0.0 is no cover, it only means Azure', async () => {
    firewall.store('azure', '0.0.0.0');
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test("another run's temporary rule that does not work yet is no cover", async () => {
    firewall.store('gha-temporary-1-9-1-other', '203.0.113.9', { worksAfter: 100_000 });
    await reached();
    expect(firewall.opened).toEqual(['203.0.113.9']);
  });

  test('law 8: not where the rules cannot be read (403): the error says so', async () => {
    firewall.unreadable = forbidden();
    const error = await failed();
    expect(error).toContain('Azure said: AuthorizationFailed');
    expect(firewall.opened).toEqual([]);
  });

  test('not where nobody knows the address', async () => {
    firewall.echo = undefined;
    expect(await failed()).toContain('no echo');
    expect(firewall.opened).toEqual([]);
  });

  test('a rule that never works ends in an error that names the address (facts.md §5: five minutes)', async () => {
    firewall.propagation = 1e9;
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toContain('rule for 203.0.113.9');
    expect(performance.now() - start).toBeGreaterThan(300_000);
    expect(performance.now() - start).toBeLessThan(400_000);
  });
});

test('a lasting rule that does not work yet is waited for, and nothing is opened beside it', async () => {
  firewall.store('office', '203.0.113.9', { worksAfter: 60_000 });
  const took = await reached();
  expect(took).toBeGreaterThan(60_000);
  expect(took).toBeLessThan(75_000);
  expect(firewall.opened).toEqual([]);
});

describe('law 9: a login failure never opens the firewall', () => {
  test.each([
    'password authentication failed (SQLSTATE 28P01)',
    'no encryption',
    'TLS could not be verified',
  ])('%s', async (reason) => {
    firewall.letsInAnyway = true;
    firewall.beyond = [refusal(reason)];
    const error = await failed();
    expect(error).toContain('(login-failed)');
    expect(error).toContain(reason);
    expect(firewall.opened).toEqual([]);
  });

  test('a server that starts up is waited for, not opened', async () => {
    firewall.store('office', '203.0.113.9');
    firewall.beyond = [passing('starting up'), passing('starting up'), undefined];
    await reached();
    expect(firewall.opened).toEqual([]);
    expect(firewall.logins).toBe(3);
  });

  test('a server that never takes a session ends in an error, not in a rule', async () => {
    firewall.letsInAnyway = true;
    firewall.beyond = [passing('getaddrinfo ENOTFOUND')];
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toContain('getaddrinfo ENOTFOUND');
    expect(error).toContain('Look there.');
    expect(firewall.opened).toEqual([]);
  });

  test('a wrong password behind the new rule is told as such, at once', async () => {
    firewall.beyond = [refusal('password authentication failed')];
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('(login-failed)');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe('design.md: a server with private access is never opened', () => {
  beforeEach(() => {
    firewall.publicAccess = false;
  });

  test('from inside the network the login works', async () => {
    firewall.letsInAnyway = true;
    await reached();
    expect(firewall.opened).toEqual([]);
  });

  test.each(['timeout', 'reject'] as const)(
    'from outside the error says where the runner must be: %s',
    async (how) => {
      firewall.blocked = how;
      const error = await failed();
      expect(error).toContain('private access');
      expect(error).toContain('self-hosted runner inside its network');
      expect(firewall.opened).toEqual([]);
    },
  );
});

test("the run's end ends reaching, with its own reason", async () => {
  firewall.propagation = 1e9;
  const reason = fail('cancelled', { during: 'it was going on' });
  setTimeout(() => run.end(reason), 20_000);
  expect(await thrownBy(inFakeTime(reach(run, target, firewall)))).toBe(reason);
});
