import { getInnermostErrors, walkErrors } from './errors.ts';
import { describeProxy, findProxy, type ProxySetting, proxyAddress } from './proxy.ts';
import { sanitizeText } from './sanitize.ts';

/** Why a request got no response from its host: the innermost cause, where it happened, and what to do. */
export interface NetworkFailure {
  /** Host and port of the request, the proxy in use, and the innermost cause with its code. */
  readonly text: string;
  /** What to do, in one or more sentences. */
  readonly hint: string;
  /** Code of the innermost cause, such as `ECONNREFUSED`. */
  readonly code: string;
  /** Host of the request. */
  readonly host: string;
  /** Port of the request. */
  readonly port: string;
  readonly proxy: ProxySetting | undefined;
  /** Whether the same request can succeed later without a change of the runner. */
  readonly isTransient: boolean;
}

type FailureKind = 'dns' | 'connect' | 'timeout' | 'reset' | 'certificate' | 'tls' | 'not-http' | 'tunnel';

/**
 * The codes of Node.js, OpenSSL and undici, see docs/azure-behavior.md#network-failures; the first pattern that matches
 * counts.
 */
const KINDS: readonly (readonly [pattern: RegExp, kind: FailureKind])[] = [
  [/^(ENOTFOUND|EAI_\w+)$/, 'dns'],
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN|EHOSTDOWN)$/, 'connect'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_\w+_TIMEOUT|TimeoutError)$/, 'timeout'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/, 'reset'],
  [/^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA|ERR_TLS_CERT_|UND_ERR_PRX_TLS)/, 'certificate'],
  [/^(EPROTO$|ERR_SSL_|ERR_TLS_)/, 'tls'],
  [/^(HPE_|UND_ERR_HTTP_PARSER|UND_ERR_RESPONSE)/, 'not-http'],
  [/^ERR_PROXY_TUNNEL$/, 'tunnel'],
];

/** The code of a proxy that answers `CONNECT` with another status than 200; Node.js uses the same. */
export const PROXY_TUNNEL_CODE = 'ERR_PROXY_TUNNEL';

/** The error of a proxy that answers `CONNECT` with this HTTP status. */
export const proxyTunnelError = (status: number): Error =>
  Object.assign(new Error(`the proxy answered HTTP ${status}`), { code: PROXY_TUNNEL_CODE });

/** A request that got no response. Its message is the text of the failure, which contains the causes. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly failure: NetworkFailure;

  constructor(failure: NetworkFailure) {
    super(failure.text);
    this.failure = failure;
  }
}

/**
 * The failure that an HTTP client has reported; undefined for an error that is not one of the network.
 * @param url of the request
 * @param env with the variables of the proxies
 */
export function describeNetworkFailure(
  error: unknown,
  url: string,
  env: NodeJS.ProcessEnv = process.env,
): NetworkFailure | undefined {
  const causes = getInnermostErrors(error).map(toCause);
  const { code, kind } = causes.find((cause) => cause.kind !== undefined) ?? {};
  if (code === undefined || kind === undefined) return undefined;
  const { hostname: host, protocol, port: explicitPort } = new URL(url);
  const port = explicitPort || (protocol === 'https:' ? '443' : '80');
  const proxy = findProxy(url, env);
  const messages = [...new Set(causes.map(({ text }) => text))].join('; ');
  const status = Number(/HTTP (\d{3})/.exec(messages)?.[1]);
  const route = proxy === undefined ? '' : ` through the proxy ${describeProxy(proxy)}`;
  return {
    text: sanitizeText(`${host}:${port}${route}: ${messages}`),
    hint: describeAction(kind, { code, host, port, proxy, status }),
    code,
    host,
    port,
    proxy,
    isTransient: ['dns', 'connect', 'timeout', 'reset'].includes(kind) || status >= 500,
  };
}

/**
 * The error of a request that its caller has ended because no response came in time.
 * @param reason states the time
 */
export function describeTimeout(reason: string, url: string): NetworkError {
  const cause = Object.assign(new Error(reason), { code: 'ETIMEDOUT' });
  const failure = describeNetworkFailure(cause, url);
  if (failure === undefined) throw cause;
  return new NetworkError(failure);
}

/** Message and code of one error; the status of a proxy's answer from undici, which reports it only in its message. */
function toCause(error: unknown): { text: string; code: string; kind: FailureKind | undefined } {
  const { message = '', code, name = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const proxyStatus = /^Proxy response \((\d{3})\)/.exec(String(message))?.[1];
  if (proxyStatus !== undefined) return toCause(proxyTunnelError(Number(proxyStatus)));
  const codeText = typeof code === 'string' ? code : name;
  const kind = KINDS.find(([pattern]) => pattern.test(codeText))?.[1];
  const isNamed = codeText === '' || message.includes(codeText) || kind === undefined;
  const text = [message || codeText, isNamed || message === '' ? '' : `(${codeText})`]
    .filter(Boolean)
    .join(' ');
  return { text: text.replaceAll(/\s*\n\s*/g, ' ').trim(), code: codeText, kind };
}

interface Situation {
  readonly code: string;
  readonly host: string;
  readonly port: string;
  readonly proxy: ProxySetting | undefined;
  /** HTTP status of the proxy's answer; NaN without one. */
  readonly status: number;
}

function describeAction(kind: FailureKind, situation: Situation): string {
  const { code, host, port, proxy } = situation;
  const target = `${host}:${port}`;
  switch (kind) {
    case 'dns':
      return proxy === undefined
        ? `The runner cannot resolve ${host}: check its DNS. ${WITHOUT_PROXY}`
        : `The runner cannot resolve the name of the proxy: correct ${proxy.variable}, or the DNS of the runner.`;
    case 'connect':
      return proxy === undefined
        ? `Check that the network of the runner permits connections to ${target}. ${WITHOUT_PROXY}`
        : `Check that the proxy runs and accepts connections at ${proxyAddress(proxy.url)}, or correct ${proxy.variable}. If ${host} is reachable directly, add it to NO_PROXY.`;
    case 'timeout':
      return proxy === undefined
        ? `Check that the network of the runner permits connections to ${target}, and run the workflow again. ${WITHOUT_PROXY}`
        : `Check that the proxy ${proxyAddress(proxy.url)} (${proxy.variable}) answers and can reach ${target}, and run the workflow again.`;
    case 'reset':
      return proxy === undefined
        ? `${host}, or a firewall before it, closed the connection: run the workflow again. If it fails again, check that the network of the runner permits connections to ${target}. ${WITHOUT_PROXY}`
        : `The proxy or ${host} closed the connection: run the workflow again. If it fails again, check that the proxy ${proxyAddress(proxy.url)} (${proxy.variable}) permits connections to ${target}.`;
    case 'certificate':
      return certificateHint(code, host, proxy);
    case 'tls':
      return proxy?.url.protocol === 'https:'
        ? `If the proxy expects plain HTTP, which most do, ${proxy.variable} has to begin with http:// (also for requests to HTTPS).`
        : `What answers at ${target} does not speak TLS as ${host} does: check the proxies and firewalls between the runner and ${host}.`;
    case 'not-http':
      return proxy === undefined
        ? `What answers at ${target} does not speak HTTP: check the proxies and firewalls between the runner and ${host}.`
        : `What answers at ${proxyAddress(proxy.url)} or ${target} does not speak HTTP: check the scheme and the port in ${proxy.variable}.`;
    case 'tunnel':
      return tunnelHint(situation);
  }
}

const WITHOUT_PROXY =
  'If the runner reaches the internet only through a proxy, set the environment variable HTTPS_PROXY to http://host:port.';

function certificateHint(code: string, host: string, proxy: ProxySetting | undefined): string {
  if (/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/.test(code))
    return `Check the clock of the runner, and which certificate it gets for ${host}.`;
  if (/ALTNAME/.test(code))
    return `Another server than ${host} answers: check the DNS of the runner and its proxies.`;
  const issuer = proxy === undefined ? 'A proxy or firewall' : 'The proxy, or a firewall,';
  return `${issuer} probably replaces the certificate of ${host} (TLS inspection). If this is intended, set the environment variable NODE_EXTRA_CA_CERTS of the job to the PEM file of its root certificate, or NODE_USE_SYSTEM_CA to 1 if the system of the runner trusts it. The action never disables the verification.`;
}

function tunnelHint({ host, port, proxy, status }: Situation): string {
  const variable = proxy?.variable ?? 'HTTPS_PROXY';
  if (status === 407)
    return proxy?.url.username || proxy?.url.password
      ? `The proxy does not accept the user name and the password in ${variable}: correct them, and percent-encode special characters.`
      : `The proxy asks for credentials: set ${variable} to http://user:password@host:port, with the password from a secret and percent-encoded.`;
  const permit = `Permit ${host}:${port} in the proxy, or add ${host} to NO_PROXY if the runner reaches it directly.`;
  return status >= 500
    ? `The proxy cannot reach ${host}:${port}: run the workflow again, and check the proxy if it happens again. ${permit}`
    : `The proxy does not permit the connection. ${permit}`;
}

/** Whether the body of a response is a page, where an API answers with JSON: one of a proxy, or of a gateway before the API. */
export const isPage = (body: string): boolean => /^\s*</.test(body);

/**
 * What to do about a response that is not one of the requested host, such as a page of a proxy.
 * @param env with the variables of the proxies
 */
export function foreignAnswerHint(url: string, env: NodeJS.ProcessEnv = process.env): string {
  const { hostname: host } = new URL(url);
  const proxy = findProxy(url, env);
  return proxy === undefined
    ? `A proxy, a firewall, a gateway or a sign-in page between the runner and ${host} answered instead of it: run the workflow again. If it happens again, check that the network of the runner permits requests to ${host}. ${WITHOUT_PROXY}`
    : `The proxy ${describeProxy(proxy)}, or a gateway behind it, answered instead of ${host}: run the workflow again. If it happens again, permit ${host} in the proxy, or add it to NO_PROXY if the runner reaches it directly.`;
}

/** The failure of the network that caused an error; undefined if there is none. */
export const findNetworkFailure = (error: unknown): NetworkFailure | undefined =>
  walkErrors(error).find((each) => each instanceof NetworkError)?.failure;
