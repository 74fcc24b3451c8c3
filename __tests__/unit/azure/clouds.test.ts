import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLoopbackUrl, resolveEndpoints, resolveIpEchoUrls } from '../../../src/azure/clouds.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether a client would use TLS with this machine for the URL. */
function isLocal(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const local = hostname === 'localhost' || loopback.check(bare, bare.includes(':') ? 'ipv6' : 'ipv4');
  return protocol === 'https:' && local;
}

/** Parts of a path, a query or a fragment: the characters that RFC 3986 allows, and others percent-encoded. */
const segment = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."azAZ09-._~!$&'()*+,;=:@"),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map(encodeURIComponent),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(''));

/** Web addresses of any domain. `fc.webUrl` is not used, because its setup takes seconds. */
const webUrl = (...schemes: readonly ('http' | 'https')[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...schemes),
      fc.webAuthority({ withPort: true }),
      fc.array(segment, { maxLength: 4 }),
      fc.option(segment),
      fc.option(segment),
    )
    .map(([scheme, authority, path, query, fragment]) =>
      [
        `${scheme}://${authority}`,
        ...path.map((each) => `/${each}`),
        query === null ? '' : `?${query}`,
        fragment === null ? '' : `#${fragment}`,
      ].join(''),
    );

describe('an endpoint override is used only for a loopback address', () => {
  test.each([
    ['https://127.0.0.1:4443', 'https://127.0.0.1:4443'],
    ['https://127.0.0.1:4443/', 'https://127.0.0.1:4443'],
    ['https://localhost:4443/arm', 'https://localhost:4443/arm'],
    ['https://127.9.8.7', 'https://127.9.8.7'],
    ['https://[::1]:4443/', 'https://[::1]:4443'],
    // The WHATWG URL parser reads these numbers as this address, and returns it in dotted decimals.
    ['https://2130706433', 'https://127.0.0.1'],
    ['https://0x7f.1/', 'https://127.0.0.1'],
  ])('%s is used', (given, used) => {
    expect(parseLoopbackUrl(given)).toBe(used);
  });

  test.each([
    'http://127.0.0.1:4443',
    'https://127.0.0.1@evil.example',
    'https://127.0.0.1:443@evil.example/',
    'https://user:password@127.0.0.1/',
    'https://127.0.0.1.evil.example',
    'https://localhost.evil.example',
    'https://evil.example/127.0.0.1',
    'https://evil.example?https://127.0.0.1',
    'https://evil.example#@127.0.0.1',
    'https://evil.example\\@127.0.0.1',
    'https://1270.0.0.1.nip.io',
    'https://127-0-0-1.nip.io',
    'https://2130706434.example',
    'https://3232235777',
    'https://10.0.0.1',
    'https://0.0.0.0',
    'https://[::ffff:10.0.0.1]',
    'https://[::]',
    'https://12７.0.0.1.example',
    '//127.0.0.1',
    '127.0.0.1',
    'ftp://127.0.0.1',
    'https://',
    '',
    ' ',
    undefined,
  ])('%s is not', (given) => {
    expect(parseLoopbackUrl(given)).toBeUndefined();
  });

  test('every URL that is used is HTTPS on a loopback address without credentials', () => {
    const piece = fc.constantFrom(
      'https://',
      'http://',
      '127.0.0.1',
      '127.1',
      '2130706433',
      'localhost',
      '[::1]',
      'evil.example',
      '10.0.0.1',
      '@',
      ':',
      '443',
      '/',
      '\\',
      '?',
      '#',
      '.',
      '%2e',
      '%40',
      '\t',
      '\n',
      ' ',
      '０',
      '。',
    );
    const tricky = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => pieces.join(''));
    const https = tricky.map((rest) => `https://${rest}`);
    let usedCount = 0;
    fc.assert(
      fc.property(fc.oneof(tricky, https, webUrl('https')), (text) => {
        const url = parseLoopbackUrl(text);
        if (url === undefined) return;
        usedCount += 1;
        expect(isLocal(url)).toBe(true);
        expect(new URL(url).username + new URL(url).password).toBe('');
      }),
      { numRuns: 3000 },
    );
    expect(usedCount).toBeGreaterThan(50);
  });

  test('a public web address is never used', () => {
    fc.assert(
      fc.property(webUrl('http', 'https'), (url) => {
        expect(parseLoopbackUrl(url)).toBeUndefined();
      }),
    );
  });

  test('the endpoints and echo services of the cloud are used if an override is rejected', () => {
    const evil = 'https://127.0.0.1@evil.example';
    const env = {
      GITHUB_API_URL: 'https://127.0.0.1:9',
      AZURE_AUTHORITY_HOST: evil,
      AZURE_RESOURCE_MANAGER_ENDPOINT: evil,
      IP_ECHO_URLS: `${evil},${evil}`,
    };
    expect(resolveEndpoints('AzureCloud', env)).toEqual(resolveEndpoints('AzureCloud', {}));
    expect(resolveIpEchoUrls(env)).toEqual(resolveIpEchoUrls({}));
  });

  test('local echo services are rejected if one is public, and if there is only one', () => {
    const local = 'https://127.0.0.1:1';
    const urlsOf = (urls: string) => resolveIpEchoUrls({ GITHUB_API_URL: local, IP_ECHO_URLS: urls });
    expect(urlsOf(`${local},https://evil.example`)).toEqual(resolveIpEchoUrls({}));
    expect(urlsOf(local)).toEqual(resolveIpEchoUrls({}));
    expect(urlsOf(`${local}/a, ${local}/b`)).toEqual([`${local}/a`, `${local}/b`]);
  });

  test('an override is rejected if GitHub is not on loopback too, because an earlier step can listen there', () => {
    const env = {
      AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1',
      AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://127.0.0.1:2',
      IP_ECHO_URLS: 'https://127.0.0.1:3,https://127.0.0.1:4',
    };
    for (const gitHub of [{}, { GITHUB_API_URL: 'https://api.github.com' }]) {
      expect(resolveEndpoints('AzureCloud', { ...env, ...gitHub })).toEqual(
        resolveEndpoints('AzureCloud', {}),
      );
      expect(resolveIpEchoUrls({ ...env, ...gitHub })).toEqual(resolveIpEchoUrls({}));
    }
  });
});

describe('clouds', () => {
  test.each([
    [
      'AzureCloud',
      'https://management.azure.com',
      '.postgres.database.azure.com',
      'https://login.microsoftonline.com',
      'api://AzureADTokenExchange',
    ],
    [
      'AzureUSGovernment',
      'https://management.usgovcloudapi.net',
      '.postgres.database.usgovcloudapi.net',
      'https://login.microsoftonline.us',
      'api://AzureADTokenExchangeUSGov',
    ],
    [
      'AzureChinaCloud',
      'https://management.chinacloudapi.cn',
      '.postgres.database.chinacloudapi.cn',
      'https://login.chinacloudapi.cn',
      'api://AzureADTokenExchangeChina',
    ],
  ] as const)('%s has its own endpoints and audience', (cloud, arm, hostSuffix, login, audience) => {
    expect(resolveEndpoints(cloud, {})).toEqual({
      authorityHost: login,
      resourceManager: arm,
      hostSuffix,
      scope: `${arm}/.default`,
      oidcAudience: audience,
      isLocalAuthority: false,
    });
  });

  test("the tokens' scope is the cloud's own, also if the endpoint is overridden", () => {
    const env = {
      GITHUB_API_URL: 'https://127.0.0.1:9',
      AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1',
      AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://127.0.0.1:2',
    };
    expect(resolveEndpoints('AzureCloud', env)).toMatchObject({
      authorityHost: 'https://127.0.0.1:1',
      resourceManager: 'https://127.0.0.1:2',
      scope: 'https://management.azure.com/.default',
      isLocalAuthority: true,
    });
  });
});
