/**
 * Which proxy a request uses. The Azure SDK, the Actions toolkit and Node.js read the variables with different rules
 * (docs/azure-behavior.md#proxies), so each request of the action gets its proxy from here.
 */

/** A proxy for HTTPS requests, and the variable that names it. */
export interface ProxySetting {
  readonly variable: string;
  /** May contain a user name and a password. */
  readonly url: URL;
}

/** The lower-case name counts first, as for curl, Node.js and the runner. */
const bothCases = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [name.toLowerCase(), name]);

/** The variables with a proxy for a URL, the first that is set counts. */
const VARIABLES_BY_PROTOCOL: Readonly<Record<string, readonly string[]>> = {
  'https:': bothCases('HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'),
  'http:': bothCases('HTTP_PROXY', 'ALL_PROXY'),
};

/** The variables that set a proxy, and the one with exceptions, in upper and in lower case. */
export const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

const isProxyVariable = (name: string): boolean => /^(https?|all)_proxy$/i.test(name);

/**
 * The proxy for a request; undefined for a direct connection. HTTP to this machine or to a link-local address is always
 * direct: these are the endpoints of managed identities, which no proxy can reach.
 * @throws if the variable that counts is not usable, see {@link findProxyProblems}
 */
export function findProxy(target: string, env: NodeJS.ProcessEnv): ProxySetting | undefined {
  const url = new URL(target);
  if ((url.protocol === 'http:' && isLocalHost(url.hostname)) || isExcluded(url, env)) return undefined;
  return selectProxy(url.protocol, env);
}

/** The proxy for a protocol, without the exceptions of `NO_PROXY`. */
export function selectProxy(protocol: string, env: NodeJS.ProcessEnv): ProxySetting | undefined {
  const variable = VARIABLES_BY_PROTOCOL[protocol]?.find((name) => env[name]);
  return variable === undefined ? undefined : { variable, url: new URL(env[variable] ?? '') };
}

const isLocalHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^(127|169\.254)\.[\d.]+$/.test(hostname);

/**
 * Whether `NO_PROXY` names the host: `*`, a host or a domain with its subdomains, each with an optional port, separated by
 * commas or white space.
 */
function isExcluded({ protocol, hostname, port }: URL, env: NodeJS.ProcessEnv): boolean {
  const targetPort = port || (protocol === 'https:' ? '443' : '80');
  return (env['no_proxy'] || env['NO_PROXY'] || '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, host = '', entryPort = targetPort] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
      const domain = host.replace(/^\*?\./, '');
      return (
        domain !== '' && entryPort === targetPort && (hostname === domain || hostname.endsWith(`.${domain}`))
      );
    });
}

/**
 * Why the proxy for HTTPS in an environment cannot be used; empty if it can. The texts do not contain the value, which may
 * hold a password. Only the variable that counts is read: the others may be for other programs, such as a SOCKS proxy in
 * `ALL_PROXY` beside `HTTPS_PROXY`.
 */
export function findProxyProblems(env: NodeJS.ProcessEnv): readonly string[] {
  const variable = VARIABLES_BY_PROTOCOL['https:']?.find((name) => env[name]);
  const problem = variable === undefined ? undefined : findProxyProblem(variable, env[variable]);
  return problem === undefined
    ? []
    : [`the environment variable ${variable} ${problem}. Its form is http://host:port`];
}

/** Why a variable of the environment is not a usable proxy, to follow its name; undefined also for other variables. */
export function findProxyProblem(name: string, value: string | undefined): string | undefined {
  if (!isProxyVariable(name) || !value) return undefined;
  const [, scheme] = /^\s*([a-z][a-z\d+.-]*):\/\//i.exec(value) ?? [];
  if (scheme === undefined) return 'is not the URL of a proxy, because it does not begin with http://';
  if (!/^https?$/i.test(scheme)) return `names a ${scheme.toLowerCase()} proxy, which is not supported`;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || /[@?#]/.test(url.pathname + url.search + url.hash))
    return 'is not the URL of a proxy. Special characters of its password have to be percent-encoded (@ as %40, : as %3A, / as %2F, # as %23)';
  return isPercentEncoded(url.username) && isPercentEncoded(url.password)
    ? undefined
    : 'has a % in its user name or password, which has to be written as %25';
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The passwords in the proxies of an environment, as they are written and decoded, to be masked. */
export function findProxyPasswords(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    if (!isProxyVariable(name)) return [];
    const password = /^\s*(?:[a-z][a-z\d+.-]*:\/*)?[^:@/]*:(.+)@/is.exec(value)?.[1];
    if (password === undefined) return [];
    return isPercentEncoded(password) ? [password, decodeURIComponent(password)] : [password];
  });
}

/** Host, port and variable of a proxy, without its credentials, to follow "the proxy". */
export const describeProxy = ({ url, variable }: ProxySetting): string =>
  `${proxyAddress(url)} (${variable})`;

/** `host:port` of a proxy's URL. */
export const proxyAddress = ({ hostname, port, protocol }: URL): string =>
  `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
