import { Agent, type Dispatcher, ProxyAgent, fetch as undiciFetch } from 'undici';
import { describeNetworkFailure, NetworkError } from './network-failure.ts';
import { findProxy, type ProxySetting } from './proxy.ts';

/** Not the global dispatcher, because Node.js replaces that one if NODE_USE_ENV_PROXY is set. */
let directDispatcher: Dispatcher | undefined;
const proxyDispatchers = new Map<string, Dispatcher>();

/**
 * `fetch` for Octokit, with the proxy of {@link findProxy}: the global `fetch` uses none.
 * @throws NetworkError if there is no response; what `fetch` throws for other errors
 */
export async function proxiedFetch(url: string, options: RequestInit = {}): Promise<Response> {
  const dispatcher = selectDispatcher(findProxy(url, process.env));
  try {
    // The types of undici and of the global fetch differ only in their names.
    const init = { ...options, dispatcher } as unknown as Parameters<typeof undiciFetch>[1];
    return (await undiciFetch(url, init)) as unknown as Response;
  } catch (error) {
    options.signal?.throwIfAborted();
    const failure = describeNetworkFailure(error, url);
    throw failure === undefined ? error : new NetworkError(failure);
  }
}

function selectDispatcher(proxy: ProxySetting | undefined): Dispatcher {
  if (proxy === undefined) {
    directDispatcher ??= new Agent();
    return directDispatcher;
  }
  const { href, username, password } = proxy.url;
  const dispatcher =
    proxyDispatchers.get(href) ?? new ProxyAgent({ uri: href, ...authorization(username, password) });
  proxyDispatchers.set(href, dispatcher);
  return dispatcher;
}

/** undici sends credentials only if both parts are set. */
function authorization(username: string, password: string): { readonly token?: string } {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { token: `Basic ${Buffer.from(credentials).toString('base64')}` };
}
