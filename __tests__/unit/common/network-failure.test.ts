import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { test as base, describe, expect, vi } from 'vitest';
import { toAzureError, tryRead } from '../../../src/azure/azure-errors.ts';
import { resolveEndpoints } from '../../../src/azure/clouds.ts';
import { createCredential } from '../../../src/azure/credentials.ts';
import { createHttpClient } from '../../../src/azure/http-client.ts';
import {
  describeNetworkFailure,
  findNetworkFailure,
  NetworkError,
} from '../../../src/common/network-failure.ts';
import { detectEgressAddress } from '../../../src/connect/egress-address.ts';
import { GitHubApi } from '../../../src/github/api.ts';
import { requestIdToken } from '../../../src/github/id-token.ts';
import {
  type FailingProxy,
  findClosedPort,
  type ProxyFailure,
  startFailingProxy,
} from '../../helpers/unit/failing-proxy.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const PROXY_NAMES = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'HTTP_PROXY', 'http_proxy'];

const test = base
  /** Sets variables, and no other proxy, until the test ends. */
  .extend('setEnv', async ({ onTestFinished }) => {
    onTestFinished(() => void vi.unstubAllEnvs());
    return (env: Readonly<Record<string, string>>): void => {
      for (const name of [...PROXY_NAMES, 'NO_PROXY', 'no_proxy']) vi.stubEnv(name, undefined);
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    };
  })
  /** Starts a proxy that fails, and closes it when the test ends. */
  .extend(
    'failingProxy',
    async ({ onTestFinished }) =>
      async (failure: ProxyFailure): Promise<FailingProxy> => {
        const proxy = await startFailingProxy(failure);
        onTestFinished(proxy.close);
        return proxy;
      },
  )
  /** The libraries repeat a request after pauses of seconds, which take no time here. Limits of 10 s and more stay. */
  .extend('withoutPauses', async ({ onTestFinished }): Promise<void> => {
    const { setTimeout: realSetTimeout } = globalThis;
    const { setTimeout: realSleep } = timersPromises;
    const spy = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((work: () => void, ms = 0, ...values: []) =>
        realSetTimeout(work, ms >= 500 && ms < 10_000 ? 0 : ms, ...values)) as typeof setTimeout);
    timersPromises.setTimeout = ((_: number, value: unknown) =>
      Promise.resolve(value)) as unknown as typeof realSleep;
    syncBuiltinESMExports();
    onTestFinished(() => {
      spy.mockRestore();
      timersPromises.setTimeout = realSleep;
      syncBuiltinESMExports();
    });
  });

const endpoints = resolveEndpoints('AzureCloud', {});
const signInConfig = {
  clientId: '22222222-2222-4222-8222-222222222222',
  tenantId: '11111111-1111-4111-8111-111111111111',
  subscriptionId: '33333333-3333-4333-8333-333333333333',
  clientSecret: 'VerySecureSecret!1',
};
const OIDC_ENV = {
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://pipelines.actions.example/token?api-version=2.0',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
};
const requestToken = async (method: 'client-secret' | 'oidc'): Promise<unknown> => {
  const credential = await createCredential(method, signInConfig, endpoints, {
    canRequestIdToken: true,
    prefetchIdToken: async () => {},
    requestIdToken: (audience) => requestIdToken(audience, process.env, createTestRun()),
    mask: () => {},
    info: () => {},
    debug: () => {},
  });
  return await credential.getToken('https://management.azure.com/.default');
};

const armRequest = () => createPipelineRequest({ url: 'https://management.azure.com/subscriptions?x=1' });
const sendToArm = async () => {
  const response = await createHttpClient().sendRequest(armRequest());
  throw new Error(`ARM answered ${response.status}`);
};

/** Each client of the action: the host of its request, and the error that a user sees. */
const clients: readonly (readonly [client: string, host: string, fail: () => Promise<string>])[] = [
  [
    'Azure Resource Manager, a write',
    'management.azure.com:443',
    async () => String(toAzureError('writing the firewall rules', await errorOf(sendToArm()))),
  ],
  [
    'Azure Resource Manager, a read',
    'management.azure.com:443',
    async () => {
      const result = await tryRead('the server', sendToArm);
      return result.status === 'unknown' ? String(result.error) : result.status;
    },
  ],
  [
    'Entra',
    'login.microsoftonline.com:443',
    async () => String(await errorOf(requestToken('client-secret'))),
  ],
  [
    'GitHub’s OIDC endpoint',
    'pipelines.actions.example:443',
    async () => String(await errorOf(requestToken('oidc'))),
  ],
  [
    'GitHub’s API',
    'api.github.com:443',
    async () => {
      const state = await new GitHubApi('ghs_1', 'relecloud/tours', createTestRun()).getPullRequestState(1);
      return state.status === 'unknown' ? state.error.message : state.status;
    },
  ],
  [
    'an echo service',
    'one.example:443',
    async () =>
      String(
        await errorOf(
          detectEgressAddress(['https://one.example', 'https://two.example'], new AbortController().signal),
        ),
      ),
  ],
];

interface Failure {
  /** `dead`: nothing listens at the proxy's address. */
  readonly proxy: ProxyFailure | 'dead';
  readonly scheme?: 'https';
  /** Credentials in the proxy's URL. */
  readonly credentials?: string;
  /** Of the innermost cause. */
  readonly cause: RegExp;
  readonly advice: RegExp;
}

const failures: Readonly<Record<string, Failure>> = {
  'a dead proxy': {
    proxy: 'dead',
    cause: /connect ECONNREFUSED PROXY/,
    advice: /Check that the proxy runs and accepts connections at PROXY, or correct HTTPS_PROXY/,
  },
  'a proxy that asks for credentials': {
    proxy: 407,
    cause: /the proxy answered HTTP 407 \(ERR_PROXY_TUNNEL\)/,
    advice: /set HTTPS_PROXY to http:\/\/user:password@host:port/,
  },
  'a proxy that refuses the credentials': {
    proxy: 407,
    credentials: 'someone:VerySecure%21Password@',
    cause: /the proxy answered HTTP 407/,
    advice: /does not accept the user name and the password in HTTPS_PROXY/,
  },
  'a proxy that does not permit the host': {
    proxy: 403,
    cause: /the proxy answered HTTP 403/,
    advice: /Permit HOST in the proxy, or add \S+ to NO_PROXY/,
  },
  'a proxy that does not reach the host': {
    proxy: 502,
    cause: /the proxy answered HTTP 502/,
    advice: /The proxy cannot reach HOST: run the workflow again/,
  },
  'a reset': {
    proxy: 'resets',
    cause: /ECONNRESET|UND_ERR_SOCKET/,
    advice: /closed the connection: run the workflow again.*proxy PROXY \(HTTPS_PROXY\)/,
  },
  'TLS interception': {
    proxy: 'intercepts TLS',
    cause: /self-signed certificate.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    advice: /NODE_EXTRA_CA_CERTS.*never disables the verification/,
  },
  'a proxy spoken to with TLS that expects HTTP': {
    proxy: 407,
    scheme: 'https',
    cause: /EPROTO|ERR_SSL|wrong version number/,
    advice: /HTTPS_PROXY has to begin with http:\/\//,
  },
};

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

describe('a request that gets no response is reported with host, port, proxy and innermost cause, and the advice follows from the cause', () => {
  describe.for(Object.entries(failures))('%s', ([, failure]) => {
    test.for(clients)('%s', async ([, host, fail], { failingProxy, setEnv, withoutPauses: _ }) => {
      const proxy =
        failure.proxy === 'dead' ? await findClosedPort() : (await failingProxy(failure.proxy)).address;
      const url = `${failure.scheme ?? 'http'}://${failure.credentials ?? ''}${proxy}`;
      setEnv({ ...OIDC_ENV, HTTPS_PROXY: url });
      const error = await fail();
      const expected = (pattern: RegExp): RegExp =>
        new RegExp(
          pattern.source.replaceAll(/\bPROXY\b/g, escaped(proxy)).replaceAll(/\bHOST\b/g, escaped(host)),
          's',
        );
      expect(error).toContain(`${host} through the proxy ${proxy} (HTTPS_PROXY): `);
      expect(error).toMatch(expected(failure.cause));
      expect(error).toMatch(expected(failure.advice));
      // Only Entra's own answer is a reason to suspect what is configured there.
      expect(error).not.toMatch(/federated credential|client-secret|fetch failed|network_error|undefined/);
      expect(error).not.toContain('VerySecure');
    });
  });
});

test('a direct connection that is reset is reported without a proxy, and the advice names HTTPS_PROXY', async ({
  failingProxy,
  setEnv,
}) => {
  setEnv({});
  const { address } = await failingProxy('resets');
  const request = createPipelineRequest({ url: `https://${address}/subscriptions` });
  const error = await errorOf(createHttpClient().sendRequest(request));
  expect(String(error)).toContain(`${address}: `);
  expect(String(error)).not.toContain('proxy');
  expect(findNetworkFailure(error)?.hint).toContain(
    'If the runner reaches the internet only through a proxy',
  );
});

describe('the cause of a failure decides about its kind and its advice', () => {
  const url = 'https://management.azure.com/subscriptions';
  const withCode = (code: string, message = ''): Error => Object.assign(new Error(message), { code });
  const proxied = { HTTPS_PROXY: 'http://proxy.example:3128' };

  test.for<readonly [code: string, env: NodeJS.ProcessEnv, advice: RegExp, isTransient: boolean]>([
    ['ENOTFOUND', {}, /cannot resolve management\.azure\.com: check its DNS/, true],
    ['EAI_AGAIN', proxied, /cannot resolve the name of the proxy: correct HTTPS_PROXY/, true],
    ['ECONNREFUSED', {}, /permits connections to management\.azure\.com:443/, true],
    ['EHOSTUNREACH', proxied, /accepts connections at proxy\.example:3128/, true],
    ['ETIMEDOUT', {}, /permits connections.*run the workflow again/, true],
    ['UND_ERR_CONNECT_TIMEOUT', proxied, /proxy\.example:3128 \(HTTPS_PROXY\) answers/, true],
    ['ECONNRESET', {}, /closed the connection/, true],
    ['SELF_SIGNED_CERT_IN_CHAIN', proxied, /NODE_EXTRA_CA_CERTS/, false],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', {}, /NODE_EXTRA_CA_CERTS/, false],
    ['CERT_HAS_EXPIRED', {}, /the clock of the runner/, false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', {}, /Another server than management\.azure\.com answers/, false],
    ['EPROTO', {}, /does not speak TLS/, false],
    ['HPE_INVALID_CONSTANT', proxied, /check the scheme and the port in HTTPS_PROXY/, false],
  ])('%s %o', ([code, env, advice, isTransient]) => {
    const failure = describeNetworkFailure(
      new TypeError('fetch failed', { cause: withCode(code) }),
      url,
      env,
    );
    expect(failure).toMatchObject({ code, host: 'management.azure.com', port: '443', isTransient });
    expect(failure?.text).toContain(code);
    expect(failure?.hint).toMatch(advice);
  });

  test('all addresses that were tried are named, although the message of Node.js is empty', () => {
    const tried = ['::1', '127.0.0.1'].map((ip) =>
      withCode('ECONNREFUSED', `connect ECONNREFUSED ${ip}:443`),
    );
    const error = new Error('outer', {
      cause: Object.assign(new AggregateError(tried, ''), { code: 'ECONNREFUSED' }),
    });
    expect(describeNetworkFailure(error, url, {})?.text).toBe(
      'management.azure.com:443: connect ECONNREFUSED ::1:443; connect ECONNREFUSED 127.0.0.1:443',
    );
  });

  test('an error of a server, a value that is not an error and a cycle have no cause in the network', () => {
    const cycle = new Error('a');
    cycle.cause = new Error('b', { cause: cycle });
    for (const error of [
      new Error('HTTP 500'),
      cycle,
      undefined,
      null,
      'text',
      { code: 'AuthorizationFailed' },
    ])
      expect(describeNetworkFailure(error, url, {})).toBeUndefined();
  });

  test('text of a network is limited and printable', () => {
    const hostile = withCode('ECONNRESET', `\u001b[31m${'x '.repeat(1_000_000)}`);
    const failure = describeNetworkFailure(hostile, url, {});
    expect(failure?.text.length).toBeLessThan(1200);
    expect(failure?.text).not.toContain('\u001b');
    expect(failure && new NetworkError(failure).message).toBe(failure?.text);
  });
});
