import type { CloudName } from '../inputs/types.ts';

/** Where a cloud's services are. */
export interface Endpoints {
  readonly authorityHost: string;
  readonly resourceManager: string;
  /** Scope of ARM's tokens; always the cloud's own, wherever the endpoint points. */
  readonly scope: string;
  /** Audience of GitHub's token in the exchange with Entra (Azure/login's README). */
  readonly oidcAudience: string;
  /** Whether the authority was overridden, for then it is no authority that Microsoft's instance discovery knows. */
  readonly isLocalAuthority: boolean;
}

const CLOUDS: Readonly<Record<CloudName, { login: string; management: string; audience: string }>> = {
  AzureCloud: {
    login: 'https://login.microsoftonline.com',
    management: 'https://management.azure.com',
    audience: 'api://AzureADTokenExchange',
  },
  AzureUSGovernment: {
    login: 'https://login.microsoftonline.us',
    management: 'https://management.usgovcloudapi.net',
    audience: 'api://AzureADTokenExchangeUSGov',
  },
  AzureChinaCloud: {
    login: 'https://login.chinacloudapi.cn',
    management: 'https://management.chinacloudapi.cn',
    audience: 'api://AzureADTokenExchangeChina',
  },
};

/**
 * Services that answer with the caller's public IPv4 address, of different owners, so that one alone cannot lie; the
 * third is asked where one of the others is silent.
 */
const IP_ECHO_SERVICES = [
  'https://api.ipify.org',
  'https://checkip.amazonaws.com',
  'https://ipv4.icanhazip.com',
];

/**
 * Endpoints of a cloud. `AZURE_AUTHORITY_HOST` and `AZURE_RESOURCE_MANAGER_ENDPOINT` override them only with a loopback
 * address, and only where GitHub itself is on one: a step can set these by GITHUB_ENV, and listen on loopback, but cannot
 * set GITHUB_API_URL, which the runner sets for each step.
 */
export function resolveEndpoints(cloud: CloudName, env: NodeJS.ProcessEnv): Endpoints {
  const { login, management, audience } = CLOUDS[cloud];
  const localAuthority = loopbackOverride(env, 'AZURE_AUTHORITY_HOST');
  return {
    authorityHost: localAuthority ?? login,
    resourceManager: loopbackOverride(env, 'AZURE_RESOURCE_MANAGER_ENDPOINT') ?? management,
    scope: `${management}/.default`,
    oidcAudience: audience,
    isLocalAuthority: localAuthority !== undefined,
  };
}

/** The echo services; `IP_ECHO_URLS` (comma-separated) overrides them under the same rule. */
export function resolveIpEchoUrls(env: NodeJS.ProcessEnv): readonly string[] {
  if (!isEmulated(env)) return IP_ECHO_SERVICES;
  const local = (env['IP_ECHO_URLS'] ?? '').split(',').map((url) => parseLoopbackUrl(url.trim()));
  return local.length >= 2 && local.every((url) => url !== undefined) ? local : IP_ECHO_SERVICES;
}

/** Whether everything around this step is on this machine, as with the emulator. */
const isEmulated = (env: NodeJS.ProcessEnv): boolean => parseLoopbackUrl(env['GITHUB_API_URL']) !== undefined;

const loopbackOverride = (env: NodeJS.ProcessEnv, name: string): string | undefined =>
  isEmulated(env) ? parseLoopbackUrl(env[name]) : undefined;

/** The URL without its trailing slash if it is HTTPS on a loopback address, else undefined. */
export function parseLoopbackUrl(text: string | undefined): string | undefined {
  const url = text && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') return undefined;
  const local =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname);
  return local ? url.href.replace(/\/$/, '') : undefined;
}
