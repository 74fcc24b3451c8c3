import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import { findProxy } from './proxy.ts';

/** Shared by all requests except those of Octokit, so that those to one host use the same connections. */
const directAgents = {
  'http:': new HttpAgent({ keepAlive: true }),
  'https:': new Agent({ keepAlive: true }),
};
const proxyAgents = new Map<string, HttpAgent>();

/** The agent for a request, with the proxy of {@link findProxy}. */
export async function selectAgent(url: string): Promise<HttpAgent> {
  const proxy = findProxy(url, process.env);
  if (proxy === undefined) return directAgents[url.startsWith('https:') ? 'https:' : 'http:'];
  const { href } = proxy.url;
  const { TunnelAgent } = await import('./tunnel-agent.ts');
  const agent = proxyAgents.get(href) ?? new TunnelAgent(href);
  proxyAgents.set(href, agent);
  return agent;
}
