import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect } from 'vitest';
import {
  captureNetworkSettings,
  logNetworkSettings,
  restoreNetworkSettings,
} from '../../../src/common/network.ts';
import { test as base } from '../../helpers/unit/test.ts';

/** A file of root certificates. The default certificates of the thread are restored afterwards. */
const test = base.extend('roots', async ({ task: _ }, { onCleanup }) => {
  const directory = mkdtempSync(join(tmpdir(), 'network-'));
  const before = getCACertificates('default');
  onCleanup(() => {
    setDefaultCACertificates(before);
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'roots.pem');
  writeFileSync(path, getCACertificates('bundled').slice(0, 1).join('\n'));
  return path;
});

const fingerprints = (which: 'default' | 'bundled' | 'system'): readonly string[] =>
  getCACertificates(which)
    .map((pem) => new X509Certificate(pem).fingerprint256)
    .toSorted();

describe('post uses the network settings of main', () => {
  test('unchanged settings are used', ({ roots }) => {
    const env = { HTTPS_PROXY: 'http://user:password@proxy:8080', no_proxy: 'x', NODE_EXTRA_CA_CERTS: roots };
    const before = { ...env };
    expect(restoreNetworkSettings(captureNetworkSettings(env), env)).toEqual([]);
    expect(env).toEqual(before);
  });

  test.for([
    [{}, { HTTPS_PROXY: 'http://evil.example' }, ['HTTPS_PROXY']],
    [{ https_proxy: 'http://proxy' }, { https_proxy: 'http://evil.example' }, ['https_proxy']],
    [{ HTTP_PROXY: 'http://proxy' }, {}, ['HTTP_PROXY']],
    [{}, { NO_PROXY: '*', ALL_PROXY: 'http://evil.example' }, ['ALL_PROXY', 'NO_PROXY']],
    [{}, { NODE_USE_SYSTEM_CA: '1' }, ['NODE_USE_SYSTEM_CA']],
  ] as const)(
    'after %o in main and %o in post, the different variables are returned and not used',
    ([main, post, names], { roots: _ }) => {
      const env: NodeJS.ProcessEnv = { ...post, PATH: '/bin' };
      expect(restoreNetworkSettings(captureNetworkSettings(main), env)).toEqual(names);
      expect(env).toEqual({ PATH: '/bin' });
    },
  );

  test('root certificates that a later step adds, or writes into main’s file, are not trusted', ({
    roots,
  }) => {
    const more = getCACertificates('bundled').slice(1, 3);
    for (const main of [{}, { NODE_EXTRA_CA_CERTS: roots }]) {
      setDefaultCACertificates(more);
      const settings = captureNetworkSettings(main);
      writeFileSync(roots, `${more.join('\n')}\n# ${Object.keys(main).length}`);
      expect(restoreNetworkSettings(settings, { NODE_EXTRA_CA_CERTS: roots })).toEqual([
        'NODE_EXTRA_CA_CERTS',
      ]);
      expect(fingerprints('default')).toEqual(fingerprints('bundled'));
    }
  });

  test('root certificates of main stay trusted if another step adds more', () => {
    // NODE_EXTRA_CA_CERTS only works at the start of a process, so this test uses the system's certificates.
    const settings = captureNetworkSettings({ NODE_USE_SYSTEM_CA: '1' });
    const env = { NODE_USE_SYSTEM_CA: '1', NODE_EXTRA_CA_CERTS: '/added.pem', SSL_CERT_FILE: '/other.pem' };
    expect(restoreNetworkSettings(settings, env)).toEqual(['NODE_EXTRA_CA_CERTS']);
    const trusted = new Set([...fingerprints('bundled'), ...fingerprints('system')]);
    expect(new Set(fingerprints('default'))).toEqual(trusted);
  });

  test('a proxy’s URL is not stored, because it may contain a password', () => {
    const settings = captureNetworkSettings({ HTTPS_PROXY: 'http://user:VerySecurePassword!1@proxy:8080' });
    expect(JSON.stringify(settings)).not.toMatch(/VerySecure|user|proxy:8080/);
    const same = captureNetworkSettings({ HTTPS_PROXY: 'http://user:VerySecurePassword!1@proxy:8080' });
    expect(same.digests).not.toEqual(settings.digests);
  });
});

test('main logs its proxies and root certificates without the password of a proxy', () => {
  const lines: string[] = [];
  const env = {
    https_proxy: 'http://user:VerySecurePassword!1@proxy.example:8080',
    NO_PROXY: 'x',
    NODE_EXTRA_CA_CERTS: '/roots.pem',
  };
  logNetworkSettings(env, (text) => lines.push(text));
  expect(lines).toEqual([
    'Requests go through the proxy proxy.example:8080 (https_proxy), except to x (NO_PROXY).',
    'Additional root certificates are trusted: NODE_EXTRA_CA_CERTS=/roots.pem',
  ]);
  logNetworkSettings({}, (text) => lines.push(text));
  expect(lines).toHaveLength(2);
  logNetworkSettings(
    { HTTPS_PROXY: 'http://other', https_proxy: 'http://proxy', ALL_PROXY: 'socks5://x' },
    (text) => lines.push(text),
  );
  expect(lines.slice(2)).toEqual(['Requests go through the proxy proxy:80 (https_proxy).']);
});
