import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describeProxy, PROXY_VARIABLES, selectProxy } from './proxy.ts';

/**
 * The proxy and the root certificates of main's requests. Post has to use the same ones, because a step in between could
 * set its own proxy and root certificate, and read post's tokens. Only digests are stored: a proxy's URL may contain a
 * password.
 */
export interface NetworkSettings {
  readonly salt: string;
  /** HMAC-SHA-256 of the value by variable; without the variables that are not set. */
  readonly digests: Readonly<Record<string, string>>;
}

/** The variables with additional root certificates for Node.js, which reads them when it starts. */
const CA_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA'];

/** Captures the settings of this process. */
export function captureNetworkSettings(
  env: NodeJS.ProcessEnv,
  salt = randomBytes(16).toString('hex'),
): NetworkSettings {
  const digests = [...PROXY_VARIABLES, ...CA_VARIABLES].flatMap((name) => {
    const value = env[name];
    return value ? [[name, hmacDigest(salt, value + certificateFileContent(name, value))]] : [];
  });
  return { salt, digests: Object.fromEntries(digests) };
}

const hmacDigest = (salt: string, text: string): string =>
  createHmac('sha256', salt).update(text).digest('hex');

/** The content of a certificate file, because another step could change it. */
function certificateFileContent(name: string, path: string): string {
  if (name !== 'NODE_EXTRA_CA_CERTS') return '';
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Logs the proxy, and each additional source of root certificates. */
export function logNetworkSettings(env: NodeJS.ProcessEnv, info: (text: string) => void): void {
  const proxy = selectProxy('https:', env);
  if (proxy !== undefined) {
    const exceptions = env['no_proxy'] || env['NO_PROXY'];
    info(
      `Requests go through the proxy ${describeProxy(proxy)}${exceptions ? `, except to ${exceptions} (NO_PROXY)` : ''}.`,
    );
  }
  for (const name of CA_VARIABLES)
    if (env[name]) info(`Additional root certificates are trusted: ${name}=${env[name]}`);
}

/**
 * Makes this process ignore the variables that were set or changed after main.
 * @param env changed in place, before the first request
 * @returns the names of the variables that differ. A value that main used and that was removed cannot be restored.
 */
export function restoreNetworkSettings(
  { salt, digests }: NetworkSettings,
  env: NodeJS.ProcessEnv,
): readonly string[] {
  const currentDigests = captureNetworkSettings(env, salt).digests;
  const changed = [...PROXY_VARIABLES, ...CA_VARIABLES].filter(
    (name) => currentDigests[name] !== digests[name],
  );
  for (const name of changed) delete env[name];
  // Node.js has already read the changed variables; the ones that main used too stay.
  if (changed.some((name) => CA_VARIABLES.includes(name)))
    setDefaultCACertificates([
      ...getCACertificates('bundled'),
      ...(env['NODE_EXTRA_CA_CERTS'] ? getCACertificates('extra') : []),
      ...(env['NODE_USE_SYSTEM_CA'] ? getCACertificates('system') : []),
    ]);
  return changed;
}
