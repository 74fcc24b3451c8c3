import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/**
 * What of the network main's requests went by: post goes by the same, since a step in between could set a proxy and a root
 * certificate of its own, and read post's tokens. Only digests are kept, for a proxy's URL may hold a password.
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
const ROOT_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

/** What this process goes by. */
export function networkSettings(
  env: NodeJS.ProcessEnv,
  salt = randomBytes(16).toString('hex'),
): NetworkSettings {
  const digests = [...PROXY_VARIABLES, ...ROOT_VARIABLES].flatMap((name) => {
    const value = env[name];
    return value ? [[name, digestOf(salt, value + contentOf(name, value))]] : [];
  });
  return { salt, digests: Object.fromEntries(digests) };
}

const digestOf = (salt: string, text: string): string =>
  createHmac('sha256', salt).update(text).digest('hex');

/** Of a file of root certificates, since another step can write to it. */
function contentOf(name: string, path: string): string {
  if (name !== 'NODE_EXTRA_CA_CERTS' && name !== 'SSL_CERT_FILE') return '';
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Says what stands between this run and Azure, or may: a line for the proxy, and one for each source of root certificates. */
export function describeNetwork(env: NodeJS.ProcessEnv, info: (text: string) => void): void {
  const proxy = PROXY_VARIABLES.find((name) => !/^no_proxy$/i.test(name) && env[name]);
  if (proxy !== undefined) info(`Requests go through the proxy ${hostOf(env[proxy] ?? '')} (${proxy}).`);
  for (const name of ROOT_VARIABLES)
    if (env[name]) info(`Root certificates besides Node's own are trusted: ${name}=${env[name]}`);
}

/** Without credentials, which a proxy's URL may hold. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'of an unreadable URL');

/**
 * Goes by what main went by: what was set or changed since is not used.
 * @param env changed in place, before the first request
 * @returns the names of the variables that differ; a proxy of main's that is gone is named, but cannot be brought back
 */
export function restoreNetwork(
  { salt, digests }: NetworkSettings,
  env: NodeJS.ProcessEnv,
): readonly string[] {
  const now = networkSettings(env, salt).digests;
  const names = [...PROXY_VARIABLES, ...ROOT_VARIABLES].filter((name) => now[name] !== digests[name]);
  for (const name of names) delete env[name];
  // Node has read these when it started.
  if (names.some((name) => ROOT_VARIABLES.includes(name)))
    setDefaultCACertificates(getCACertificates('bundled'));
  return names;
}
