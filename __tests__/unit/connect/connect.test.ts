import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect } from 'vitest';
import { toAzureError } from '../../../src/azure/azure-errors.ts';
import { actionError } from '../../../src/common/errors.ts';
import { connectThroughFirewall, openSession } from '../../../src/connect/connect.ts';
import { ConflictingAddressesError } from '../../../src/connect/egress-address.ts';
import type { LoginFailure } from '../../../src/postgres/login-errors.ts';
import type { ConnectionLimitScope } from '../../../src/postgres/pg-errors.ts';
import { FakeFirewall, loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const test = base
  .extend('run', async () => createTestRun())
  .extend('firewall', async ({ run, inFakeTime: _ }) => new FakeFirewall(run))
  /** Connects, and returns after how many milliseconds it was connected. */
  .extend('connected', async ({ firewall, inFakeTime }) => async (): Promise<number> => {
    const start = performance.now();
    expect(await inFakeTime(connectThroughFirewall(firewall, loginTarget))).toBe(firewall.session);
    return performance.now() - start;
  })
  /** The error with which connecting fails. */
  .extend(
    'failed',
    async ({ firewall, inFakeTime }) =>
      async (): Promise<string> =>
        String(await errorOf(inFakeTime(connectThroughFirewall(firewall, loginTarget)))),
  );

const loginRefused = (reason: string): LoginFailure => ({ kind: 'refused', reason, hint: 'Do this.' });
const loginTransient = (reason: string): LoginFailure => ({ kind: 'transient', reason, hint: 'Check that.' });
const azureForbidden = (): Error =>
  toAzureError(
    'writing the firewall rules',
    new RestError('no', { code: 'AuthorizationFailed', statusCode: 403 }),
  );

describe('connects without creating a rule', () => {
  test('if a declared rule covers this runner', async ({ firewall, connected }) => {
    firewall.addRule('office', '203.0.113.0', { end: '203.0.113.255' });
    expect(await connected()).toBeLessThan(500);
    expect(firewall.openedAddresses).toEqual([]);
  });

  test("if a temporary rule of an earlier step of this job covers it, because that step's post runs later", async ({
    firewall,
    connected,
  }) => {
    firewall.addRule('gha-temporary-1-2-1-step1', '203.0.113.9');
    firewall.ownRuleNames = ['gha-temporary-1-2-1-step1'];
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test("if a persistent rule covers it as well as another run's temporary rule", async ({
    firewall,
    connected,
  }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9');
    firewall.addRule('office', '203.0.113.9');
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('through a private endpoint, which bypasses the firewall', async ({ firewall, connected }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '198.51.100.1');
    firewall.allowsWithoutRule = true;
    firewall.hasPrivateEndpoint = true;
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('if the rules cannot be read (403), which is logged', async ({ run, firewall, connected }) => {
    firewall.allowsWithoutRule = true;
    firewall.readError = azureForbidden();
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
    expect(run.logLines.join('\n')).toContain('could not be read');
  });

  test('if the echo services do not respond', async ({ firewall, connected }) => {
    firewall.addRule('office', '203.0.113.9');
    firewall.echoAddress = undefined;
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('if the rule for Azure services admits a runner in Azure', async ({ firewall, connected }) => {
    firewall.addRule('azure', '0.0.0.0');
    firewall.allowsWithoutRule = true;
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });
});

test('a login and an address that were requested before are not requested again', async ({
  firewall,
  inFakeTime,
}) => {
  firewall.addRule('office', '203.0.113.9');
  const started = {
    login: {
      result: Promise.resolve({ session: firewall.session }),
      serverResponded: () => true,
      responded: Promise.resolve(),
      end: () => {},
      elapsedMs: () => 0,
    },
    egress: {
      address: Promise.resolve('203.0.113.9'),
      firstAnswer: Promise.resolve('203.0.113.9'),
      stop: () => {},
    },
  };
  expect(await inFakeTime(connectThroughFirewall(firewall, loginTarget, started))).toBe(firewall.session);
  expect([firewall.loginCount, firewall.echoRequestCount]).toEqual([0, 0]);
});

test.for<readonly [number, number]>([
  [0, 500],
  [300, 200],
  [2000, 0],
])(
  'a login that began %d ms before counts as blocked after %d ms more, if no rule covers this runner',
  async ([earlierMs, moreMs], { firewall, inFakeTime }) => {
    const login = firewall.login(loginTarget, 8000);
    const start = performance.now();
    const started = {
      login: { ...login, elapsedMs: () => earlierMs + login.elapsedMs() },
      egress: {
        address: Promise.resolve('203.0.113.9'),
        firstAnswer: Promise.resolve('203.0.113.9'),
        stop: () => {},
      },
    };
    let requestedAfterMs = 0;
    const startRule = firewall.startRule.bind(firewall);
    firewall.startRule = (address) => {
      requestedAfterMs = performance.now() - start;
      return startRule(address);
    };
    await inFakeTime(connectThroughFirewall(firewall, loginTarget, started));
    // Listing the rules takes 100 ms, during which the login is in progress too.
    expect(requestedAfterMs).toBeCloseTo(Math.max(100, moreMs), -1);
  },
);

describe('a run that is logged in waits for the echo services only if their answer decides something', () => {
  const SLOW_MS = 3000;

  test('not if a rule admits every address', async ({ firewall, connected }) => {
    firewall.echoDelayMs = firewall.firstEchoDelayMs = SLOW_MS;
    firewall.addRule('all', '0.0.0.0', { end: '255.255.255.255' });
    expect(await connected()).toBeLessThan(500);
    expect(firewall.echoAborted).toBe(true);
  });

  test('not if Azure services are admitted and no temporary rule exists', async ({ firewall, connected }) => {
    firewall.echoDelayMs = firewall.firstEchoDelayMs = SLOW_MS;
    firewall.addRule('azure', '0.0.0.0');
    firewall.allowsWithoutRule = true;
    expect(await connected()).toBeLessThan(500);
  });

  test('not through a private endpoint', async ({ firewall, connected }) => {
    firewall.echoDelayMs = firewall.firstEchoDelayMs = SLOW_MS;
    firewall.hasPrivateEndpoint = true;
    firewall.allowsWithoutRule = true;
    expect(await connected()).toBeLessThan(500);
  });

  test('not if PostgreSQL sees an address that a declared rule covers', async ({ firewall, connected }) => {
    firewall.echoDelayMs = firewall.firstEchoDelayMs = SLOW_MS;
    firewall.clientAddressInSession = '203.0.113.9';
    firewall.addRule('office', '203.0.113.0', { end: '203.0.113.255' });
    expect(await connected()).toBeLessThan(500);
    expect(firewall.echoAborted).toBe(true);
  });

  test('only for the first answer if a declared rule covers it', async ({ firewall, connected }) => {
    firewall.echoDelayMs = SLOW_MS;
    firewall.addRule('office', '203.0.113.0', { end: '203.0.113.255' });
    expect(await connected()).toBeLessThan(500);
    expect(firewall.echoAborted).toBe(true);
  });

  test('for two answers if the first is not covered, because one alone opens no firewall', async ({
    firewall,
    connected,
  }) => {
    firewall.echoDelayMs = SLOW_MS;
    firewall.addRule('office', '198.51.100.1');
    firewall.allowsWithoutRule = true;
    expect(await connected()).toBeGreaterThan(SLOW_MS);
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });
});

test('the rule of a run that is logged in is for the address that PostgreSQL sees, although a proxy hides it from the echo services', async ({
  firewall,
  connected,
}) => {
  firewall.allowsWithoutRule = true;
  firewall.echoAddress = '198.51.100.44';
  firewall.clientAddressInSession = '203.0.113.9';
  await connected();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
});

test('if a rule for an address that the echo services saw through a proxy does not work, the error names the proxy', async ({
  firewall,
  failed,
}) => {
  firewall.propagationMs = 1e9;
  firewall.echoProxy = 'proxy.example:3128 (HTTPS_PROXY)';
  const error = await failed();
  expect(error).toContain(
    'asked through the proxy proxy.example:3128 (HTTPS_PROXY), which connections to PostgreSQL do not use',
  );
  expect(error).toContain('Set runner-ip');
});

test("if only another run's temporary rule admits this runner, this run creates its own, because that run's post removes the other", async ({
  run,
  firewall,
  connected,
}) => {
  firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9');
  await connected();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  expect(run.logLines.join('\n')).toContain("another run's temporary firewall rule");
});

test('connects although no persistent rule is stored: a rule is being removed, so this run creates its own', async ({
  run,
  firewall,
  connected,
}) => {
  firewall.allowsWithoutRule = true;
  await connected();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  expect(run.logLines.join('\n')).toContain('access depends on a rule that is being removed');
});

test('openSession creates a rule if the firewall blocks this runner again', async ({
  firewall,
  inFakeTime,
}) => {
  firewall.addRule('office', '198.51.100.1');
  await inFakeTime(openSession(firewall, loginTarget));
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
});

test('connected, but not allowed to create a rule: continues with a warning that access may end', async ({
  run,
  firewall,
  connected,
}) => {
  firewall.allowsWithoutRule = true;
  firewall.writeError = azureForbidden();
  await connected();
  expect(run.logLines.join('\n')).toContain('it may end while the job runs');
});

test('connects although only rules for other addresses are stored: this run creates its own', async ({
  firewall,
  connected,
}) => {
  firewall.addRule('office', '198.51.100.1');
  firewall.allowsWithoutRule = true;
  await connected();
  expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
});

test('a login that the server answers slowly is waited for before a rule is created', async ({
  firewall,
  failed,
}) => {
  firewall.addRule('office', '198.51.100.1');
  firewall.allowsWithoutRule = true;
  firewall.loginDelayMs = 4000;
  firewall.loginFailures = [loginRefused('password authentication failed (SQLSTATE 28P01)')];
  expect(await failed()).toContain('28P01');
  expect(firewall.openedAddresses).toEqual([]);
});

test.for(['10.1.2.3', '0.0.0.0', '127.0.0.1'])(
  'no rule is created if PostgreSQL names an address that is not public: %s',
  async (address, { firewall, failed }) => {
    firewall.blocked = 'reject';
    firewall.address = address;
    expect(await failed()).toContain(address);
    expect(firewall.openedAddresses).toEqual([]);
  },
);

describe('creates a temporary rule if the firewall blocks this runner', () => {
  test('for the address on which the echo services agree, before the login times out', async ({
    firewall,
    connected,
  }) => {
    const took = await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
    // The operation ends a minute later, but a login shows that the rule works.
    expect(took).toBeLessThan(firewall.propagationMs + 6000);
  });

  test("for the address that PostgreSQL's refusal names, if the echo services see another", async ({
    firewall,
    connected,
  }) => {
    firewall.blocked = 'reject';
    firewall.echoAddress = '198.51.100.44';
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('for the address that PostgreSQL names, if the echo services do not respond', async ({
    firewall,
    connected,
  }) => {
    firewall.blocked = 'reject';
    firewall.echoAddress = undefined;
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('and changes it if PostgreSQL names another address later', async ({ firewall, connected }) => {
    firewall.echoAddress = '198.51.100.44';
    firewall.hasPublicAccess = true;
    const start = performance.now();
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 4000);
    await connected();
    expect(firewall.openedAddresses).toEqual(['198.51.100.44', '203.0.113.9']);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('if PostgreSQL names another address than a persistent rule covers', async ({
    firewall,
    connected,
  }) => {
    firewall.echoAddress = '198.51.100.44';
    firewall.addRule('office', '198.51.100.44');
    setTimeout(() => {
      firewall.blocked = 'reject';
    }, 12_000);
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('for runner-ip, without a request to an echo service', async ({ firewall, connected }) => {
    firewall.runnerIp = '203.0.113.9';
    firewall.echoAddress = undefined;
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('and fails if runner-ip is wrong, with both addresses and the value to set', async ({
    firewall,
    failed,
  }) => {
    firewall.runnerIp = '198.51.100.44';
    firewall.blocked = 'reject';
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toMatch(/as 203\.0\.113\.9, but the rule admits 198\.51\.100\.44/);
    expect(error).toContain('What to do: Set runner-ip: 203.0.113.9');
    expect(firewall.openedAddresses).toEqual(['198.51.100.44']);
  });

  test('although the rule 0.0.0.0 is stored, which admits only Azure services', async ({
    firewall,
    connected,
  }) => {
    firewall.addRule('azure', '0.0.0.0');
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test("although another run's temporary rule that does not work yet covers the address", async ({
    firewall,
    connected,
  }) => {
    firewall.addRule('gha-temporary-1-9-1-other', '203.0.113.9', { worksAfter: 100_000 });
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });

  test('but not if the rules cannot be read (403), which the error names', async ({ firewall, failed }) => {
    firewall.readError = azureForbidden();
    const error = await failed();
    expect(error).toContain('Azure error: AuthorizationFailed');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('but not if the address is unknown', async ({ firewall, failed }) => {
    firewall.echoAddress = undefined;
    expect(await failed()).toContain('no echo');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('and fails if the rule does not work within five minutes, with the address', async ({
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

describe('the wait for a login that works', () => {
  test('ends with the failure of the creation, and the rule does not count as working', async ({
    firewall,
    failed,
  }) => {
    firewall.propagationMs = 1e9;
    firewall.creationError = azureForbidden();
    const start = performance.now();
    expect(await failed()).toContain('Azure error: AuthorizationFailed');
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(firewall.finishedCreations).toEqual([false]);
  });

  test('ends with the login, and the rule counts as working', async ({ firewall, connected }) => {
    await connected();
    expect(firewall.finishedCreations).toEqual([true]);
  });

  test('is not needed while this runner is connected: the end of the creation is waited for', async ({
    firewall,
    connected,
  }) => {
    firewall.allowsWithoutRule = true;
    expect(await connected()).toBeGreaterThanOrEqual(60_000);
    expect(firewall.finishedCreations).toEqual([true]);
  });
});

describe('a login succeeds within a second after a rule begins to work', () => {
  test.for([500, 1700, 3000, 7000])(
    'a rule of this run, after %d ms',
    async (worksAfter, { firewall, connected }) => {
      firewall.propagationMs = worksAfter;
      let acceptedAt = 0;
      const { startRule } = firewall;
      firewall.startRule = async (address) => {
        acceptedAt = performance.now();
        return await startRule.call(firewall, address);
      };
      await connected();
      expect(performance.now() - acceptedAt - worksAfter).toBeLessThan(500);
    },
  );

  test.for([500, 1700, 3000, 7000])(
    'a declared rule, after %d ms',
    async (worksAfter, { firewall, connected }) => {
      firewall.addRule('office', '203.0.113.9', { worksAfter });
      expect((await connected()) - worksAfter).toBeLessThan(600);
    },
  );

  test('although Azure does not report whether the creation has ended', async ({ firewall, connected }) => {
    firewall.creationCheckMs = 1e9;
    expect(await connected()).toBeLessThan(firewall.propagationMs + 1500);
  });
});

describe('a wait for a rule', () => {
  test.for<[string, (firewall: FakeFirewall) => void]>([
    ['of this run', () => {}],
    ['that is declared', (firewall) => firewall.addRule('office', '203.0.113.9', { worksAfter: 3000 })],
  ])(
    '%s sends a wrong password once, although the server answers slowly',
    async ([, arrange], { firewall, failed }) => {
      arrange(firewall);
      firewall.loginDelayMs = 2000;
      firewall.loginFailures = [loginRefused('password authentication failed')];
      expect(await failed()).toContain('(login-failed)');
      expect(firewall.authenticationCount).toBe(1);
    },
  );
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

  test('the rule follows an address that changes: the echo services are requested again while the rule does not work', async ({
    firewall,
    connected,
  }) => {
    firewall.echoResponses = ['198.51.100.1', '198.51.100.1', '203.0.113.9'];
    const took = await connected();
    expect(firewall.openedAddresses).toEqual(['198.51.100.1', '203.0.113.9']);
    expect(firewall.temporaryRuleNames).toEqual(['gha-temporary-1-2-1-mine']);
    expect(took).toBeLessThan(90_000);
  });

  test('the rule follows each address that PostgreSQL names', async ({ firewall, connected }) => {
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
    await connected();
    expect(firewall.openedAddresses).toEqual(['198.51.100.1', '198.51.100.2', '198.51.100.3']);
    expect(firewall.temporaryRuleNames).toEqual(['gha-temporary-1-2-1-mine']);
  });

  test('alternating addresses are an error within a minute, which names them and the inputs to set', async ({
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
    expect(error).not.toContain('runner-ip');
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test('the rule follows five addresses at most, and the error names all', async ({ firewall, failed }) => {
    firewall.blocked = 'reject';
    firewall.propagationMs = 1e9;
    firewall.alternateAddresses = others;
    const error = await failed();
    expect(firewall.openedAddresses).toHaveLength(5);
    for (const address of others) expect(error).toContain(address);
  });

  test('conflicting echo services are an error after a minute in which the rule does not work, which names their addresses', async ({
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

  test('a rule that does not work for a minute causes one warning', async ({ run, firewall, failed }) => {
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

  test('with runner-ip the rule follows no address, and no echo service is requested', async ({
    firewall,
    failed,
  }) => {
    firewall.runnerIp = '203.0.113.9';
    firewall.propagationMs = 1e9;
    await failed();
    expect([firewall.echoRequestCount, firewall.openedAddresses]).toEqual([0, ['203.0.113.9']]);
  });

  test('echo services that do not respond do not end the wait', async ({ firewall, connected }) => {
    firewall.propagationMs = 100_000;
    firewall.echoResponses = ['203.0.113.9', undefined];
    await connected();
    expect(firewall.openedAddresses).toEqual(['203.0.113.9']);
  });
});

test('a persistent rule that does not work yet is waited for, and no other is created', async ({
  firewall,
  connected,
}) => {
  firewall.addRule('office', '203.0.113.9', { worksAfter: 60_000 });
  const took = await connected();
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

  test('a server that is starting is waited for', async ({ firewall, connected }) => {
    firewall.addRule('office', '203.0.113.9');
    firewall.loginFailures = [loginTransient('starting up'), loginTransient('starting up'), undefined];
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
    expect(firewall.loginCount).toBe(3);
  });

  test('a server that never accepts a session is an error', async ({ firewall, failed }) => {
    firewall.allowsWithoutRule = true;
    firewall.loginFailures = [loginTransient('getaddrinfo ENOTFOUND')];
    const error = await failed();
    expect(error).toContain('(not-reachable)');
    expect(error).toContain('getaddrinfo ENOTFOUND');
    expect(error).toContain('Check that.');
    expect(firewall.openedAddresses).toEqual([]);
  });

  test('a wrong password after the creation of a rule is reported at once', async ({ firewall, failed }) => {
    firewall.loginFailures = [loginRefused('password authentication failed')];
    const start = performance.now();
    const error = await failed();
    expect(error).toContain('(login-failed)');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe('a server with private access gets no rule', () => {
  test('and the login works inside the network', async ({ firewall, connected }) => {
    firewall.hasPublicAccess = false;
    firewall.allowsWithoutRule = true;
    await connected();
    expect(firewall.openedAddresses).toEqual([]);
  });

  test.for(['timeout', 'reject'] as const)(
    'and outside the network the error states where the runner must be: %s',
    async (how, { firewall, failed }) => {
      firewall.hasPublicAccess = false;
      firewall.blocked = how;
      const error = await failed();
      expect(error).toContain('private access');
      expect(error).toContain('self-hosted runner inside its network');
      expect(firewall.openedAddresses).toEqual([]);
    },
  );

  test('and the error advises to enable public access only if the server is not in a virtual network', async ({
    firewall,
    failed,
  }) => {
    firewall.hasPublicAccess = false;
    expect(await failed()).not.toContain('public-access');
    firewall.isInVirtualNetwork = false;
    expect(await failed()).toContain('public-access: Enabled and on-drift: fix');
  });
});

test("the end of the run ends the wait for a login, with the run's reason and what was awaited", async ({
  run,
  firewall,
  inFakeTime,
}) => {
  firewall.propagationMs = 1e9;
  const reason = actionError('cancelled', { signal: 'SIGINT' });
  setTimeout(() => run.abort(reason), 20_000);
  const error = await errorOf(inFakeTime(connectThroughFirewall(firewall, loginTarget)));
  expect(error).toMatchObject({ code: 'cancelled' });
  expect(String(error)).toContain(
    '(SIGINT), while waiting for the firewall rule for 203.0.113.9 to work (20 s).',
  );
});

describe('connections that are all in use', () => {
  const exhausted = (limitScope: ConnectionLimitScope): LoginFailure => ({
    kind: 'transient',
    reason: 'too many connections (SQLSTATE 53300)',
    hint: 'General.',
    sqlState: '53300',
    limitScope,
  });

  test('are awaited, and the error then names the limit and who has it, not the network', async ({
    firewall,
    failed,
  }) => {
    firewall.allowsWithoutRule = true;
    firewall.loginFailures = [exhausted('server')];
    firewall.connectionLimit = 50;
    const text = await failed();
    expect(text).toContain('(connections-exhausted)');
    expect(text).toContain('max_connections is 50');
    expect(text).toContain('fewer jobs');
    expect(text).not.toMatch(/firewall|network/);
    expect(firewall.openedAddresses).toEqual([]);
    expect(firewall.loginCount).toBeGreaterThan(2);
  });

  test('end as soon as one is free', async ({ firewall, connected }) => {
    firewall.addRule('office', '203.0.113.9');
    firewall.loginFailures = [exhausted('database'), exhausted('server'), undefined];
    firewall.connectionLimit = 5;
    await connected();
  });

  test.for(['database', 'role'] as const)(
    'are not awaited if the limit of the %s is 0',
    async (scope, { firewall, failed }) => {
      firewall.addRule('office', '203.0.113.9');
      firewall.loginFailures = [exhausted(scope)];
      firewall.connectionLimit = 0;
      expect(await failed()).toMatch(/connection limit of the (database|role) is 0.*CONNECTION LIMIT -1;/s);
      expect(firewall.loginCount).toBe(1);
    },
  );

  test('are not taken for a rule that does not work', async ({ run, firewall, failed }) => {
    firewall.loginFailures = [exhausted('server')];
    const text = await failed();
    expect(text).toContain('(connections-exhausted)');
    expect(run.logLines.join('\n')).not.toContain('does not work after a minute');
  });
});
