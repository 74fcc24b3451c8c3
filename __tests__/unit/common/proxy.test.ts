import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { removeUnsafeVariables } from '../../../src/common/environment.ts';
import {
  describeProxy,
  findProxy,
  findProxyPasswords,
  findProxyProblems,
} from '../../../src/common/proxy.ts';

const proxyOf = (target: string, env: NodeJS.ProcessEnv): string | undefined => {
  const proxy = findProxy(target, env);
  return proxy && describeProxy(proxy);
};

describe('every request finds its proxy by the same rules', () => {
  const proxy = 'http://proxy.example:3128';
  test.for<readonly [target: string, env: NodeJS.ProcessEnv, expected: string | undefined]>([
    ['https://a.example', {}, undefined],
    ['https://a.example', { HTTPS_PROXY: proxy }, 'proxy.example:3128 (HTTPS_PROXY)'],
    [
      'https://a.example',
      { HTTPS_PROXY: 'http://other', https_proxy: proxy },
      'proxy.example:3128 (https_proxy)',
    ],
    ['https://a.example', { ALL_PROXY: proxy, HTTP_PROXY: 'http://other' }, 'proxy.example:3128 (ALL_PROXY)'],
    ['https://a.example', { HTTP_PROXY: 'http://other' }, 'other:80 (HTTP_PROXY)'],
    ['https://a.example', { HTTPS_PROXY: 'https://other' }, 'other:443 (HTTPS_PROXY)'],
    ['https://a.example', { HTTPS_PROXY: 'http://user:secret@other:1' }, 'other:1 (HTTPS_PROXY)'],
    ['http://a.example', { HTTPS_PROXY: proxy }, undefined],
    ['http://169.254.169.254/metadata', { HTTP_PROXY: proxy, ALL_PROXY: proxy }, undefined],
    ['http://127.0.0.1:40342/metadata', { HTTP_PROXY: proxy }, undefined],
    ['https://127.0.0.1:443', { HTTPS_PROXY: proxy }, 'proxy.example:3128 (HTTPS_PROXY)'],
  ])('%s with %o: %s', ([target, env, expected]) => {
    expect(proxyOf(target, env)).toBe(expected);
  });

  test.for<readonly [noProxy: string, target: string, isExcluded: boolean]>([
    ['*', 'https://a.example', true],
    ['a.example', 'https://a.example', true],
    ['A.Example', 'https://a.example', true],
    ['example', 'https://a.example', true],
    ['.example', 'https://a.example', true],
    ['*.example', 'https://a.example', true],
    ['x.org, .example', 'https://a.example', true],
    ['x.org .example', 'https://a.example', true],
    ['a.example:443', 'https://a.example', true],
    ['a.example:8443', 'https://a.example', false],
    ['ample', 'https://a.example', false],
    ['b.a.example', 'https://a.example', false],
    ['', 'https://a.example', false],
    [',', 'https://a.example', false],
    ['127.0.0.1', 'https://127.0.0.1:8443', true],
    ['[::1]', 'https://[::1]:8443', true],
  ])('NO_PROXY=%s excludes %s: %s', ([noProxy, target, isExcluded]) => {
    for (const name of ['NO_PROXY', 'no_proxy'])
      expect(proxyOf(target, { HTTPS_PROXY: proxy, [name]: noProxy }) === undefined).toBe(isExcluded);
  });
});

describe('a proxy that is not usable is an error that names the variable and the form, and not the value', () => {
  const password = 'VerySecurePassword!1';
  test.for<readonly [value: string, problem: RegExp]>([
    ['proxy.example:3128', /does not begin with http:\/\//],
    ['10.0.0.1:3128', /does not begin with http:\/\//],
    ['http:/proxy.example', /does not begin with http:\/\//],
    ['   ', /does not begin with http:\/\//],
    [`user:${password}@proxy.example:3128`, /does not begin with http:\/\//],
    ['socks5://proxy.example:1080', /names a socks5 proxy, which is not supported/],
    ['http://', /is not the URL of a proxy/],
    ['http://proxy.example:port', /is not the URL of a proxy/],
    [`http://user:${password}/x@proxy.example:3128`, /percent-encoded/],
    [`http://user:1234#${password}@proxy.example:3128`, /percent-encoded/],
    [`http://user:${password}%@proxy.example:3128`, /written as %25/],
  ])('%s', ([value, problem]) => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) {
      const [text, ...others] = findProxyProblems({ [name]: value, PATH: '/bin' });
      expect(others).toEqual([]);
      expect(text).toMatch(problem);
      expect(text).toContain(`the environment variable ${name} `);
      expect(text).toContain('Its form is http://host:port');
      expect(text).not.toContain(password);
      // @actions/github would end the process when it is loaded.
      const env = { [name]: value };
      removeUnsafeVariables(env);
      expect(env).toEqual({});
    }
  });

  test.for([
    'http://proxy',
    'http://proxy:3128/',
    'HTTPS://proxy:3128',
    'http://u:p%40ss@proxy:3128',
    'http://[::1]:3128',
  ])('usable: %s', (value) => {
    const env = { HTTPS_PROXY: value };
    expect(findProxyProblems(env)).toEqual([]);
    expect(removeUnsafeVariables(env)).toEqual({});
  });

  test.for(['ALL_PROXY', 'all_proxy', 'HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY'])(
    'a value of %s that is not usable is for other programs if another variable counts',
    (name) => {
      const env = { [name]: 'socks5://proxy:1080', https_proxy: 'http://proxy:3128' };
      expect(findProxyProblems(env)).toEqual([]);
      removeUnsafeVariables(env);
      expect(findProxy('https://a.example', env)?.variable).toBe('https_proxy');
      expect(findProxy('http://a.example', env)).toBeUndefined();
    },
  );

  test('every usable proxy is read without an error, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `http://${text}`),
        ),
        (value) => {
          const env = { HTTPS_PROXY: value };
          if (findProxyProblems(env).length === 0) findProxy('https://a.example', env);
        },
      ),
    );
  });
});

test('the passwords of proxies are found to be masked, as written and decoded, also in an unusable value', () => {
  const env = {
    HTTPS_PROXY: 'http://user:p%40ss%3Aword@proxy:3128',
    http_proxy: 'user:second/pass@proxy:3128',
    ALL_PROXY: 'http://proxy:3128',
    NO_PROXY: 'a:b@c',
  };
  expect(findProxyPasswords(env)).toEqual(['p%40ss%3Aword', 'p@ss:word', 'second/pass', 'second/pass']);
});
