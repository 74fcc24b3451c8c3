import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/**
 * The proxy and the root certificates that main's requests use. Post uses the same, since a step in between could set a
 * proxy and a root certificate of its own, and read post's tokens. Only digests are kept: a proxy's URL may hold a password.
 */
export interface NetworkSettings {
  readonly salt: string;
  /** By variable; one that is not set has none. */
  readonly digests: Readonly<Record<string, string>>;
}

/** The variables by which the SDK, GitHub's toolkit and Node find a proxy; each in capitals and in small letters. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** The variables by which Node itself, when it starts, trusts more than its own root certificates. */
const CA_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA'];

/** What this process uses. */
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

/** Of a file of root certificates, since another step can write to it. */
function certificateFileContent(name: string, path: string): string {
  if (name !== 'NODE_EXTRA_CA_CERTS') return '';
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Logs what stands between this run and Azure, or may: each proxy, and each source of root certificates. */
export function logNetworkSettings(env: NodeJS.ProcessEnv, info: (text: string) => void): void {
  for (const name of PROXY_VARIABLES)
    if (env[name] && !/^no_proxy$/i.test(name))
      info(`Requests go through the proxy ${proxyHost(env[name])} (${name}).`);
  for (const name of CA_VARIABLES)
    if (env[name]) info(`Root certificates besides Node's own are trusted: ${name}=${env[name]}`);
}

/** Without credentials, which a proxy's URL may hold. */
const proxyHost = (url: string): string =>
  (URL.canParse(url) ? new URL(url).host : '') || 'of an unreadable URL';

/**
 * Makes this process use what main used: what was set or changed since is not used.
 * @param env changed in place, before the first request
 * @returns the names of the variables that differ; what main used and is gone cannot be brought back
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
  // Node has read these when it started; those that main used too stay.
  if (changed.some((name) => CA_VARIABLES.includes(name)))
    setDefaultCACertificates([
      ...getCACertificates('bundled'),
      ...(env['NODE_EXTRA_CA_CERTS'] ? getCACertificates('extra') : []),
      ...(env['NODE_USE_SYSTEM_CA'] ? getCACertificates('system') : []),
    ]);
  return changed;
}
