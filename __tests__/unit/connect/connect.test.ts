import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect } from 'vitest';
import { toAzureError } from '../../../src/azure/azure-errors.ts';
import { actionError } from '../../../src/common/errors.ts';
import { connectThroughFirewall, openSession } from '../../../src/connect/connect.ts';
import { ConflictingAddressesError } from '../../../src/connect/egress-address.ts';
import type { LoginFailure } from '../../../src/postgres/login-errors.ts';
import { FakeFirewall, loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const test = base
  .extend('run', async () => createTestRun())
  .extend('firewall', async ({ run, inFakeTime: _ }) => new FakeFirewall(run))
  /** Connects, and returns after how many milliseconds it was connected. */
  .extend('reached', async ({ run, firewall, inFakeTime }) => async (): Promise<number> => {
    const start = performance.now();
    expect(await inFakeTime(connectThroughFirewall(run, loginTarget, firewall))).toBe(firewall.session);
    return performance.now() - start;
  })
  /** The error with which connecting fails. */
  .extend(
    'failed',
    async ({ run, firewall, inFakeTime }) =>
      async (): Promise<string> =>
        String(await errorOf(inFakeTime(connectThroughFirewall(run, loginTarget, firewall)))),
  );

const loginRefused = (reason: string): LoginFailure => ({ kind: 'refused', reason, advice: 'Do this.' });
const loginTransient = (reason: string): LoginFailure => ({ kind: 'passing', reason, advice: 'Look there.' });
const listRulesForbidden = (): Error =>
  toAzureError(
    'listing the firewall rules',
    new RestError('no', { code: 'AuthorizationFailed', statusCode: 403 }),
  );

describe('connects at once: no rule is created', () => {
  test('under a declared rule', async ({ firewall, reached }) => {
    firewall.addRule('office', '203.0.113.0', { end: '203.0.113.255' });
    expect(await reached()).toBeLessThan(500);
    expect(firewall.openedAddresses).toEqual([]);
  });

  test("under a temporary rule of this very job, whose post outlives this step's use", async ({
    firewall,
    reached,
  }) => {
    firewall.addRule('gha-temporary-1-2-1-step1', '203.0.113.9');
    firewall.ownRuleNames = ['gha-temporary-1-2-1-step1'];
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test("beside another run's temporary rule, where a persistent one covers this runner as well", async ({
    firewall,
    reached,
  }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9');
    firewall.addRule('office', '203.0.113.9');
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('by a private endpoint, past the firewall', async ({ firewall, reached }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '198.51.100.1');
    firewall.allowsWithoutRule = true;
    firewall.hasPrivateEndpoint = true;
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('also where the rules cannot be read (403), which is only logged', async ({
    run,
    firewall,
    reached,
  }) => {
    firewall.allowsWithoutRule = true;
    firewall.readError = listRulesForbidden();
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
    expect(run.logLines.join('\n')).toContain('could not be read');
  });

  test('also where the echo services are silent', async ({ firewall, reached }) => {
    firewall.addRule('office', '203.0.113.9');
    firewall.echoAddress = undefined;
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('by the rule for Azure services, on a runner in Azure', async ({ firewall, reached }) => {
    firewall.addRule('azure', '0.0.0.0');
    firewall.allowsWithoutRule = true;
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });
});

test("where only another run's temporary rule admits this runner, this run creates its own, since that run's post removes the other", async ({
  run,
  firewall,
  reached,
}) => {
  firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9');
  await reached();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  expect(run.logLines.join('\n')).toContain("another run's temporary firewall rule");
});

test('connects although no persistent rule is stored: a rule is being removed, so this run creates its own', async ({
  run,
  firewall,
  reached,
}) => {
  firewall.allowsWithoutRule = true;
  await reached();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  expect(run.logLines.join('\n')).toContain('the door is closing');
});

test('blocked again when it opens the database session: the rule is created then', async ({
  run,
  firewall,
  inFakeTime,
}) => {
  firewall.addRule('office', '198.51.100.1');
  await inFakeTime(openSession(run, loginTarget, firewall));
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
});

test('connected, but not allowed to write rules: goes on with a warning that access may end', async ({
  run,
  firewall,
  reached,
}) => {
  firewall.allowsWithoutRule = true;
  firewall.writeError = listRulesForbidden();
  await reached();
  expect(run.logLines.join('\n')).toContain('it may close while the job runs');
});

test('also where rules for other addresses are stored, which cannot admit this runner', async ({
  firewall,
  reached,
}) => {
  firewall.addRule('office', '198.51.100.1');
  firewall.allowsWithoutRule = true;
  await reached();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
});

test('a slow login is waited for before a rule is created', async ({ firewall, failed }) => {
  firewall.addRule('office', '198.51.100.1');
  firewall.allowsWithoutRule = true;
  firewall.loginDelayMs = 4000;
  firewall.loginFailures = [loginRefused('password authentication failed (SQLSTATE 28P01)')];
  expect(await failed()).toContain('28P01');
  expect(firewall.openedAddresses).toEqual([]);
});

test.for(['10.1.2.3', '0.0.0.0', '127.0.0.1'])(
  'no rule is created for an address of PostgreSQL’s refusal that no rule can have: %s',
  async (address, { firewall, failed }) => {
    firewall.blocked = 'reject';
    firewall.address = address;
    expect(await failed()).toContain(address);
    expect(firewall.openedAddresses).toEqual([]);
  },
);

describe('blocked by the firewall: a temporary rule is created', () => {
  test('a swallowed connection: with the address on which the echo services agree, without waiting out the login', async ({
    firewall,
    reached,
  }) => {
    const took = await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
    // The operation ends a minute later; a login is the proof.
    expect(took).toBeLessThan(firewall.propagationMs + 6000);
  });

  test("with the address that PostgreSQL's own refusal names, where the echo services see another", async ({
    firewall,
    reached,
  }) => {
    firewall.blocked = 'reject';
    firewall.echoAddress = '198.51.100.44';
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('also where the echo services are silent, if PostgreSQL names the address', async ({
    firewall,
    reached,
  }) => {
    firewall.blocked = 'reject';
    firewall.echoAddress = undefined;
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('PostgreSQL names another address later: a rule is created for that one', async ({
    firewall,
    reached,
  }) => {
    firewall.echoAddress = '198.51.100.44';
    firewall.hasPublicAccess = true;
    const start = performance.now();
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 4000);
    await reached();
    expect(firewall.openedAddresses).toEqual(['198.51.100.44', '203.0.113.9']);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('the same where a persistent rule covers the address of the echo services', async ({
    firewall,
    reached,
  }) => {
    firewall.echoAddress = '198.51.100.44';
    firewall.addRule('office', '198.51.100.44');
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 12_000);
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('runner-ip is used, and no echo service is asked', async ({ firewall, reached }) => {
    firewall.configuredAddress = '203.0.113.9';
    firewall.echoAddress = undefined;
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('runner-ip is wrong: the error names both addresses and what to give', async ({
    firewall,
    failed,
  }) => {
    firewall.configuredAddress = '198.51.100.44';
    firewall.blocked = 'reject';
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toMatch(/as 203\.0\.113\.9, but the rule admits 198\.51\.100\.44/);
    expect(error).toContain('What to do: Give runner-ip: 203.0.113.9');
    expect(firewall.openedAddresses).toEqual(['198.51.100.44']);
  });

  test('the rule 0.0.0.0 does not cover the address: it means Azure services', async ({
    firewall,
    reached,
  }) => {
    firewall.addRule('azure', '0.0.0.0');
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test("another run's temporary rule that does not work yet does not cover the address", async ({
    firewall,
    reached,
  }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9', { worksAfter: 100_000 });
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('not where the rules cannot be read (403): the error says so', async ({ firewall, failed }) => {
    firewall.readError = listRulesForbidden();
    const error = await failed();
    expect(error).toContain('Azure error: AuthorizationFailed');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('not where nobody knows the address', async ({ firewall, failed }) => {
    firewall.echoAddress = undefined;
    expect(await failed()).toContain('no echo');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('a rule that never works ends in an error that names the address (five minutes)', async ({
    firewall,
    failed,
  }) => {
    firewall.propagationMs = 1e9;
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toContain('rule for 203.0.113.9');
    expect(performance.now() - start).toBeGreaterThan(300_000);
    expect(performance.now() - start).toBeLessThan(400_000);
  });
});

describe('a runner with several public addresses', () => {
  const others = [
    '198.51.100.1',
    '198.51.100.2',
    '198.51.100.3',
    '198.51.100.4',
    '198.51.100.5',
    '198.51.100.6',
  ];

  test('one that has changed is followed: the echo services are asked again while the rule does not work', async ({
    firewall,
    reached,
  }) => {
    firewall.echoResponses = ['198.51.100.1', '198.51.100.1', '203.0.113.9'];
    const took = await reached();
    expect(firewall.openedAddresses).toEqual(['198.51.100.1', '203.0.113.9']);
    expect(firewall.temporaryRuleNames).toEqual(['gha-temporary-1-2-1-mine']);
    expect(took).toBeLessThan(90_000);
  });

  test('each address that PostgreSQL’s refusals name is followed', async ({ firewall, reached }) => {
    firewall.blocked = 'reject';
    firewall.propagationMs = 1000;
    for (const [i, address] of ['198.51.100.2', '198.51.100.3'].entries())
      setTimeout(
        () => {
          firewall.address = address;
        },
        600 * (i + 1),
      );
    firewall.address = '198.51.100.1';
    await reached();
    expect(firewall.openedAddresses).toEqual(['198.51.100.1', '198.51.100.2', '198.51.100.3']);
    expect(firewall.temporaryRuleNames).toEqual(['gha-temporary-1-2-1-mine']);
  });

  test('one that alternates ends in an error that names the addresses and what to give, within a minute', async ({
    firewall,
    failed,
  }) => {
    firewall.blocked = 'reject';
    firewall.propagationMs = 1e9;
    firewall.alternateAddresses = others.slice(0, 2);
    const start = performance.now();
    const error = await failed();
    expect(error).toMatch(/several public addresses \(198\.51\.100\.\d, 198\.51\.100\.\d\)/);
    expect(error).toContain('allowed-ip-ranges');
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test('only so many are followed', async ({ firewall, failed }) => {
    firewall.blocked = 'reject';
    firewall.propagationMs = 1e9;
    firewall.alternateAddresses = others;
    const error = await failed();
    expect(firewall.openedAddresses).toHaveLength(5);
    for (const address of others) expect(error).toContain(address);
  });

  test('echo services that differ while the rule does not work: an error that names all, after a minute', async ({
    firewall,
    failed,
  }) => {
    firewall.propagationMs = 1e9;
    firewall.echoResponses = [
      '198.51.100.1',
      new ConflictingAddressesError([
        { service: 'https://one.example', address: '198.51.100.1' },
        { service: 'https://two.example', address: '198.51.100.2' },
      ]),
    ];
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('several public addresses (198.51.100.1, 198.51.100.2)');
    expect(error).toContain('allowed-ip-ranges');
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(120_000);
  });

  test('where the echo services see another address than PostgreSQL, a warning says so after a minute, and once', async ({
    run,
    firewall,
    failed,
  }) => {
    firewall.propagationMs = 1e9;
    const start = performance.now();
    let warnedAfter = 0;
    const { warning } = run;
    Object.assign(run, {
      warning: (text: string) => {
        warnedAfter = performance.now() - start;
        warning(text);
      },
    });
    const error = await failed();
    expect(run.logLines.filter((text) => text.includes('does not work after a minute'))).toHaveLength(1);
    expect(warnedAfter).toBeLessThan(90_000);
    expect(error).toContain('allowed-ip-ranges');
    expect(firewall.echoRequestCount).toBeGreaterThan(5);
  });

  test('with runner-ip nothing is asked and nothing followed', async ({ firewall, failed }) => {
    firewall.configuredAddress = '203.0.113.9';
    firewall.propagationMs = 1e9;
    await failed();
    expect([firewall.echoRequestCount, firewall.openedAddresses]).toEqual([0, ['203.0.113.9']]);
  });

  test('silent echo services end nothing', async ({ firewall, reached }) => {
    firewall.propagationMs = 100_000;
    firewall.echoResponses = ['203.0.113.9', undefined];
    await reached();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });
});

test('a persistent rule that does not work yet is waited for, and no other is created', async ({
  firewall,
  reached,
}) => {
  firewall.addRule('office', '203.0.113.9', { worksAfter: 60_000 });
  const took = await reached();
  expect(took).toBeGreaterThan(60_000);
  expect(took).toBeLessThan(75_000);
  expect(firewall.openedAddresses).toEqual([]);
});

describe('a login failure never creates a rule', () => {
  test.for(['password authentication failed (SQLSTATE 28P01)', 'no encryption', 'TLS could not be verified'])(
    '%s',
    async (reason, { firewall, failed }) => {
      firewall.allowsWithoutRule = true;
      firewall.loginFailures = [loginRefused(reason)];
      const error = await failed();
      expect(error).toContain('(login-failed)');
      expect(error).toContain(reason);
      expect(firewall.openedAddresses).toEqual([]);
    },
  );

  test('a server that starts up is waited for, and no rule is created', async ({ firewall, reached }) => {
    firewall.addRule('office', '203.0.113.9');
    firewall.loginFailures = [loginTransient('starting up'), loginTransient('starting up'), undefined];
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
    expect(firewall.loginCount).toBe(3);
  });

  test('a server that never takes a session ends in an error, not in a rule', async ({
    firewall,
    failed,
  }) => {
    firewall.allowsWithoutRule = true;
    firewall.loginFailures = [loginTransient('getaddrinfo ENOTFOUND')];
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toContain('getaddrinfo ENOTFOUND');
    expect(error).toContain('Look there.');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('a wrong password behind the new rule is reported as such, at once', async ({ firewall, failed }) => {
    firewall.loginFailures = [loginRefused('password authentication failed')];
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('(login-failed)');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe('no rule is created for a server with private access', () => {
  test('from inside the network the login works', async ({ firewall, reached }) => {
    firewall.hasPublicAccess = false;
    firewall.allowsWithoutRule = true;
    await reached();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test.for(['timeout', 'reject'] as const)(
    'from outside the error says where the runner must be: %s',
    async (how, { firewall, failed }) => {
      firewall.hasPublicAccess = false;
      firewall.blocked = how;
      const error = await failed();
      expect(error).toContain('private access');
      expect(error).toContain('self-hosted runner inside its network');
      expect(firewall.openedAddresses).toEqual([]);
    },
  );
});

test("the end of the run ends the connection attempt, with the run's reason and what was awaited", async ({
  run,
  firewall,
  inFakeTime,
}) => {
  firewall.propagationMs = 1e9;
  const reason = actionError('cancelled', { signal: 'SIGINT' });
  setTimeout(() => run.abort(reason), 20_000);
  const error = await errorOf(inFakeTime(connectThroughFirewall(run, loginTarget, firewall)));
  expect(error).toMatchObject({ code: 'cancelled' });
  expect(String(error)).toContain('(SIGINT), while waiting for the rule (19 s).');
});
